import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LexicalHit } from './ranking.ts';
import {
  DEFAULT_LENDING,
  favourDates,
  fuseByRank,
  lendScores,
  mergeByRank,
  missingNeighbours,
  orderRanked,
  recencyBoost,
  relativeScores,
} from './ranking.ts';

const hit = fc.record({
  row: fc.nat(1_000),
  thread: fc.option(fc.constantFrom('a', 'b', 7)),
  place: fc.option(fc.nat(30)),
  score: fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 50, noNaN: true })),
});
const hits = fc.uniqueArray(hit, { selector: ({ row }) => row, maxLength: 60 });

describe('lendScores', () => {
  it('adds own score, neighbours near and far, and the best of the thread', () => {
    const turns: LexicalHit[] = [4, 0, 2, 0, 0, 0].map((score, place) => ({ row: 100 + place, thread: 't', place, score }));
    const byRow = new Map(lendScores(turns).map((ranked) => [ranked.row, ranked]));
    expect(byRow.get(100)).toEqual({
      row: 100,
      score: 4 + 0.3 * 2 + 0.5 * 4,
      parts: { lexical: 4, neighbour: 0.3 * 2, thread: 2 },
      reason: 'lexical',
    });
    expect(byRow.get(101)).toMatchObject({ parts: { lexical: 0, neighbour: 0.5 * 4 + 0.3 * 2, thread: 2 }, reason: 'neighbour' });
    expect(byRow.get(102)?.parts.neighbour).toBeCloseTo(0.4 * 4);
    expect(byRow.get(104)?.parts.neighbour).toBeCloseTo(0.4 * 2);
    expect(byRow.has(105)).toBe(false);
  });

  it('lends nothing across threads or without a thread, and a lone row counts as a thread of one', () => {
    const ranked = lendScores([
      { row: 1, thread: 'a', place: 1, score: 10 },
      { row: 2, thread: 'b', place: 2, score: 1 },
      { row: 3, place: 2, score: 1 },
      { row: 4, thread: null, place: null, score: 1 },
    ]);
    expect(ranked.map(({ row, score }) => [row, score])).toEqual([
      [1, 15],
      [2, 1.5],
      [3, 1.5],
      [4, 1.5],
    ]);
  });

  it('lets context decide between equal matches', () => {
    const ranked = lendScores([
      { row: 1, thread: 'a', place: 5, score: 3 },
      { row: 2, thread: 'b', place: 5, score: 3 },
      { row: 3, thread: 'b', place: 4, score: 2 },
    ]);
    expect(ranked[0]?.row).toBe(2);
  });

  it('keeps every match, orders by score, and its parts add up', () => {
    fc.assert(
      fc.property(hits, (input) => {
        const ranked = lendScores(input);
        for (const [index, { score, parts, reason }] of ranked.entries()) {
          expect(score).toBeCloseTo(parts.lexical + parts.neighbour + parts.thread, 9);
          expect(score).toBeLessThanOrEqual(ranked[index - 1]?.score ?? Infinity);
          expect(reason).toBe(parts.lexical > 0 ? 'lexical' : 'neighbour');
        }
        const kept = new Set(ranked.map(({ row }) => row));
        const lost = input.filter(({ row, score }) => score > 0 && !kept.has(row));
        expect(lost).toEqual([]);
      }),
    );
  });

  it('without lending is the lexical order', () => {
    fc.assert(
      fc.property(hits, (input) => {
        const matched = input.filter(({ score }) => score > 0).toSorted((a, b) => b.score - a.score);
        expect(lendScores(input, { earlier: [], later: [], thread: 0 }).map(({ score }) => score)).toEqual(matched.map(({ score }) => score));
      }),
    );
  });

  it('costs little at 1,000 candidates', () => {
    const many = Array.from({ length: 1_000 }, (_, at) => ({ row: at, thread: at % 37, place: Math.floor(at / 37), score: 10 - at / 100 }));
    for (let warm = 0; warm < 20; warm += 1) lendScores(many);
    const started = performance.now();
    for (let run = 0; run < 20; run += 1) lendScores(many, DEFAULT_LENDING);
    expect((performance.now() - started) / 20).toBeLessThan(5);
  });
});

