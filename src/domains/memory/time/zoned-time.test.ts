import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMonths, DAY_MS, openZone, showWall, startOfWeek, wallOf } from './zoned-time.ts';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Asia/Tehran',
];
const FROM = Date.UTC(1985, 0, 1);
const TO = Date.UTC(2035, 0, 1);

const iso = (zone: string, year: number, month: number, day: number) => new Date(openZone(zone).toUtc(wallOf(year, month, day))).toISOString();

describe('openZone', () => {
  it.each([
    ['Europe/Berlin', 2024, 3, 31, '2024-03-30T23:00:00.000Z'],
    ['Europe/Berlin', 2024, 4, 1, '2024-03-31T22:00:00.000Z'],
    ['Europe/Berlin', 2024, 10, 28, '2024-10-27T23:00:00.000Z'],
    ['America/New_York', 2024, 3, 11, '2024-03-11T04:00:00.000Z'],
    ['Asia/Kathmandu', 2024, 6, 1, '2024-05-31T18:15:00.000Z'],
    ['Pacific/Apia', 2011, 12, 29, '2011-12-29T10:00:00.000Z'],
    ['Pacific/Apia', 2011, 12, 31, '2011-12-30T10:00:00.000Z'],
    // Clocks went from 00:00 to 01:00: the day began at one.
    ['America/Sao_Paulo', 2018, 11, 4, '2018-11-04T03:00:00.000Z'],
  ] as const)('%s: %i-%i-%i begins at the right instant', (zone, year, month, day, expected) => {
    expect(iso(zone, year, month, day)).toBe(expected);
  });

  it('agrees with Temporal for any instant and any wall clock reading', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.integer({ min: FROM, max: TO }), (name, at) => {
        const zone = openZone(name);
        const zoned = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(name);
        expect(zone.toWall(at)).toBe(zoned.toPlainDateTime().toZonedDateTime('UTC').epochMilliseconds);
        const wall = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO('UTC').toPlainDateTime();
        expect(zone.toUtc(at)).toBe(wall.toZonedDateTime(name, { disambiguation: 'compatible' }).epochMilliseconds);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['', 'Mars/Olympus', 'Europe/Berlin; DROP TABLE', 'x'.repeat(10_000), '\0'])('refuses the zone %j', (name) => {
    expect(() => openZone(name)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });
});

describe('calendar arithmetic', () => {
  it('cuts the day to the length of the month', () => {
    expect(showWall(addMonths(wallOf(2024, 1, 31), 1))).toBe('2024-02-29 00:00');
    expect(showWall(addMonths(wallOf(2023, 3, 31) + 1_000 * 60 * 90, -13))).toBe('2022-02-28 01:30');
  });

  it('begins weeks on Monday', () => {
    for (let day = 6; day <= 12; day += 1) expect(startOfWeek(wallOf(2023, 11, day) + DAY_MS - 1)).toBe(wallOf(2023, 11, 6));
  });

  it('handles years before 100 as they are', () => {
    expect(new Date(wallOf(99, 1, 1)).getUTCFullYear()).toBe(99);
  });
});
