import { describe, expect, it } from 'vitest';
import { segmentsToDissolve } from './segment-policy.ts';

/** One segment a pair: bytes in its files, and bytes of them that are live. */
function dissolved(...sizes: (readonly [bytes: number, live: number])[]): number[] {
  const segments = sizes.map(([bytes], id) => ({ id, name: `s${id}`, files: 1, bytes, chunks: 0, terms: 0, hasSymbols: true }));
  const live = sizes.map(([, bytes], segment) => ({ segment, bytes }));
  return [...segmentsToDissolve(segments, live)].sort((a, b) => a - b);
}

describe('segments written anew', () => {
  it('are those of which more than two fifths are dead', () => {
    expect(dissolved([1000, 600], [1000, 599], [1000, 1000], [1000, 0])).toEqual([1, 3]);
  });

  it('are none as long as small ones are few', () => {
    expect(dissolved([1000, 1000], [1, 1], [1, 1], [1, 1], [1, 1], [1, 1])).toEqual([]);
  });

  it('are the smallest when there are too many, and what is no larger than they are together', () => {
    expect(dissolved([1000, 1000], [1, 1], [1, 1], [1, 1], [1, 1], [4, 4], [100, 100])).toEqual([1, 2, 3, 4, 5]);
  });

  it('move a byte a logarithmic number of times', () => {
    const small = Array.from({ length: 400 }, () => 10);
    let segments: number[] = [100_000];
    let moved = 0;
    for (const bytes of small) {
      const gone = new Set(dissolved(...segments.map((size) => [size, size] as const)));
      const carried = segments.filter((_, at) => gone.has(at)).reduce((sum, size) => sum + size, 0);
      segments = [...segments.filter((_, at) => !gone.has(at)), carried + bytes];
      moved += carried;
    }
    expect(moved / 4000).toBeLessThan(8);
    expect(segments.length).toBeLessThan(9);
  });
});
