import { expect, test } from 'vitest';
import { createSeededRandom } from './seeded-random.ts';

const draw = (seed: number, count: number): number[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, random);
};

test('the same seed gives the same numbers, another seed others', () => {
  expect(draw(7, 20)).toEqual(draw(7, 20));
  expect(draw(7, 20)).not.toEqual(draw(8, 20));
});

test('numbers lie in [0, 1) and fill it evenly', () => {
  const numbers = draw(1, 10_000);
  const tenths = Array.from({ length: 10 }, (_, tenth) => numbers.filter((value) => Math.floor(value * 10) === tenth).length);
  expect(tenths.reduce((sum, count) => sum + count)).toBe(10_000);
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(120);
});
