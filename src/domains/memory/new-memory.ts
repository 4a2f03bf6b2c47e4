import { PolymniaError } from '../../kernel/errors.ts';
import type { StoreItem } from './inputs.ts';
import { MEMORY_LIMITS, type MemorySource, type Metadata, type NewMemory, tagsSchema } from './model.ts';

const DEFAULT_TYPE = 'note';
const MAX_CLIENT = 128;

/** Who stores, when, under which id, as a new memory needs it. */
export interface Provenance {
  readonly uuid: string;
  readonly author: string;
  readonly client: string | undefined;
  /** UTC ms. */
  readonly now: number;
}

/** A parsed item as the memory to be stored. Rejects with `invalid_input` an expiry that has passed. */
export function toNewMemory(item: StoreItem, provenance: Provenance): NewMemory {
  const { now } = provenance;
  const labels = takeLabels(item);
  const expiresAt = expiryOf(item, now) ?? undefined;
  return {
    uuid: provenance.uuid,
    content: item.content,
    type: labels.type ?? DEFAULT_TYPE,
    tags: labels.tags ?? [],
    metadata: labels.metadata ?? {},
    ...(item.thread === undefined ? {} : { thread: item.thread }),
    ...(item.place === undefined ? {} : { place: item.place }),
    source: sourceOf(provenance.client, item.origin),
    author: provenance.author,
    occurredAt: item.occurredAt ?? now,
    createdAt: now,
    updatedAt: now,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** The moment of expiry, UTC ms; null = never, undefined = nothing said. Rejects with `invalid_input` one that has passed. */
export function expiryOf(
  item: { readonly expiresAt?: number | null | undefined; readonly expiresIn?: number | undefined },
  now: number,
): number | null | undefined {
  if (item.expiresIn !== undefined) return now + item.expiresIn * 1000;
  if (typeof item.expiresAt === 'number' && item.expiresAt <= now) {
    throw new PolymniaError('invalid_input', `expiresAt is ${new Date(item.expiresAt).toISOString()}, which has passed; it must lie in the future.`, {
      details: { field: 'expiresAt' },
    });
  }
  return item.expiresAt;
}

export interface Labels {
  readonly type?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Metadata;
}

/**
 * Type and tags, also from inside `metadata`, where older clients put them: a type beside it wins, tags are united. What was
 * taken is no longer metadata; what does not fit as type or tags stays there.
 */
export function takeLabels(item: {
  readonly type?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
}): Labels {
  const { type: innerType, tags: innerTags, ...rest } = item.metadata ?? {};
  const type =
    typeof innerType === 'string' && innerType.trim() !== '' && innerType.length <= MEMORY_LIMITS.typeLength ? innerType.trim() : undefined;
  const tags = innerTags === undefined ? undefined : tagsSchema.safeParse([...(item.tags ?? []), ...asList(innerTags)]).data;
  const metadata = {
    ...rest,
    ...(type === undefined && innerType !== undefined ? { type: innerType } : {}),
    ...(tags === undefined && innerTags !== undefined ? { tags: innerTags } : {}),
  };
  const typeSaid = item.type ?? type;
  const tagsSaid = tags ?? item.tags;
  return {
    ...(typeSaid === undefined ? {} : { type: typeSaid }),
    ...(tagsSaid === undefined ? {} : { tags: tagsSaid }),
    ...(item.metadata === undefined ? {} : { metadata }),
  };
}

/** A list of tags as it may stand in metadata; something that is none gives an item that no tag schema takes. */
function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'string'
    ? value
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== '')
    : [value];
}

/** What a client and an origin have told, as a memory keeps it. */
export function sourceOf(client: string | undefined, origin?: string): MemorySource {
  return {
    ...(client === undefined || client === '' ? {} : { client: client.slice(0, MAX_CLIENT).toWellFormed() }),
    ...(origin === undefined || origin === '' ? {} : { origin }),
  };
}
