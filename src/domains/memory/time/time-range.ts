import { PolymniaError } from '../../../kernel/errors.ts';
import type { TimeContext, TimeSpan } from './time-words.ts';
import { isDate, MONTH_PATTERN, readTimeWords } from './time-words.ts';
import type { Zone } from './zoned-time.ts';
import { HOUR_MS, MINUTE_MS, openZone, showWall, wallOf } from './zoned-time.ts';

export interface TimeRangeInput {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** The present, UTC milliseconds. */
  readonly nowMs: number;
  /** IANA name; words and readings without an offset are meant in it. */
  readonly timeZone: string;
}

/** Both ends are included; a missing end is open. */
export interface TimeRange {
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** The range in the zone's own readings, for the answer: `2023-05-01 00:00 to 2023-05-31 23:59 (Europe/Berlin)`. */
  readonly said?: string;
}

type Field = 'since' | 'until';

const MAX_LENGTH = 100;
const MIN_MS = Date.parse('0001-01-01T00:00:00Z');
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');
const EXAMPLES =
  '"2023-05-08", "2023-05-08T14:30", "2023-05-08T14:30:00+02:00", milliseconds since 1970 such as "1683549000000", "today", "yesterday", ' +
  '"last week", "this month", "last 3 days", "2 weeks ago", "last monday", "May 2023", "2023", "this morning", "recently"';
const DATE_TIME = /^([1-9]\d{3})-(\d{2})-(\d{2})[t ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(z|utc|[+-]\d{2}(?::?\d{2})?)?$/;
/** Eleven digits and more: a shorter number is far more often seconds or a mistake than an hour of 1970. */
const EPOCH_MS = /^(?:0|-?\d{11,16})$/;
const FROM_TO = /^(?:between (?<a>.+?) and (?<b>.+)|from (?<c>.+?) (?:to|until|till) (?<d>.+)|(?<e>.+?)\s?(?:\.\.|\u2013|\/) ?(?<f>.+))$/;

/**
 * Reads `since` and `until`: ISO dates and date-times, epoch milliseconds, English words.
 *
 * - `since` is the start of what it names, `until` the end (a plain date: the end of that day).
 * - `since` alone also sets the end when it names a period: "yesterday", "last week", "in May", "2023". Not so after
 *   "since", "from", "after" ("since monday"), for a full date, or for a distance ("last 3 days", "2 weeks ago").
 * - `since` alone may hold both ends: "between 3 May and 5 May", "from monday to friday", "2023-05-01..2023-05-07".
 * - "after X" begins after X's end, "before X" ends before its start.
 *
 * Throws `invalid_input` for what is not understood, an unknown zone, or a range that ends before it begins.
 */
export function parseTimeRange(input: TimeRangeInput): TimeRange {
  const context: TimeContext = { nowMs: input.nowMs, zone: openZone(input.timeZone) };
  if (input.since === undefined && input.until === undefined) return {};
  const both = input.until === undefined && input.since !== undefined ? splitFromTo(input.since) : undefined;
  const since = both?.since ?? input.since;
  const until = both?.until ?? input.until;
  const start = since === undefined ? undefined : readSince(since, context);
  const end = until === undefined ? start?.untilMs : readUntil(until, context);
  return checked(start?.sinceMs, end, context.zone);
}

function checked(sinceMs: number | undefined, untilMs: number | undefined, zone: Zone): TimeRange {
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) {
    throw new PolymniaError(
      'invalid_input',
      `The range ends before it begins: ${said(sinceMs, untilMs, zone)}. Right would be a since that lies before until.`,
      {
        details: { field: 'since' },
      },
    );
  }
  return { ...(sinceMs === undefined ? {} : { sinceMs }), ...(untilMs === undefined ? {} : { untilMs }), said: said(sinceMs, untilMs, zone) };
}

function said(sinceMs: number | undefined, untilMs: number | undefined, zone: Zone): string {
  const from = sinceMs === undefined ? undefined : showWall(zone.toWall(sinceMs));
  const to = untilMs === undefined ? undefined : showWall(zone.toWall(untilMs));
  const range = from === undefined ? `until ${to}` : to === undefined ? `since ${from}` : `${from} to ${to}`;
  return `${range} (${zone.name})`;
}

function splitFromTo(text: string): { since: string; until: string } | undefined {
  const groups = FROM_TO.exec(plain(text))?.groups;
  const since = groups?.['a'] ?? groups?.['c'] ?? groups?.['e'];
  const until = groups?.['b'] ?? groups?.['d'] ?? groups?.['f'];
  return since === undefined || until === undefined ? undefined : { since, until };
}

