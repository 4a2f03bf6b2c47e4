import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { parseRecordId, RECORD_NOUNS } from '../../kernel/ids.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import { embedModelOf, oneSpace, writeOnceCall, writtenWork } from './calls.ts';
import type { MemoryServiceDeps } from './deps.ts';
import type { StoreInput, StoreItem, StoreManyInput, UpdateInput } from './inputs.ts';
import { MEMORY_KIND, MEMORY_LIMITS, type NewMemory } from './model.ts';
import { expiryOf, takeLabels, toNewMemory } from './new-memory.ts';
import { isoTime, memoryId, type MemoryOutput, type StoredOutput, type StoreManyOutput, type StoreOutput, toMemoryOutput } from './outputs.ts';
import type { AddOutcome, MemoryChange } from './store.ts';
import { storedBytes } from './stored-bytes.ts';

/** Stores one memory; an equal one outside threads is answered with its id. Resolves when it is on disk. */
export async function storeMemory(deps: MemoryServiceDeps, input: StoreInput, ctx: OperationContext): Promise<StoreOutput> {
  const { space: _named, ...item } = input;
  const space = oneSpace(ctx);
  const [stored] = await addItems(deps, ctx, space, 'store_memory', [item]);
  if (stored === undefined) throw new PolymniaError('internal', 'The store answered a write with no outcome.');
  return { ...stored, space: space.id };
}

/** Stores many memories in one commit, all or none; each has its own outcome. */
export async function storeMemories(deps: MemoryServiceDeps, input: StoreManyInput, ctx: OperationContext): Promise<StoreManyOutput> {
  const space = oneSpace(ctx);
  const items = await addItems(deps, ctx, space, 'store_memories', input.items);
  const created = items.filter((item) => item.created).length;
  return { space: space.id, created, duplicates: items.length - created, items };
}

async function addItems(
  deps: MemoryServiceDeps,
  ctx: OperationContext,
  space: SpaceAccess,
  operation: string,
  items: readonly StoreItem[],
): Promise<StoredOutput[]> {
  const now = deps.clock.now();
  const client = ctx.origin.client;
  const memories = items.map((item) => toNewMemory(item, { uuid: deps.ids.uuid(), author: ctx.caller.userId, client, now }));
  using reservation = await ctx.quota.reserve(space, sumOf(memories.map(storedBytes)));
  using _hold = await deps.marks.hold(space.key, writtenWork(deps, memories, now));
  const outcomes = await naming(space, deps.store.add(writeOnceCall(ctx, space, now, operation, items), memories, embedModelOf(deps)));
  reservation.settle(isReplay(outcomes, memories) ? 0 : sumOf(outcomes.map((outcome) => outcome.addedBytes)));
  return outcomes.map((outcome) => toStored(space, outcome));
}

/** Gives a conflict the public id of the memory in the way: the store knows only the record's own part. */
async function naming<T>(space: SpaceAccess, write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    const uuid = error instanceof PolymniaError && error.code === 'conflict' ? error.details?.['uuid'] : undefined;
    if (!(error instanceof PolymniaError) || typeof uuid !== 'string') throw error;
    const { uuid: _uuid, ...details } = error.details ?? {};
    throw new PolymniaError('conflict', error.message, { details: { ...details, id: memoryId(space, uuid) }, cause: error });
  }
}

/** The first answer to an idempotency key names ids that are not those of this attempt; nothing was written this time. */
function isReplay(outcomes: readonly AddOutcome[], memories: readonly NewMemory[]): boolean {
  return outcomes.some(({ created, uuid }, at) => created && uuid !== memories[at]?.uuid);
}

function toStored(space: SpaceAccess, outcome: AddOutcome): StoredOutput {
  return {
    id: memoryId(space, outcome.uuid),
    created: outcome.created,
    version: outcome.version,
    tags: [...outcome.tags],
    ...(outcome.tagsDropped === undefined ? {} : { tagsDropped: outcome.tagsDropped }),
    ...(outcome.place === undefined ? {} : { place: outcome.place }),
    ...(outcome.expiresAt === undefined ? {} : { expiresAt: isoTime(outcome.expiresAt) }),
  };
}

/** What an update can add beside its new state: the old one, kept as a version. */
const OLD_VERSION_BYTES = MEMORY_LIMITS.contentBytes + MEMORY_LIMITS.metadataBytes;

/** Changes a memory, keeping its old state as a version. Rejects with `not_found`, or `conflict` (equal content, other version). */
export async function updateMemory(deps: MemoryServiceDeps, input: UpdateInput, ctx: OperationContext): Promise<MemoryOutput> {
  const space = oneSpace(ctx);
  const now = deps.clock.now();
  const change = toChange(deps, input, ctx, now);
  const { content = '', tags = [], metadata = {}, expiresAt } = change;
  using reservation = await ctx.quota.reserve(space, storedBytes({ content, tags, metadata }) + OLD_VERSION_BYTES);
  using _hold = await deps.marks.hold(space.key, writtenWork(deps, typeof expiresAt === 'number' ? [{ expiresAt }] : [], now));
  const outcome = await naming(space, deps.store.update(writeOnceCall(ctx, space, now, 'update_memory', input), uuidOf(input.id), change));
  if (outcome === undefined) throw notFound(RECORD_NOUNS[MEMORY_KIND]);
  // The answer to an idempotency key used before carries the time of the first attempt; nothing was written this time.
  reservation.settle(outcome.memory.updatedAt === now ? outcome.addedBytes : 0);
  return toMemoryOutput(space, outcome.memory);
}

function toChange(deps: MemoryServiceDeps, input: UpdateInput, ctx: OperationContext, now: number): MemoryChange {
  const labels = takeLabels(input);
  const expiresAt = expiryOf(input, now);
  return {
    ...(input.content === undefined ? {} : { content: input.content }),
    ...labels,
    ...(input.occurredAt === undefined ? {} : { occurredAt: input.occurredAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(input.ifVersion === undefined ? {} : { ifVersion: input.ifVersion }),
    changedBy: ctx.caller.userId,
    ...embedModelOf(deps),
  };
}

/** The record's own part of an id that the gate has parsed before. */
export function uuidOf(id: string): string {
  const parsed = parseRecordId(MEMORY_KIND, id);
  if (parsed === undefined) throw notFound(RECORD_NOUNS[MEMORY_KIND]);
  return parsed.uuid;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
