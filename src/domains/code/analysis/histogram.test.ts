import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';

test('percentiles are those of the sorted list, by nearest rank', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { minLength: 1, maxLength: 200 }), fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (values, share) => {
      const histogram = new Histogram();
      for (const value of values) histogram.add(value);
      const sorted = values.toSorted((a, b) => a - b);
      expect(histogram.percentile(share)).toBe(sorted[Math.max(1, Math.ceil(share * values.length)) - 1]);
      expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0));
      expect(histogram.between(10, 100)).toBe(values.filter((value) => value >= 10 && value <= 100).length);
    }),
  );
});

test('nothing gives zeros; what is huge is not lost', () => {
  expect(new Histogram().percentile(0.9)).toBe(0);
  const histogram = new Histogram();
  histogram.add(1e9);
  expect([histogram.percentile(0.5), histogram.max, histogram.between(51, Infinity)]).toEqual([1e9, 1e9, 1]);
});
