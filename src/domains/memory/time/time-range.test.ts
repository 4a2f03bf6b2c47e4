import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { TimeRange, TimeRangeInput } from './time-range.ts';
import { mentionedSpans, parseTimeRange } from './time-range.ts';

/** Wednesday, 15:30 in UTC. */
const NOW = Date.parse('2023-11-15T15:30:00Z');

function show(at: number | undefined): string {
  return at === undefined ? '…' : new Date(at).toISOString().replace(/:00\.000Z$/, 'Z');
}

function range(since: string | undefined, until?: string, timeZone = 'UTC', nowMs = NOW): string {
  const { sinceMs, untilMs } = parseTimeRange({ since, until, nowMs, timeZone });
  return `${show(sinceMs)} | ${show(untilMs)}`;
}

const END = '23:59:59.999Z';

describe('words alone as since', () => {
  it.each([
    ['today', `2023-11-15T00:00Z | 2023-11-15T${END}`],
    ['Yesterday', `2023-11-14T00:00Z | 2023-11-14T${END}`],
    ['the day before yesterday', `2023-11-13T00:00Z | 2023-11-13T${END}`],
    ['this week', `2023-11-13T00:00Z | 2023-11-19T${END}`],
    ['last  week', `2023-11-06T00:00Z | 2023-11-12T${END}`],
    ['last weekend', `2023-11-11T00:00Z | 2023-11-12T${END}`],
    ['last month', `2023-10-01T00:00Z | 2023-10-31T${END}`],
    ['this quarter', `2023-10-01T00:00Z | 2023-12-31T${END}`],
    ['last quarter', `2023-07-01T00:00Z | 2023-09-30T${END}`],
    ['last year', `2022-01-01T00:00Z | 2022-12-31T${END}`],
    ['next month', `2023-12-01T00:00Z | 2023-12-31T${END}`],
    ['last monday', `2023-11-13T00:00Z | 2023-11-13T${END}`],
    ['last wednesday', `2023-11-08T00:00Z | 2023-11-08T${END}`],
    ['wednesday', `2023-11-15T00:00Z | 2023-11-15T${END}`],
    ['on fri', `2023-11-10T00:00Z | 2023-11-10T${END}`],
    ['this friday', `2023-11-17T00:00Z | 2023-11-17T${END}`],
    ['this morning', '2023-11-15T00:00Z | 2023-11-15T11:59:59.999Z'],
    ['yesterday evening', `2023-11-14T18:00Z | 2023-11-14T${END}`],
    ['last night', '2023-11-14T18:00Z | 2023-11-15T05:59:59.999Z'],
    ['in May', `2023-05-01T00:00Z | 2023-05-31T${END}`],
    ['in December', `2022-12-01T00:00Z | 2022-12-31T${END}`],
    ['last November', `2022-11-01T00:00Z | 2022-11-30T${END}`],
    ['Feb 2024', `2024-02-01T00:00Z | 2024-02-29T${END}`],
    ['May, 2023', `2023-05-01T00:00Z | 2023-05-31T${END}`],
    ['2023-05', `2023-05-01T00:00Z | 2023-05-31T${END}`],
    ['2022', `2022-01-01T00:00Z | 2022-12-31T${END}`],
    ['Q2 2022', `2022-04-01T00:00Z | 2022-06-30T${END}`],
    ['between 3 May and 5 May 2023', `2023-05-03T00:00Z | 2023-05-05T${END}`],
    ['from monday to tuesday', `2023-11-13T00:00Z | 2023-11-14T${END}`],
    ['2023-05-01..2023-05-07', `2023-05-01T00:00Z | 2023-05-07T${END}`],
    ['2023-05-01/2023-05-07', `2023-05-01T00:00Z | 2023-05-07T${END}`],
  ])('%s is a period with both ends', (words, expected) => {
    expect(range(words)).toBe(expected);
  });

  it.each([
    ['recently', '2023-11-08T15:30Z | …'],
    ['last 3 days', '2023-11-12T15:30Z | …'],
    ['past 2 hours', '2023-11-15T13:30Z | …'],
    ['the past week', '2023-11-08T15:30Z | …'],
    ['last two months', '2023-09-15T15:30Z | …'],
    ['2 weeks ago', '2023-11-01T00:00Z | …'],
    ['an hour ago', '2023-11-15T14:30Z | …'],
    ['a couple of days ago', '2023-11-13T00:00Z | …'],
    ['since monday', '2023-11-13T00:00Z | …'],
    ['since last week', '2023-11-06T00:00Z | …'],
    ['after 2023-05-08', '2023-05-09T00:00Z | …'],
    ['May 3rd, 2023', '2023-05-03T00:00Z | …'],
    ['3 December', '2022-12-03T00:00Z | …'],
    ['2023-05-08', '2023-05-08T00:00Z | …'],
    ['2023-05-08T14:30', '2023-05-08T14:30Z | …'],
    ['2023-05-08 14:30:15.250+02:00', '2023-05-08T12:30:15.250Z | …'],
    ['2023-05-08T14:30:15-0530', '2023-05-08T20:00:15.000Z | …'],
    ['1683556200000', '2023-05-08T14:30Z | …'],
    ['0', '1970-01-01T00:00Z | …'],
  ])('%s has no end', (words, expected) => {
    expect(range(words)).toBe(expected);
  });
});

