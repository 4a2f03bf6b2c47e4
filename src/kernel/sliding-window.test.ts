import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attempts, mostInAnySpan, run } from './rate-limiter.contract.ts';
import type { Passed } from './rate-limiter.contract.ts';
import { SlidingWindow } from './sliding-window.ts';

describe('exact window', () => {
  test('never more than the limit passes in any span, and Retry-After is exact', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 200 }), attempts(8, 60), (limit, windowMs, steps) => {
        const passed = run(() => new SlidingWindow(limit, windowMs), steps, 0.25);
        expect(mostInAnySpan(passed, windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 300 },
    );
  });

  test('nothing is refused that the promise would allow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 200 }), attempts(4, 60), (limit, windowMs, steps) => {
        const limiter = new SlidingWindow(limit, windowMs);
        const passed: Passed[] = [];
        let now = 0;
        for (const { after, cost } of steps) {
          now += after;
          const inWindow = passed.filter(({ at }) => at > now - windowMs).reduce((sum, each) => sum + each.cost, 0);
          expect(limiter.peek(now).remaining).toBe(limit - inWindow);
          const decision = limiter.take(now, cost);
          expect(decision.ok).toBe(inWindow + cost <= limit);
          if (decision.ok) passed.push({ at: now, cost });
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a clock that stands still lets exactly the limit pass', () => {
    const limiter = new SlidingWindow(100, 60_000);
    const passed = Array.from({ length: 500 }, () => limiter.take(5).ok).filter(Boolean).length;
    expect(passed).toBe(100);
    expect(limiter.take(5)).toEqual({ ok: false, retryAfterMs: 60_000, remaining: 0, resetMs: 60_000 });
  });

  test('refused attempts do not push the time away', () => {
    const limiter = new SlidingWindow(1, 1000);
    limiter.take(0);
    for (let now = 1; now < 1000; now++) expect(limiter.take(now)).toMatchObject({ ok: false, retryAfterMs: 1000 - now });
    expect(limiter.take(1000)).toEqual({ ok: true, remaining: 0, resetMs: 1000 });
  });

  test('a cost above the limit can never pass and says so', () => {
    expect(new SlidingWindow(5, 1000).take(0, 6)).toEqual({ ok: false, retryAfterMs: Infinity, remaining: 5, resetMs: 0 });
  });

  test('the advice holds with times that are no round numbers', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.double({ min: 0.001, max: 1e8, noNaN: true }), (start, windowMs) => {
        const limiter = new SlidingWindow(1, windowMs);
        limiter.take(start);
        const decision = limiter.take(start);
        fc.pre(!decision.ok);
        expect(limiter.take(start + (decision.ok ? 0 : decision.retryAfterMs)).ok).toBe(true);
      }),
    );
  });

  test.each([0, -1, 1.5, NaN])('a limit or cost of %s is refused', (value) => {
    expect(() => new SlidingWindow(value, 1000)).toThrow(/whole number/);
    expect(() => new SlidingWindow(5, 1000).take(0, value)).toThrow(/whole number/);
  });
});
