import { expect, test } from 'vitest';
import { Gcra } from './gcra.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { SlidingWindow } from './sliding-window.ts';

test('limits up to 1,000 are exact, larger ones take one number', () => {
  expect(createRateLimiter(1000, 60_000)).toBeInstanceOf(SlidingWindow);
  expect(createRateLimiter(1001, 60_000)).toBeInstanceOf(Gcra);
});
