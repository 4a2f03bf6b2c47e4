import type { WallMs, Zone } from './zoned-time.ts';
import { addMonths, DAY_MS, HOUR_MS, MINUTE_MS, startOfDay, startOfWeek, wallOf, weekdayOf } from './zoned-time.ts';

/** What one expression means: a span of instants, both ends included, in UTC milliseconds. */
export interface TimeSpan {
  readonly sinceMs: number;
  readonly untilMs: number;
  /**
   * Does the expression name a period with an end of its own ("last week", "May 2023")? A full date or an instant is a point,
   * "2 weeks ago" or "last 3 days" a distance: as `since` they have no end.
   */
  readonly period: boolean;
}

export interface TimeContext {
  readonly nowMs: number;
  readonly zone: Zone;
}

type Rule = readonly [pattern: RegExp, read: (match: RegExpExecArray, context: TimeContext) => TimeSpan | undefined];

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december'];
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
const LOOSE_NUMBERS: Readonly<Record<string, number>> = { a: 1, an: 1, 'a couple of': 2, 'a few': 3, several: 5 };
/** Hours of a day's parts, from and to. "Morning" begins at midnight, so that a very early one is not lost. */
const DAY_PARTS: Readonly<Record<string, readonly [number, number]>> = { morning: [0, 12], afternoon: [12, 18], evening: [18, 24], night: [18, 30] };

export const MONTH_PATTERN =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?';
const WEEKDAY_PATTERN = 'sun(?:day)?|mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?';
const COUNT_PATTERN = String.raw`\d{1,4}|an?|a couple of|a few|several|${NUMBERS.slice(1).join('|')}`;
const UNIT_PATTERN = 'minute|min|hour|hr|day|week|weekend|month|quarter|year';
const YEAR_PATTERN = String.raw`[1-9]\d{3}`;
const DAY_PATTERN = String.raw`\d{1,2}(?:st|nd|rd|th)?`;

function rule(source: string, read: Rule[1]): Rule {
  return [new RegExp(`^(?:${source})$`), read];
}