describe('until', () => {
  it.each([
    ['2023-05-08', `2023-05-08T${END}`],
    ['last week', `2023-11-12T${END}`],
    ['before monday', '2023-11-12T23:59:59.999Z'],
    ['2 weeks ago', `2023-11-01T${END}`],
    ['2023-05-08T14:30Z', '2023-05-08T14:30Z'],
    ['now', '2023-11-15T15:30Z'],
  ])('%s means to its end', (until, expected) => {
    expect(range(undefined, until)).toBe(`… | ${expected}`);
  });

  it('wins over the end of a period in since', () => {
    expect(range('last week', 'today')).toBe(`2023-11-06T00:00Z | 2023-11-15T${END}`);
  });
});

describe('time zones', () => {
  it.each([
    ['Europe/Berlin', '2024-03-31', '2024-03-30T23:00Z | 2024-03-31T21:59:59.999Z'],
    ['Europe/Berlin', '2024-10-27', '2024-10-26T22:00Z | 2024-10-27T22:59:59.999Z'],
    ['America/New_York', '2024-11-03', '2024-11-03T04:00Z | 2024-11-04T04:59:59.999Z'],
    ['Asia/Kathmandu', '2024-06-01', '2024-05-31T18:15Z | 2024-06-01T18:14:59.999Z'],
    ['Pacific/Apia', '2011-12-29', '2011-12-29T10:00Z | 2011-12-30T09:59:59.999Z'],
    ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00Z | 2011-12-31T09:59:59.999Z'],
  ])('%s: the day %s', (timeZone, day, expected) => {
    expect(range(day, day, timeZone)).toBe(expected);
  });

  it('takes "yesterday" from the clock of the zone', () => {
    const lateEvening = Date.parse('2023-11-15T23:30:00Z');
    expect(range('yesterday', undefined, 'Asia/Kathmandu', lateEvening)).toBe('2023-11-14T18:15Z | 2023-11-15T18:14:59.999Z');
  });

  it('keeps the time of day over a change of clocks', () => {
    expect(range('last 7 days', undefined, 'Europe/Berlin', Date.parse('2024-04-03T10:00:00Z'))).toBe('2024-03-27T11:00Z | …');
  });

  it('refuses an unknown zone, whatever else was asked', () => {
    expect(() => parseTimeRange({ nowMs: NOW, timeZone: 'Mars/Olympus' })).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });
});

