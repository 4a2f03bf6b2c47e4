import { z } from 'zod';
import { parseRecordId } from '../../../kernel/ids.ts';
import type { SpaceAccess } from '../../../kernel/operation.ts';
import { shortList } from '../../../kernel/short-list.ts';
import { contentField, instantField, metadataField, originField, placeField, threadField, typeField } from '../fields.ts';
import { MEMORY_KIND, MEMORY_LIMITS, type NewMemory, tagsSchema } from '../model.ts';
import { takeLabels } from '../new-memory.ts';
import { toMemoryOutput, toVersionOutput } from '../outputs.ts';
import type { MemoryWithHistory } from '../store.ts';

/** Version of the JSON Lines format below; a reader refuses a newer one. */
const FORMAT_VERSION = 1;

/** What an export says of itself. */
export const EXPORT_NOTE = 'Read page by page, so this is no snapshot: what was written meanwhile may be in it or not.';

const clientField = z
  .string()
  .max(128)
  .overwrite((text) => text.toWellFormed());

const versionLine = z.object({
  version: z.int().min(1),
  content: contentField,
  type: typeField,
  tags: tagsSchema,
  metadata: metadataField,
  replacedAt: instantField,
});

/** One memory as a line of our format. Only `content` is needed; fields that are not named here are ignored. */
const memoryLine = z
  .object({
    id: z.string().optional(),
    content: contentField,
    type: typeField.optional(),
    tags: tagsSchema.optional(),
    metadata: metadataField.optional(),
    thread: threadField.optional(),
    place: placeField.optional(),
    source: z.object({ client: clientField.optional(), origin: originField.optional() }).optional(),
    occurredAt: instantField.optional(),
    createdAt: instantField.optional(),
    updatedAt: instantField.optional(),
    expiresAt: instantField.optional(),
    version: z.int().min(1).optional(),
    history: shortList(MEMORY_LIMITS.versions, z.array(versionLine).max(MEMORY_LIMITS.versions)).optional(),
  })
  .refine((line) => line.place === undefined || line.thread !== undefined, { path: ['place'], message: 'place needs a thread' });

/** A line as converters write it. */
export interface ImportLine {
  readonly id?: string;
  readonly content: string;
  readonly type?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly thread?: string;
  readonly place?: number;
  readonly source?: { readonly client?: string; readonly origin?: string };
  /** ISO 8601 with an offset, or UTC ms; so are the others. */
  readonly occurredAt?: string | number;
  readonly createdAt?: string | number;
  readonly updatedAt?: string | number;
  readonly expiresAt?: string | number;
}

const markerLine = z.object({ polymnia: z.string(), version: z.int().optional() });

/** The first line of an export. */
export function headerLine(exportedAt: string): Record<string, unknown> {
  return { polymnia: 'memories', version: FORMAT_VERSION, exportedAt, note: EXPORT_NOTE };
}

/** The last line of an export: without it, the file was cut off. */
export function endLine(memories: number): Record<string, unknown> {
  return { polymnia: 'end', memories };
}

/** A stored memory with its history as a line of an export. */
export function toLine(space: SpaceAccess, memory: MemoryWithHistory): Record<string, unknown> {
  const { importId: _importId, space: _space, ...line } = toMemoryOutput(space, memory);
  const history = (memory.history ?? []).map(toVersionOutput);
  return history.length === 0 ? line : { ...line, history };
}

/** What an import is, beside its lines. */
export interface LineContext {
  readonly importId: string;
  /** Who imports: the author of all that comes with it, whatever the lines say. */
  readonly author: string;
  /** Origin of memories that say none; empty = none. */
  readonly name: string;
  /** UTC ms. */
  readonly now: number;
  readonly uuid: () => string;
}

export type ParsedLine =
  | { readonly kind: 'memory'; readonly memory: NewMemory }
  | { readonly kind: 'bad'; readonly message: string }
  /** Blank, or a header or end line. */
  | { readonly kind: 'none' };

/** One line of an import, whole or not at all. The message of a bad one says what is wrong and never repeats its text. */
export function parseLine(text: string, context: LineContext): ParsedLine {
  const json = text.replace(/^\uFEFF/, '').trim();
  if (json === '') return { kind: 'none' };
  const value = parseJson(json);
  if (value === undefined) return { kind: 'bad', message: 'not a JSON object' };
  const marker = 'polymnia' in value && !('content' in value) ? markerLine.safeParse(value) : undefined;
  if (marker?.success === true) return markerResult(marker.data);
  const parsed = memoryLine.safeParse(value);
  if (!parsed.success) return { kind: 'bad', message: problemOf(parsed.error) };
  const { expiresAt } = parsed.data;
  if (expiresAt !== undefined && expiresAt <= context.now) return { kind: 'bad', message: 'expired before it was imported' };
  return { kind: 'memory', memory: toMemory(parsed.data, context) };
}

function markerResult(marker: z.output<typeof markerLine>): ParsedLine {
  if ((marker.version ?? 0) <= FORMAT_VERSION) return { kind: 'none' };
  return { kind: 'bad', message: `format version ${marker.version} is newer than ${FORMAT_VERSION}, the newest this server reads` };
}

function toMemory(line: z.output<typeof memoryLine>, context: LineContext): NewMemory {
  const labels = takeLabels(line);
  const createdAt = line.createdAt ?? context.now;
  const origin = line.source?.origin ?? (context.name === '' ? undefined : context.name);
  return {
    uuid: (line.id === undefined ? undefined : parseRecordId(MEMORY_KIND, line.id)?.uuid) ?? context.uuid(),
    content: line.content,
    type: labels.type ?? 'note',
    tags: labels.tags ?? [],
    metadata: labels.metadata ?? {},
    ...(line.thread === undefined ? {} : { thread: line.thread }),
    ...(line.place === undefined ? {} : { place: line.place }),
    source: { ...(line.source?.client === undefined ? {} : { client: line.source.client }), ...(origin === undefined ? {} : { origin }) },
    author: context.author,
    occurredAt: line.occurredAt ?? createdAt,
    createdAt,
    updatedAt: line.updatedAt ?? createdAt,
    ...(line.expiresAt === undefined ? {} : { expiresAt: line.expiresAt }),
    ...(line.version === undefined ? {} : { version: line.version }),
    importId: context.importId,
    ...(line.history === undefined ? {} : { history: line.history.map((version) => ({ ...version, replacedBy: context.author })) }),
  };
}

function problemOf(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'not a memory';
  return issue.path.length === 0 ? issue.message : `${issue.path.map(String).join('.')}: ${issue.message}`;
}

function parseJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    // The line is reported as bad.
    return undefined;
  }
}
