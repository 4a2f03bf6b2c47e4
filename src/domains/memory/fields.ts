import { z } from 'zod';
import { toJson } from './json.ts';
import { MEMORY_LIMITS, type Metadata, tagsSchema } from './model.ts';

/** The years 1 to 9999, UTC ms: what ISO 8601 writes with four digits. */
const MIN_TIME = Date.parse('0001-01-01T00:00:00Z');
const MAX_TIME = Date.parse('9999-12-31T23:59:59.999Z');

function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** Text as users wrote it: lone surrogates, which no encoding can carry, become U+FFFD; nothing else is touched. */
const text = z.string().overwrite(wellFormed);

const byteLimited = (bytes: number, what: string): z.ZodString =>
  text.min(1, `${what} is empty; give at least one character`).superRefine((value, ctx) => {
    const size = Buffer.byteLength(value);
    if (size > bytes) ctx.addIssue({ code: 'custom', message: `${what} has ${size} bytes of UTF-8; at most ${bytes} are allowed` });
  });

export const contentField = byteLimited(MEMORY_LIMITS.contentBytes, 'content').describe(
  'The text to remember, in full sentences that make sense on their own. 1 byte to 64 KB of UTF-8.',
);
export const typeField = text.trim().min(1).max(MEMORY_LIMITS.typeLength).describe('Kind of memory, e.g. note, decision, preference, task.');
export const tagsField = tagsSchema.describe(`Up to ${MEMORY_LIMITS.tags} labels: an array, or one comma-separated text.`);
export const threadField = text
  .min(1)
  .max(MEMORY_LIMITS.threadLength)
  .describe('Name of an ordered run of memories, such as a conversation; neighbours in a thread help to find each other.');
export const placeField = z.int().min(0).describe('Number in the thread, by which it is ordered; left out = the next one. Only with thread.');
export const originField = text.max(MEMORY_LIMITS.originLength).describe('Where the text came from, e.g. a URL or a file name.');
export const spaceField = z.string().describe('Id of a space (space_…, whoami lists them); left out = your personal space.');
export const queryField = text.min(1).max(MEMORY_LIMITS.queryLength);
export const memoryIdField = z.string().describe('Id of a memory (mem_…), as another answer gave it.');
export const timeZoneField = z.string().max(64).describe('IANA time zone for words like "last week", e.g. Europe/Berlin; left out = yours.');
export const cursorField = z.string().max(1024).describe('The "cursor" of the page before; everything else must stay the same.');

/** A positive whole number that may come as text from a query string. */
export function countField(max: number, initial: number): z.ZodDefault<z.ZodCoercedNumber> {
  return z.coerce.number().int().min(1).max(max).default(initial);
}

/** A number from 0 to 1 that may come as text from a query string. */
export const shareField = z.coerce.number().min(0).max(1);

/** A boolean that may come as the text `true` or `false`. */
export const flagField = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());

const ISO_INSTANT = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d))?$/;

/** A moment: ISO 8601 with an offset, a date alone (its start in UTC), or UTC milliseconds. Comes out as UTC ms. */
export const instantField = z.union([z.number(), z.string().max(64)]).transform((value, ctx) => {
  const at = typeof value === 'number' ? Math.trunc(value) : ISO_INSTANT.test(value) ? Date.parse(value) : Number.NaN;
  if (at >= MIN_TIME && at <= MAX_TIME) return at;
  ctx.addIssue({ code: 'custom', message: 'not a moment; use ISO 8601 with an offset, e.g. 2026-05-01T09:30:00Z, or UTC milliseconds' });
  return z.NEVER;
});

/** A JSON object within the limits of metadata. Text is taken as JSON, for query strings. */
export const metadataField = z
  .unknown()
  .meta({ type: 'object', description: 'Any JSON object of up to 16 KB, kept beside the content.' })
  .transform((value, ctx): Metadata => {
    const parsed = toObject(value);
    if (typeof parsed === 'string') {
      ctx.addIssue({ code: 'custom', message: parsed });
      return z.NEVER;
    }
    const bytes = Buffer.byteLength(JSON.stringify(parsed));
    if (bytes <= MEMORY_LIMITS.metadataBytes) return parsed;
    ctx.addIssue({ code: 'custom', message: `metadata has ${bytes} bytes as JSON; at most ${MEMORY_LIMITS.metadataBytes} are allowed` });
    return z.NEVER;
  });

type Scalar = string | number | boolean | null;

/** Top-level metadata fields that must equal scalars. */
export const metadataFilterField = z
  .unknown()
  .meta({
    type: 'object',
    description: 'Top-level metadata fields and the text, number, boolean or null each must equal, e.g. {"project": "atlas"}.',
  })
  .transform((value, ctx): Readonly<Record<string, Scalar>> => {
    const parsed = toObject(value);
    const problem = typeof parsed === 'string' ? parsed : filterProblem(parsed);
    if (problem === undefined) return parsed as Readonly<Record<string, Scalar>>;
    ctx.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  });

const METADATA_JSON = { depth: MEMORY_LIMITS.metadataDepth, bytes: MEMORY_LIMITS.metadataBytes } as const;
/** Of metadata as text, which may hold blanks and escapes that do not count later. */
const MAX_METADATA_TEXT = 8 * MEMORY_LIMITS.metadataBytes;

function toObject(value: unknown): Metadata | string {
  if (typeof value === 'string' && value.length > MAX_METADATA_TEXT)
    return `metadata has ${value.length} characters as text; at most ${MAX_METADATA_TEXT} are allowed`;
  const parsed = toJson(typeof value === 'string' ? parseText(value) : value, METADATA_JSON);
  if (!parsed.ok) return `metadata ${parsed.problem}`;
  if (parsed.value === null || typeof parsed.value !== 'object' || Array.isArray(parsed.value)) return 'metadata must be a JSON object';
  return parsed.value as Metadata;
}

function parseText(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    // Not JSON, therefore no object: the caller's next check says so.
    return json;
  }
}

function filterProblem(fields: Metadata): string | undefined {
  const entries = Object.entries(fields);
  if (entries.length === 0 || entries.length > MEMORY_LIMITS.metadataFilter) {
    return `metadata must name 1 to ${MEMORY_LIMITS.metadataFilter} fields`;
  }
  const nested = entries.some(([, value]) => value !== null && typeof value === 'object');
  return nested ? 'metadata can only be compared with texts, numbers, booleans and null' : undefined;
}
