import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generationOf, type KitFile, paceOf } from './analysis-test-kit.ts';
import { findDuplicates } from './duplicates.ts';
import type { Findings } from './result.ts';
import { Fingerprints } from './fingerprints.ts';
import { Tokens } from './tokens.ts';
import { GRAM, WINDOW, winnow } from './winnowing.ts';

const ROOM = 1 << 20;
const SURE = GRAM + WINDOW - 1;
let next = 0;

/** So many tokens that stand nowhere else, one a line. */
const fresh = (tokens: number): string => Array.from({ length: tokens }, () => `w${(next += 1)}`).join('\n');
const find = (files: readonly KitFile[], room = ROOM): Promise<Findings<'duplicates'>> => findDuplicates(generationOf(files), paceOf(), room);

describe('duplicates', () => {
  test('planted anywhere are found, from 69 tokens on, in all their places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: SURE, max: 300 }), fc.array(fc.nat(150), { minLength: 2, maxLength: 5 }), async (tokens, befores) => {
        const copy = fresh(tokens);
        const files = befores.map((before, n) => ({ path: `f${n}.py`, text: `${fresh(before)}\n${copy}\n${fresh(before % 40)}` }));
        const { clusters, clusterCount, duplicatedTokens } = await find(files);
        expect(clusterCount).toBe(1);
        const [cluster] = clusters;
        expect(cluster?.places.map(({ path }) => path)).toEqual(files.map(({ path }) => path));
        expect(cluster?.tokens).toBeLessThanOrEqual(tokens);
        expect(cluster?.tokens).toBeGreaterThan(tokens - 2 * WINDOW);
        expect(duplicatedTokens).toBeGreaterThanOrEqual((cluster?.tokens ?? 0) * files.length);
        expect(duplicatedTokens).toBeLessThanOrEqual(tokens * files.length);
        for (const [n, { line, endLine }] of (cluster?.places ?? []).entries()) {
          const first = (befores[n] ?? 0) === 0 ? 2 : (befores[n] ?? 0) + 1;
          expect(line).toBeGreaterThanOrEqual(first);
          expect(endLine).toBeLessThan(first + tokens);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('shorter than 50 tokens are none, nor is code that differs', async () => {
    const short = fresh(GRAM - 1);
    expect(await find([1, 2].map((n) => ({ path: `${n}.py`, text: `${fresh(90)}\n${short}\n${fresh(90)}` })))).toMatchObject({
      clusterCount: 0,
      ratio: 0,
    });
  });

  test('do not care for layout and comments, but for names', async () => {
    const code = fresh(100).split('\n');
    const files = [
      { path: 'a.ts', language: 'typescript', text: code.join(' ') },
      { path: 'b.ts', language: 'typescript', text: code.map((word) => `\t${word} // ${word}`).join('\r\n\n') },
      { path: 'c.ts', language: 'typescript', text: `/* ${code.join(' ')} */` },
    ];
    const { clusters, tokens } = await find(files);
    expect(clusters.map(({ places }) => places.map(({ path }) => path))).toEqual([['a.ts', 'b.ts']]);
    expect(tokens).toBe(200);
  });

  test('within one file count; data that repeats itself does not', async () => {
    const copy = fresh(100);
    expect((await find([{ path: 'a.py', text: `${copy}\n${fresh(5)}\n${copy}` }])).clusters[0]?.places).toHaveLength(2);
    expect(await find([{ path: 'a.py', text: '0 '.repeat(60) }])).toMatchObject({ clusterCount: 0 });
    const data = [1, 2].map((n) => ({ path: `${n}.py`, text: `${fresh(30)}\n${'(1, 2, 3), '.repeat(40)}` }));
    expect(await find(data)).toMatchObject({ clusterCount: 0 });
  });

  test('in generated, vendored and minified files and in prose are left out', async () => {
    const text = fresh(100);
    const traits = [{ generated: true }, { vendored: true }, { minified: true }];
    const files = [
      { path: 'a.py', text },
      ...traits.map((each, n) => ({ path: `${n}.py`, text, traits: each })),
      { path: 'b.md', text, language: 'markdown' },
    ];
    expect(await find(files)).toMatchObject({ files: 1, clusterCount: 0 });
  });

  test('are found in bounded memory too, then sampled, and long ones still', async () => {
    const copy = fresh(4000);
    const files = Array.from({ length: 12 }, (_, n) => ({ path: `f${n}.py`, text: `${fresh(6000)}\n${n < 2 ? copy : ''}` }));
    const pace = paceOf();
    const { clusters, duplicatedTokens } = await findDuplicates(generationOf(files), pace, 1);
    const { budget, done = 0, total = 0 } = pace.cut(12, 'files') ?? {};
    expect({ budget, isPart: done > 0 && done < total }).toEqual({ budget: 'memory', isPart: true });
    expect(duplicatedTokens).toBeGreaterThan(4000);
    expect(new Set(clusters.flatMap(({ places }) => places.map(({ path }) => path)))).toEqual(new Set(['f0.py', 'f1.py']));
  });

  test('stop at their budget and say so', async () => {
    const pace = paceOf(0);
    expect(await findDuplicates(generationOf([{ path: 'a.py', text: 'x' }]), pace, ROOM)).toMatchObject({ files: 0 });
    expect(pace.cut(1, 'files')).toEqual({ budget: 'time', done: 0, total: 1, unit: 'files' });
  });
});

test('of every window of grams a fingerprint is kept, and equal runs keep equal ones', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: SURE, maxLength: 400 }), (words) => {
      const tokens = Uint32Array.from(words, (word) => Math.imul(word + 1, 0x9e3779b1));
      const kept: { key: number; at: number }[] = [];
      winnow(tokens, tokens.length, { add: (key, at) => kept.push({ key, at }) });
      const places = kept.map(({ at }) => at);
      for (let from = 0; from + SURE <= tokens.length; from += 1) expect(places.some((at) => at >= from && at < from + WINDOW)).toBe(true);
      const grams = new Map(kept.map(({ key, at }) => [tokens.slice(at, at + GRAM).join(), key]));
      for (const { key, at } of kept) expect(grams.get(tokens.slice(at, at + GRAM).join())).toBe(key);
    }),
    { numRuns: 50 },
  );
});