const RULES: readonly Rule[] = [
  rule('now|right now', (_, { nowMs }) => ({ sinceMs: nowMs, untilMs: nowMs, period: false })),
  rule('recently|lately|recent', (_, context) => distance(context, 7, 'day')),
  rule('today', (_, context) => days(context, today(context), 1)),
  rule('yesterday', (_, context) => days(context, today(context) - DAY_MS, 1)),
  rule('day before yesterday', (_, context) => days(context, today(context) - 2 * DAY_MS, 1)),
  rule('tomorrow', (_, context) => days(context, today(context) + DAY_MS, 1)),
  rule('tonight', (_, context) => dayPart(context, today(context), 'night')),
  rule('last night', (_, context) => dayPart(context, today(context) - DAY_MS, 'night')),
  rule('(this|today|yesterday|tomorrow) (morning|afternoon|evening|night)', ([, day = '', part = ''], context) =>
    dayPart(context, today(context) + (day === 'yesterday' ? -DAY_MS : day === 'tomorrow' ? DAY_MS : 0), part),
  ),
  rule('(this|current|last|previous|next) (week|weekend|month|quarter|year)', ([, which = '', unit = ''], context) =>
    calendarUnit(context, unit, which === 'next' ? 1 : which === 'last' || which === 'previous' ? -1 : 0),
  ),
  rule(`(?:past|this past) (${UNIT_PATTERN})`, ([, unit = ''], context) =>
    unit === 'weekend' ? calendarUnit(context, unit, -1) : distance(context, 1, unit),
  ),
  rule('last (minute|min|hour|hr|day)', ([, unit = ''], context) => distance(context, 1, unit)),
  rule(`(?:last|past|previous|this past) (${COUNT_PATTERN}) (${UNIT_PATTERN})s?`, ([, count = '', unit = ''], context) =>
    distance(context, countOf(count), unit),
  ),
  rule(`(${COUNT_PATTERN}) (${UNIT_PATTERN})s? ago`, ([, count = '', unit = ''], context) => ago(context, countOf(count), unit)),
  rule(`(?:(this|last|previous|next|on) )?(${WEEKDAY_PATTERN})`, ([, which = '', name = ''], context) => weekday(context, which, name)),
  rule(`(?:(?:in|during|this|of) )?(?:(last) )?(${MONTH_PATTERN})`, ([, last, name = ''], context) => monthAlone(context, name, last !== undefined)),
  rule(`(?:(?:in|during) )?(${MONTH_PATTERN})(?: of)?,? (${YEAR_PATTERN})`, ([, name = '', year = ''], context) =>
    months(context, wallOf(Number(year), monthOf(name)), 1),
  ),
  rule(`(?:on )?(${MONTH_PATTERN}) (${DAY_PATTERN})(?:,? (${YEAR_PATTERN}))?`, ([, name = '', day = '', year], context) =>
    dayOf(context, year, name, day),
  ),
  rule(`(?:on )?(${DAY_PATTERN})(?: of)? (${MONTH_PATTERN})(?:,? (${YEAR_PATTERN}))?`, ([, day = '', name = '', year], context) =>
    dayOf(context, year, name, day),
  ),
  rule(`(?:(?:in|during) )?(${YEAR_PATTERN})`, ([, year = ''], context) => months(context, wallOf(Number(year), 1), 12)),
  rule(`(?:in )?(${YEAR_PATTERN})-(\\d{2})`, ([, year = '', month = ''], context) =>
    Number(month) >= 1 && Number(month) <= 12 ? months(context, wallOf(Number(year), Number(month)), 1) : undefined,
  ),
  rule(`(?:in )?q([1-4])(?:,? (${YEAR_PATTERN}))?`, ([, quarter = '', year], context) =>
    months(context, wallOf(year === undefined ? yearOf(today(context)) : Number(year), Number(quarter) * 3 - 2), 3),
  ),
  rule(`(?:on )?(${YEAR_PATTERN})-(\\d{2})-(\\d{2})`, ([, year = '', month = '', day = ''], context) =>
    pointDay(context, Number(year), Number(month), Number(day)),
  ),
];

/**
 * The span that an expression names, or undefined when it is not understood. `words` is lower case, its white space
 * single, without "the". Weeks begin on Monday. A month, date or weekday without its year or week is the latest one that has begun.
 */
export function readTimeWords(words: string, context: TimeContext): TimeSpan | undefined {
  for (const [pattern, read] of RULES) {
    const match = pattern.exec(words);
    if (match !== null) return read(match, context);
  }
  return undefined;
}

function today({ nowMs, zone }: TimeContext): WallMs {
  return startOfDay(zone.toWall(nowMs));
}

function yearOf(wall: WallMs): number {
  return new Date(wall).getUTCFullYear();
}

function between({ zone }: TimeContext, from: WallMs, to: WallMs, period = true): TimeSpan {
  const sinceMs = zone.toUtc(from);
  // A day that a zone skipped altogether has no end after its start.
  return { sinceMs, untilMs: Math.max(sinceMs, zone.toUtc(to) - 1), period };
}

function days(context: TimeContext, from: WallMs, count: number): TimeSpan {
  return between(context, from, from + count * DAY_MS);
}

function months(context: TimeContext, from: WallMs, count: number): TimeSpan {
  return between(context, from, addMonths(from, count));
}

function dayPart(context: TimeContext, day: WallMs, part: string): TimeSpan {
  const [from, to] = DAY_PARTS[part] ?? [0, 24];
  // "Last night" ends at six in the morning.
  return between(context, day + from * HOUR_MS, day + to * HOUR_MS);
}

function calendarUnit(context: TimeContext, unit: string, shift: number): TimeSpan {
  const now = today(context);
  const week = startOfWeek(now) + shift * 7 * DAY_MS;
  const month = new Date(now).getUTCMonth() + 1;
  switch (unit) {
    case 'week':
      return days(context, week, 7);
    case 'weekend':
      return days(context, week + 5 * DAY_MS, 2);
    case 'month':
      return months(context, wallOf(yearOf(now), month + shift), 1);
    case 'quarter':
      return months(context, wallOf(yearOf(now), month - ((month - 1) % 3) + 3 * shift), 3);
    default:
      return months(context, wallOf(yearOf(now) + shift, 1), 12);
  }
}

