import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Gcra } from './gcra.ts';
import { attempts, mostInAnySpan, run } from './rate-limiter.contract.ts';

describe('GCRA', () => {
  test('never more than the limit passes in any span, and Retry-After is exact', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), attempts(4, 30), (limit, steps) => {
        const passed = run(() => new Gcra(limit, 100), steps, 0.001);
        expect(mostInAnySpan(passed, 100)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 300 },
    );
  });

  test('a clock that stands still lets the burst pass; a steady caller gets three quarters of the limit', () => {
    const limiter = new Gcra(4000, 60_000);
    expect(Array.from({ length: 5000 }, () => limiter.take(0).ok).filter(Boolean)).toHaveLength(1000);
    let passed = 0;
    for (let now = 60_000; now < 120_000; now += 10) passed += limiter.take(now).ok ? 1 : 0;
    expect(passed).toBeGreaterThanOrEqual(3000);
    expect(passed).toBeLessThanOrEqual(4000);
  });

  test('what remains can be taken at once', () => {
    const limiter = new Gcra(2000, 1000);
    limiter.take(0, 120);
    const { remaining } = limiter.peek(0);
    expect(remaining).toBe(380);
    expect(limiter.take(0, remaining).ok).toBe(true);
    expect(limiter.take(0).ok).toBe(false);
    expect(limiter.take(0, 501)).toMatchObject({ ok: false, retryAfterMs: Infinity });
  });
});
