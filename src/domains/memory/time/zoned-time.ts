import { BoundedMap } from '../../../kernel/bounded-map.ts';
import { PolymniaError } from '../../../kernel/errors.ts';

/**
 * A wall clock reading as the number of milliseconds that the same reading would have in UTC. It makes calendar arithmetic
 * plain `Date.UTC` arithmetic; only {@link Zone} turns it into an instant.
 */
export type WallMs = number;

/** One IANA time zone. */
export interface Zone {
  readonly name: string;
  /** What the clocks of the zone show at an instant (UTC milliseconds). */
  toWall(utcMs: number): WallMs;
  /**
   * The instant at which the zone's clocks show `wall`: the first of two when clocks went back; when they
   * jumped over it, the reading as the clocks before the jump would have had it, which for a skipped midnight is the day's start.
   */
  toUtc(wall: WallMs): number;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Longer than any change of a zone's offset, the date line's jumps (24 h) included. */
const BEYOND_A_JUMP_MS = 25 * HOUR_MS;
const MAX_ZONE_NAME = 64;
/** What `Date` can hold, less two days so that offsets stay inside. */
const MAX_INSTANT_MS = 8.64e15 - 2 * DAY_MS;

/** The zone of an IANA name such as `Europe/Berlin`, from the runtime's own tables. Throws `invalid_input` for an unknown one. */
export function openZone(name: string): Zone {
  const format = formatterOf(name);
  const toWall = (utcMs: number): WallMs => {
    const clamped = Math.min(MAX_INSTANT_MS, Math.max(-MAX_INSTANT_MS, utcMs));
    const field: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(clamped)) field[type] = Number(value);
    const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = field;
    return wallOf(year, month, day) + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + (((clamped % 1000) + 1000) % 1000);
  };
  const offsetAt = (utcMs: number) => toWall(utcMs) - utcMs;
  const toUtc = (wall: WallMs): number => {
    const before = wall - offsetAt(wall - BEYOND_A_JUMP_MS);
    if (toWall(before) === wall) return before;
    const after = wall - offsetAt(wall + BEYOND_A_JUMP_MS);
    return toWall(after) === wall ? after : before;
  };
  return { name, toWall, toUtc };
}

/** Zones whose formatter is kept. */
const MAX_KEPT_ZONES = 64;
/** Formatters of known zones, which hold nothing of any user: making one takes as long as a quarter of a call. */
const formatters = new BoundedMap<string, Intl.DateTimeFormat>({ maxSize: MAX_KEPT_ZONES });

function formatterOf(name: string): Intl.DateTimeFormat {
  const kept = formatters.get(name);
  if (kept !== undefined) return kept;
  const made = makeFormatter(name);
  formatters.set(name, made);
  return made;
}

function makeFormatter(name: string): Intl.DateTimeFormat {
  const numeric = 'numeric' as const;
  try {
    if (name.length > MAX_ZONE_NAME) throw new RangeError('name too long');
    return new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: name,
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    });
  } catch (cause) {
    throw new PolymniaError('invalid_input', 'timeZone is not a known IANA time zone; right would be "Europe/Berlin", "America/New_York" or "UTC".', {
      details: { field: 'timeZone' },
      cause,
    });
  }
}

/** Midnight of a day as a wall clock reading. Months count from 1; month and day may overflow (month 13 is next January). */
export function wallOf(year: number, month: number, day = 1): WallMs {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

/** Midnight of the day that holds `wall`. */
export function startOfDay(wall: WallMs): WallMs {
  return Math.floor(wall / DAY_MS) * DAY_MS;
}

/** Midnight of the Monday of the week that holds `wall` (ISO 8601). */
export function startOfWeek(wall: WallMs): WallMs {
  return startOfDay(wall) - ((weekdayOf(wall) + 6) % 7) * DAY_MS;
}

/** 0 Sunday … 6 Saturday. */
export function weekdayOf(wall: WallMs): number {
  return new Date(wall).getUTCDay();
}

/** The same reading `months` later; the day is cut to the month's last (31 January + 1 month = 28 or 29 February). */
export function addMonths(wall: WallMs, months: number): WallMs {
  const date = new Date(wall);
  const first = wallOf(date.getUTCFullYear(), date.getUTCMonth() + 1 + months);
  const target = new Date(first);
  const last = new Date(wallOf(target.getUTCFullYear(), target.getUTCMonth() + 2, 0)).getUTCDate();
  return first + (Math.min(date.getUTCDate(), last) - 1) * DAY_MS + (wall - startOfDay(wall));
}

/** A reading to the minute: `2023-05-08 14:30`. */
export function showWall(wall: WallMs): string {
  return new Date(wall).toISOString().slice(0, 16).replace('T', ' ');
}
