import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { RateLimiter } from './sliding-window.ts';

interface Attempt {
  readonly after: number;
  readonly cost: number;
}

export interface Passed {
  readonly at: number;
  readonly cost: number;
}

/** Attempts to try a limiter with. Quarter milliseconds are exact in floating point, so that "exactly then" can be asserted. Many attempts come at the same moment. */
export const attempts = (maxCost: number, maxAfter: number): fc.Arbitrary<Attempt[]> =>
  fc.array(
    fc.record({
      after: fc.oneof(
        fc.constant(0),
        fc.nat(maxAfter * 4).map((quarters) => quarters / 4),
      ),
      cost: fc.integer({ min: 1, max: maxCost }),
    }),
    { maxLength: 120 },
  );

/** Runs the attempts and checks, at each refusal, that the advice is exact by trying a twin that took the same path. */
export function run(make: () => RateLimiter, steps: readonly Attempt[], epsilon: number): Passed[] {
  const limiter = make();
  const passed: Passed[] = [];
  let now = 0;
  for (const { after, cost } of steps) {
    now += after;
    const decision = limiter.take(now, cost);
    if (decision.ok) passed.push({ at: now, cost });
    else if (decision.retryAfterMs < Infinity) {
      const twin = (): RateLimiter => {
        const copy = make();
        for (const { at, cost: each } of passed) copy.take(at, each);
        return copy;
      };
      expect(decision.retryAfterMs).toBeGreaterThan(0);
      expect(twin().take(now + decision.retryAfterMs - epsilon, cost).ok).toBe(false);
      expect(twin().take(now + decision.retryAfterMs, cost).ok).toBe(true);
    }
  }
  return passed;
}

/** The most that passed in any half-open span of the window: it is enough to look at spans that begin with a passage. */
export function mostInAnySpan(passed: readonly Passed[], windowMs: number): number {
  return Math.max(
    0,
    ...passed.map(({ at: start }) => passed.filter(({ at }) => at >= start && at < start + windowMs).reduce((sum, { cost }) => sum + cost, 0)),
  );
}
