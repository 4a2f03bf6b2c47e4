import { parseJson } from '../../../../kernel/parse-json.ts';
import { MEMORY_LIMITS } from '../../model.ts';
import type { ImportLine } from '../line-format.ts';

/** What became of another product's export. Items are numbered from 1, as they stand in it. */
export interface ConvertedImport {
  readonly lines: readonly ImportLine[];
  readonly problems: readonly { readonly item: number; readonly message: string }[];
}

export type Fields = Readonly<Record<string, unknown>>;

/** Numbers below are seconds since 1970, as Python's time gives them; above, milliseconds. 1e11 s is the year 5138. */
const SECONDS_BELOW = 1e11;
const MAX_TIME = Date.parse('9999-12-31T23:59:59.999Z');
const OFFSET = /(?:[zZ]|[+-]\d\d:?\d\d)$/;

/** Converts items one by one; `convert` answers with the lines of one, or a sentence why it gives none. */
export function convertEach(items: Iterable<unknown>, convert: (fields: Fields) => readonly ImportLine[] | string): ConvertedImport {
  const lines: ImportLine[] = [];
  const problems: { item: number; message: string }[] = [];
  let item = 0;
  for (const value of items) {
    item += 1;
    const converted = isFields(value) ? convert(value) : 'not a JSON object';
    if (typeof converted === 'string') problems.push({ item, message: converted });
    else lines.push(...converted);
  }
  return { lines, problems };
}

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** A text that is not blank. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** A time as UTC ms: seconds or milliseconds since 1970, a numeric text of these, or ISO 8601 (without an offset: UTC). */
export function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return inRange(Math.abs(value) < SECONDS_BELOW ? value * 1000 : value);
  const text = textOf(value)?.trim();
  if (text === undefined) return undefined;
  if (/^-?\d+(?:\.\d+)?$/.test(text) && text.length > 4) return timeOf(Number(text));
  return inRange(Date.parse(text.includes(':') && !OFFSET.test(text) ? `${text}Z` : text));
}

function inRange(ms: number): number | undefined {
  return Number.isFinite(ms) && Math.abs(ms) <= MAX_TIME ? Math.round(ms) : undefined;
}

/** Tags from an array, a comma-separated text, or a JSON array as text; `rest` are those beyond the limit. */
export function tagsOf(value: unknown): { readonly tags: readonly string[]; readonly rest: readonly string[] } {
  const listed = Array.isArray(value) ? value : splitText(textOf(value) ?? '');
  const tags = [
    ...new Set(
      listed.flatMap((tag) => (typeof tag === 'string' || typeof tag === 'number' ? [cut(String(tag).trim(), MEMORY_LIMITS.tagLength)] : [])),
    ),
  ];
  const some = tags.filter((tag) => tag !== '');
  return { tags: some.slice(0, MEMORY_LIMITS.tags), rest: some.slice(MEMORY_LIMITS.tags) };
}

function splitText(text: string): readonly unknown[] {
  const parsed = text.startsWith('[') ? parseJson(text) : undefined;
  return Array.isArray(parsed) ? parsed : text.split(',');
}

/** A type within its limit. */
export function typeOf(value: unknown): string | undefined {
  const text = textOf(value)?.trim();
  return text === undefined ? undefined : cut(text, MEMORY_LIMITS.typeLength);
}

/** An object, or a JSON object as text; what is neither is kept under its own name. */
export function metadataOf(name: string, value: unknown): Fields {
  const parsed = typeof value === 'string' ? parseJson(value) : value;
  if (isFields(parsed)) return parsed;
  return value === undefined || value === null || value === '' ? {} : { [name]: value };
}

/** Fields that are not named, without those that say nothing. */
export function otherFields(fields: Fields, known: readonly string[]): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([key, value]) => !known.includes(key) && value !== null && value !== undefined && value !== ''),
  );
}

/** A line with only those fields that say something. */
export function lineOf(line: { readonly [Key in keyof ImportLine]: ImportLine[Key] | undefined } & { readonly content: string }): ImportLine {
  const said = Object.entries(line).filter(([, value]) => value !== undefined && !isEmpty(value));
  return { ...Object.fromEntries(said), content: line.content };
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isFields(value) && Object.keys(value).length === 0;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).toWellFormed();
}