test('fingerprints of equal keys alone cannot overrun their room', () => {
  const kept = new Fingerprints(1);
  for (let at = 0; at < 20_000; at += 1) kept.add(0, 0, at, 0, 0);
  expect(kept.keys.length).toBeLessThanOrEqual(1 << 12);
});

describe('tokens', () => {
  const linesOf = (text: string, language: string): number[] => {
    const tokens = new Tokens();
    tokens.read(Buffer.from(text), language);
    return Array.from(tokens.lines.subarray(0, tokens.length));
  };

  test('are words, signs and texts in quotes, with their lines', () => {
    expect(linesOf('a = "b c"\nd', 'python')).toEqual([1, 1, 1, 2]);
    expect(linesOf('"""x\ny"""\nz # c\n"', 'python')).toEqual([1, 3, 4]);
    expect(linesOf('`a\nb` c // d\n/* e\n */ f', 'typescript')).toEqual([1, 2, 4]);
    expect(linesOf("fn<'a>(x: &'a str)", 'rust')).toHaveLength(13);
    expect(linesOf('#if x\n-- y', 'c')).toHaveLength(6);
    expect(linesOf('größe größe', 'python')).toEqual([1, 1]);
  });

  test('of any bytes end, and no line is beyond the last', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('python', 'typescript', 'rust', 'lua', 'php', 'bash'), (bytes, language) => {
        const tokens = new Tokens();
        tokens.read(bytes, language);
        const lines = bytes.filter((code) => code === 10).length + 1;
        expect(Math.max(0, ...tokens.lines.slice(0, tokens.length))).toBeLessThanOrEqual(lines);
      }),
    );
  });
});