describe('answers', () => {
  it('says the range in the zone that was asked', () => {
    expect(parseTimeRange({ since: 'May 2023', nowMs: NOW, timeZone: 'Europe/Berlin' }).said).toBe(
      '2023-05-01 00:00 to 2023-05-31 23:59 (Europe/Berlin)',
    );
    expect(parseTimeRange({ since: '2023-05-08', nowMs: NOW, timeZone: 'UTC' }).said).toBe('since 2023-05-08 00:00 (UTC)');
    expect(parseTimeRange({ until: '2023-05-08', nowMs: NOW, timeZone: 'UTC' }).said).toBe('until 2023-05-08 23:59 (UTC)');
    expect(parseTimeRange({ nowMs: NOW, timeZone: 'UTC' })).toEqual({});
  });

  it.each([
    '',
    'whenever',
    '2023-02-30',
    '2023-13-01',
    '30 February 2023',
    '2023-05-08T25:00',
    '1683556200',
    '99999999999999999',
    '-1',
    'last',
    "'; DROP",
    '\ud800',
    'x'.repeat(5_000),
  ])('refuses %j with examples', (since) => {
    expect(() => parseTimeRange({ since, nowMs: NOW, timeZone: 'UTC' })).toThrow(/^since: .*Right would be "2023-05-08".*"last week"/s);
  });

  it('refuses a range that ends before it begins', () => {
    expect(() => range('2023-05-08', '2023-05-07')).toThrow(/ends before it begins/);
  });
});

/** Any other failure than a refusal of the input goes on to fail the test. */
function rangeOrRefusal(input: TimeRangeInput): TimeRange {
  try {
    return parseTimeRange(input);
  } catch (error) {
    if (error instanceof PolymniaError && error.code === 'invalid_input') return {};
    throw error;
  }
}

describe('any text', () => {
  const word = fc.constantFrom(
    'last',
    'this',
    'next',
    '3',
    '9999',
    'days',
    'years',
    'ago',
    'may',
    'monday',
    'week',
    'in',
    'since',
    'before',
    '2023',
    '2023-05',
    'between',
    'and',
    'q1',
    '29',
    'february',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 6 }).map((words) => words.join(' ')),
  );

  it('gives an ordered range within the years 1 to 9999 or invalid_input', () => {
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), fc.constantFrom('UTC', 'Pacific/Apia', 'America/New_York'), (since, until, timeZone) => {
        const { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER } = rangeOrRefusal({ since, until, nowMs: NOW, timeZone });
        expect(Number.isSafeInteger(sinceMs) && Number.isSafeInteger(untilMs)).toBe(true);
        expect(sinceMs).toBeLessThanOrEqual(untilMs);
      }),
      { numRuns: 500 },
    );
  });

  it('reads back every instant it is given as ISO', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date('1000-01-01T00:00:00Z'), max: new Date('9999-01-01T00:00:00Z'), noInvalidDate: true }), (date) => {
        const { sinceMs } = parseTimeRange({ since: date.toISOString(), nowMs: NOW, timeZone: 'Europe/Berlin' });
        expect(sinceMs).toBe(date.getTime());
      }),
    );
  });
});

function spans(text: string): string[] {
  return mentionedSpans(text, { nowMs: NOW, timeZone: 'UTC' }).map(
    ({ sinceMs, untilMs }) => `${new Date(sinceMs).toISOString().slice(0, 10)}/${new Date(untilMs).toISOString().slice(0, 10)}`,
  );
}

describe('mentionedSpans', () => {
  it.each([
    ['Who did Maria have dinner with on May 3, 2023?', ['2023-05-03/2023-05-03']],
    ['What did she find on 1 February, 2023?', ['2023-02-01/2023-02-01']],
    ['What happened in August?', ['2023-08-01/2023-08-31']],
    ['Compare March 2023 and 2023-05-08', ['2023-03-01/2023-03-31', '2023-05-08/2023-05-08']],
    ['What did I eat last week?', ['2023-11-06/2023-11-12']],
    ['What may I do in 2022?', ['2022-01-01/2022-12-31']],
    ['May I march?', []],
    ['', []],
  ])('%s', (text, expected) => {
    expect(spans(text)).toEqual(expected);
  });

  it('never throws and gives at most four', () => {
    expect(spans('in May '.repeat(100))).toHaveLength(4);
    const pieces = fc.array(
      fc.constantFrom('in ', 'may', ' 31', ' 0', ', 2023', '9999-12-31', '2023-02-30', ' of ', 'february', ' 30th ', 'last year', '\ud800'),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          pieces.map((parts) => parts.join('')),
        ),
        (text) => {
          expect(mentionedSpans(text, { nowMs: NOW, timeZone: 'UTC' }).length).toBeLessThanOrEqual(4);
        },
      ),
    );
  });
});