function readSince(text: string, context: TimeContext): { sinceMs: number; untilMs?: number } {
  const [, lead, words = ''] = /^(?:(since|from|starting|after|later than) )?(.*)$/.exec(plain(text)) ?? [];
  const span = readSpan(words, text, 'since', context);
  if (lead === 'after' || lead === 'later than') return { sinceMs: span.untilMs + 1 };
  return span.period && lead === undefined ? span : { sinceMs: span.sinceMs };
}

function readUntil(text: string, context: TimeContext): number {
  const [, lead, words = ''] = /^(?:(until|till|up to|to|by|through|before|earlier than) )?(.*)$/.exec(plain(text)) ?? [];
  const span = readSpan(words, text, 'until', context);
  return lead === 'before' || lead === 'earlier than' ? span.sinceMs - 1 : span.untilMs;
}

function plain(text: string): string {
  if (text.length > MAX_LENGTH) return '';
  return text
    .toLowerCase()
    .replace(/\bthe /g, '')
    .replace(/\s+/g, ' ')
    .replace(/[\s.!?]+$/, '')
    .trim();
}

function readSpan(words: string, original: string, field: Field, context: TimeContext): TimeSpan {
  const span = readInstant(words, context.zone) ?? readTimeWords(words, context);
  if (span === undefined || !Number.isFinite(span.sinceMs) || span.sinceMs > MAX_MS) throw notUnderstood(original, field);
  return { ...span, sinceMs: Math.max(MIN_MS, span.sinceMs), untilMs: Math.min(MAX_MS, Math.max(MIN_MS, span.untilMs)) };
}

function notUnderstood(text: string, field: Field): PolymniaError {
  const shown = text.length > MAX_LENGTH ? 'That long a text' : JSON.stringify(text.toWellFormed());
  return new PolymniaError('invalid_input', `${field}: ${shown} is not understood as a time. Right would be ${EXAMPLES}.`, { details: { field } });
}

function readInstant(words: string, zone: Zone): TimeSpan | undefined {
  if (EPOCH_MS.test(words)) return point(Number(words));
  const match = DATE_TIME.exec(words);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (!isDate(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined;
  const ms = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const wall = wallOf(year, month, day) + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + ms;
  const offset = match[8];
  return point(offset === undefined ? zone.toUtc(wall) : wall - offsetMs(offset));
}

function point(at: number): TimeSpan | undefined {
  return at < MIN_MS || at > MAX_MS ? undefined : { sinceMs: at, untilMs: at, period: false };
}

function offsetMs(text: string): number {
  if (text === 'z' || text === 'utc') return 0;
  const digits = text.slice(1).replace(':', '');
  const size = Number(digits.slice(0, 2)) * HOUR_MS + Number(digits.slice(2) || 0) * MINUTE_MS;
  return text.startsWith('-') ? -size : size;
}

const MAX_MENTIONS = 4;
const DAY_NUMBER = String.raw`\d{1,2}(?:st|nd|rd|th)?`;
/** Explicit dates in running text. "may" and "march" alone are words; with "in", a day or a year they are months. */
const MENTION = new RegExp(
  String.raw`\b(?:\d{4}-\d{2}-\d{2}|(?:${MONTH_PATTERN}) ${DAY_NUMBER}(?:,? \d{4})?|${DAY_NUMBER}(?: of)? (?:${MONTH_PATTERN})(?:,? \d{4})?|` +
    String.raw`(?:${MONTH_PATTERN})(?: of)?,? \d{4}|in (?:${MONTH_PATTERN})|in \d{4}|yesterday|last (?:night|weekend|week|month|year))\b`,
  'g',
);

/**
 * The spans that a question names by date ("What did Ann cook on 3 May, 2023?"), at most four, to lift memories of that time
 * (see `favourDates`). Looks at the first 1,000 characters. Never throws for any text; throws `invalid_input` for an unknown zone.
 */
export function mentionedSpans(text: string, at: { readonly nowMs: number; readonly timeZone: string }): TimeSpan[] {
  const mentions = text.slice(0, 1_000).toLowerCase().replace(/\s+/g, ' ').match(MENTION);
  if (mentions === null) return [];
  const context: TimeContext = { nowMs: at.nowMs, zone: openZone(at.timeZone) };
  return mentions.slice(0, MAX_MENTIONS).flatMap((words) => readTimeWords(words, context) ?? []);
}
