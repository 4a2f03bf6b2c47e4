import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';

const durations = fc.array(fc.double({ min: 0, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 300 });

function filled(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

it('every quantile is within 1.6 % or a microsecond of the exact one', () => {
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const exact = values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * values.length)) - 1] ?? 0;
      expect(Math.abs(filled(values).quantile(q) - exact)).toBeLessThanOrEqual(Math.max(0.001, exact * 0.016));
    }),
  );
});

it('adding two and sending one between processes lose nothing', () => {
  fc.assert(
    fc.property(durations, durations, (left, right) => {
      const together = filled([...left, ...right]);
      const added = LatencyHistogram.from(JSON.parse(JSON.stringify(filled(left).dump())));
      added.add(filled(right));
      expect(added.count).toBe(left.length + right.length);
      expect(added.dump().buckets).toEqual(together.dump().buckets);
      expect(added.maxMs).toBe(Math.max(...left, ...right));
    }),
  );
});

it('keeps counting beyond its range and says nothing about nothing', () => {
  const histogram = filled([1e12, -5]);
  expect(histogram.count).toBe(2);
  expect(histogram.maxMs).toBe(1e12);
  expect(histogram.quantile(0)).toBe(0);
  expect(new LatencyHistogram().quantile(0.5)).toBeNaN();
});