describe('missingNeighbours', () => {
  it('names the places around the best hits that are not there yet', () => {
    const found: LexicalHit[] = [
      { row: 1, thread: 't', place: 5, score: 9 },
      { row: 2, thread: 't', place: 6, score: 8 },
      { row: 3, score: 7 },
      { row: 4, thread: 'u', place: 1, score: 1 },
    ];
    expect(missingNeighbours(found, 3).map(({ thread, place }) => `${thread}${place}`)).toEqual(['t3', 't4', 't7', 't8']);
  });

  it('is bounded and never names a known or a repeated pair', () => {
    fc.assert(
      fc.property(hits, fc.nat(20), (input, top) => {
        const missing = missingNeighbours(input, top).map(({ thread, place }) => `${thread}/${place}`);
        expect(missing.length).toBeLessThanOrEqual(4 * top);
        expect(new Set(missing).size).toBe(missing.length);
        const known = input.map(({ thread, place }) => `${thread}/${place}`);
        expect(missing.filter((pair) => known.includes(pair))).toEqual([]);
      }),
    );
  });
});

describe('favourDates', () => {
  const found = [
    { row: 1, score: 10, occurredAt: 100 },
    { row: 2, score: 9, occurredAt: 205 },
    { row: 3, score: 0, occurredAt: 205 },
  ];
  it('lifts what happened in a named span by a share of the best score', () => {
    expect(favourDates(found, [{ sinceMs: 200, untilMs: 205 }], 0.2).map(({ score }) => score)).toEqual([10, 11, 0]);
  });
  it('changes nothing when no date is named', () => {
    expect(favourDates(found, [])).toEqual(found);
  });
});

describe('recencyBoost', () => {
  it('halves its gain with each half-life', () => {
    expect(recencyBoost(10, 1_000, 1_000, 0.5, 100)).toBeCloseTo(15);
    expect(recencyBoost(10, 900, 1_000, 0.5, 100)).toBeCloseTo(12.5);
    expect(recencyBoost(10, 800, 1_000, 0.5, 100)).toBeCloseTo(11.25);
    expect(recencyBoost(10, 5_000, 1_000, 0.5, 100)).toBeCloseTo(15);
    expect(recencyBoost(10, 0, 1_000, 0, 100)).toBe(10);
  });
});

describe('fuseByRank', () => {
  it('adds reciprocal ranks and tells the places', () => {
    const [first, second, third] = fuseByRank([
      ['a', 'b'],
      ['c', 'b'],
    ]);
    expect(first).toEqual({ key: 'b', ranks: [2, 2], score: 2 / 62 });
    expect(second).toEqual({ key: 'a', ranks: [1, undefined], score: 1 / 61 });
    expect(third?.key).toBe('c');
  });

  it('of one list keeps the order; of several keeps every key once', () => {
    const list = fc.uniqueArray(fc.nat(50));
    fc.assert(
      fc.property(list, fc.array(list, { maxLength: 4 }), (one, lists) => {
        expect(fuseByRank([one]).map(({ key }) => key)).toEqual(one);
        const keys = fuseByRank(lists).map(({ key }) => key);
        expect(new Set(keys)).toEqual(new Set(lists.flat()));
        expect(keys).toHaveLength(new Set(keys).size);
      }),
    );
  });
});

const item = (name: string, occurredAt: number) => ({ name, occurredAt });

describe('mergeByRank', () => {
  it('takes all first places, the newest first, then the second', () => {
    const merged = mergeByRank([[item('a1', 1), item('a2', 9)], [item('b1', 5)], []]);
    expect(merged.map(({ name }) => name)).toEqual(['b1', 'a1', 'a2']);
    expect(mergeByRank([[item('a1', 1), item('a2', 9)], [item('b1', 5)]], 2)).toHaveLength(2);
    expect(mergeByRank([])).toEqual([]);
  });

  it('keeps the order within each list', () => {
    const dated = fc.record({ occurredAt: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(fc.array(dated, { maxLength: 10 }), { maxLength: 8 }), (lists) => {
        const tagged = lists.map((list, index) => list.map(({ occurredAt }, place) => ({ occurredAt, index, place })));
        const merged = mergeByRank(tagged);
        expect(merged).toHaveLength(lists.flat().length);
        for (const index of lists.keys()) {
          const places = merged.filter((one) => one.index === index).map(({ place }) => place);
          expect(places).toEqual(places.toSorted((a, b) => a - b));
        }
      }),
    );
  });
});

describe('orderRanked and relativeScores', () => {
  it('puts the newest first among equals, then the later row', () => {
    const input = [
      { row: 1, score: 1, occurredAt: 5 },
      { row: 2, score: 2, occurredAt: 1 },
      { row: 3, score: 1, occurredAt: 9 },
      { row: 4, score: 1, occurredAt: 9 },
    ];
    expect(orderRanked(input).map(({ row }) => row)).toEqual([2, 4, 3, 1]);
  });

  it('scales by the best', () => {
    expect(relativeScores([4, 2, 0, -1])).toEqual([1, 0.5, 0, 0]);
    expect(relativeScores([0, 0])).toEqual([0, 0]);
    expect(relativeScores([])).toEqual([]);
  });
});
