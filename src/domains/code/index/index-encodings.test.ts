import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodeTable } from './code-table.ts';
import { PostingPool } from './posting-pool.ts';
import { decodeIds, decodeWeighted, encodeIds, encodeWeighted } from './postings.ts';
import { trigramsOf } from './trigrams.ts';

const id = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
const rising = fc.uniqueArray(id, { maxLength: 200 }).map((ids) => ids.sort((a, b) => a - b));
const weight = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 32 - 1 }));

describe('lists of ids', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(rising, (ids) => {
        expect([...decodeIds(encodeIds(ids))]).toEqual(ids);
      }),
    );
  });

  it('come back with their weights', () => {
    const weighted = rising.chain((ids) => fc.tuple(fc.constant(ids), fc.array(weight, { minLength: ids.length, maxLength: ids.length })));
    fc.assert(
      fc.property(weighted, ([ids, weights]) => {
        const back = decodeWeighted(encodeWeighted(ids, weights));
        expect([...back.ids]).toEqual(ids);
        expect([...back.weights]).toEqual(weights);
      }),
    );
  });

  it.each([[[1, 1]], [[2, 1]], [[-1]], [[2 ** 31]]])('refuses %j', (ids) => {
    expect(() => encodeIds(ids)).toThrow('must rise');
  });

  it('ends on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeIds(bytes).length).toBeLessThanOrEqual(bytes.length);
        expect(decodeWeighted(bytes).ids.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

describe('a pool of lists', () => {
  it('holds the same bytes as the encoder makes, however many lists grow at once', () => {
    const lists = fc.array(fc.tuple(rising, weight), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(lists, fc.nat(), (wanted, turn) => {
        const pool = new PostingPool();
        const names = wanted.map(() => [pool.newList(), pool.newList()] as const);
        const longest = Math.max(...wanted.map(([ids]) => ids.length));
        for (let index = 0; index < longest; index++) {
          for (let at = 0; at < wanted.length; at++) {
            const which = (at + turn) % wanted.length;
            const [ids, heavy] = wanted[which] ?? [[], 1];
            const next = ids[index];
            if (next === undefined) continue;
            pool.add(names[which]?.[0] ?? -1, next);
            pool.addWeighted(names[which]?.[1] ?? -1, next, heavy);
          }
        }
        for (const [at, [ids, heavy]] of wanted.entries()) {
          const [plain = -1, weighted = -1] = names[at] ?? [];
          expect(pool.size(plain)).toBe(ids.length);
          expect([...pool.encoded(plain)]).toEqual([...encodeIds(ids)]);
          expect([...pool.encoded(weighted)]).toEqual([
            ...encodeWeighted(
              ids,
              ids.map(() => heavy),
            ),
          ]);
        }
      }),
    );
  });

  it('holds long lists and many of them', () => {
    const pool = new PostingPool();
    const long = pool.newList();
    for (let next = 0; next < 300_000; next++) pool.add(long, next * 3);
    const short = Array.from({ length: 100_000 }, (_, at) => {
      const list = pool.newList();
      pool.add(list, at);
      return list;
    });
    expect([...decodeIds(pool.encoded(long)).subarray(-2)]).toEqual([899_994, 899_997]);
    expect(short.filter((list, at) => decodeIds(pool.encoded(list))[0] !== at)).toEqual([]);
  });
});

describe('a table of codes', () => {
  it('numbers them in the order of their first coming', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 24 - 1 }), { maxLength: 300 }), (codes) => {
        const table = new CodeTable();
        const distinct = [...new Set(codes)];
        expect(codes.map((code) => table.numberOf(code))).toEqual(codes.map((code) => distinct.indexOf(code)));
        expect([...table.sorted()]).toEqual(distinct.sort((a, b) => a - b));
      }),
    );
  });

  it('holds many', () => {
    const table = new CodeTable();
    for (let code = 0; code < 100_000; code++) table.numberOf(code * 167);
    expect(table.size).toBe(100_000);
    expect(table.numberOf(99_999 * 167)).toBe(99_999);
    expect([...table.sorted().subarray(0, 2)]).toEqual([0, 167]);
  });
});

describe('trigrams', () => {
  it('are the distinct runs of three bytes, ASCII letters as small ones', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ maxLength: 300, unit: 'binary' }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (text) => {
        const lower = Array.from(text, (byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
        const wanted = new Set<number>();
        for (let at = 2; at < lower.length; at++) wanted.add(((lower[at - 2] ?? 0) << 16) | ((lower[at - 1] ?? 0) << 8) | (lower[at] ?? 0));
        expect([...trigramsOf(text)]).toEqual([...wanted]);
      }),
    );
  });

  it('of a short text are none', () => {
    expect(trigramsOf(Buffer.from('ab')).length).toBe(0);
  });
});