/** From `count` units before now until now, the same time of day for days and longer. */
function distance(context: TimeContext, count: number, unit: string): TimeSpan {
  return { sinceMs: back(context, count, unit), untilMs: context.nowMs, period: false };
}

function back({ nowMs, zone }: TimeContext, count: number, unit: string): number {
  if (unit.startsWith('min')) return nowMs - count * MINUTE_MS;
  if (unit === 'hour' || unit === 'hr') return nowMs - count * HOUR_MS;
  return zone.toUtc(backOnCalendar(zone.toWall(nowMs), count, unit));
}

function backOnCalendar(wall: WallMs, count: number, unit: string): WallMs {
  if (unit === 'day') return wall - count * DAY_MS;
  if (unit === 'week' || unit === 'weekend') return wall - count * 7 * DAY_MS;
  return addMonths(wall, -count * (unit === 'year' ? 12 : unit === 'quarter' ? 3 : 1));
}

/** Minutes and hours ago are an instant, days and longer the whole day. */
function ago(context: TimeContext, count: number, unit: string): TimeSpan {
  const at = back(context, count, unit);
  if (/^(?:min|hour|hr)/.test(unit)) return { sinceMs: at, untilMs: at, period: false };
  const day = startOfDay(context.zone.toWall(at));
  return between(context, day, day + DAY_MS, false);
}

function countOf(text: string): number {
  return LOOSE_NUMBERS[text] ?? (NUMBERS.includes(text) ? NUMBERS.indexOf(text) : Number(text));
}

/** "monday" the latest, today included; "last monday" before today; "this" and "next" within this and the next week. */
function weekday(context: TimeContext, which: string, name: string): TimeSpan {
  const now = today(context);
  const wanted = WEEKDAYS.findIndex((full) => full.startsWith(name.slice(0, 3)));
  const sinceMonday = (wanted + 6) % 7;
  if (which === 'this') return days(context, startOfWeek(now) + sinceMonday * DAY_MS, 1);
  if (which === 'next') return days(context, startOfWeek(now) + (7 + sinceMonday) * DAY_MS, 1);
  const daysBack = (weekdayOf(now) - wanted + 7) % 7;
  const passed = daysBack === 0 && (which === 'last' || which === 'previous') ? 7 : daysBack;
  return days(context, now - passed * DAY_MS, 1);
}

function monthOf(name: string): number {
  return MONTHS.findIndex((full) => full.startsWith(name.slice(0, 3))) + 1;
}

function monthAlone(context: TimeContext, name: string, mustBePast: boolean): TimeSpan {
  const now = today(context);
  const current = new Date(now).getUTCMonth() + 1;
  const month = monthOf(name);
  const begun = mustBePast ? month < current : month <= current;
  return months(context, wallOf(yearOf(now) - (begun ? 0 : 1), month), 1);
}

function dayOf(context: TimeContext, year: string | undefined, month: string, dayText: string): TimeSpan | undefined {
  const day = Number.parseInt(dayText, 10);
  if (year !== undefined) return pointDay(context, Number(year), monthOf(month), day);
  const now = today(context);
  // 29 February may be up to eight years back (around 1900 or 2100).
  for (let candidate = yearOf(now); candidate >= yearOf(now) - 8; candidate -= 1) {
    if (isDate(candidate, monthOf(month), day) && wallOf(candidate, monthOf(month), day) <= now)
      return pointDay(context, candidate, monthOf(month), day);
  }
  return undefined;
}

function pointDay(context: TimeContext, year: number, month: number, day: number): TimeSpan | undefined {
  if (!isDate(year, month, day)) return undefined;
  const from = wallOf(year, month, day);
  return between(context, from, from + DAY_MS, false);
}

/** Is it a day of the calendar? 30 February is not. */
export function isDate(year: number, month: number, day: number): boolean {
  const date = new Date(wallOf(year, month, day));
  return month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
