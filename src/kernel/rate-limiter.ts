import { Gcra } from './gcra.ts';
import { SlidingWindow } from './sliding-window.ts';
import type { RateLimiter } from './sliding-window.ts';

/** Above this limit an exact window would cost more than 8 KB a key. */
const MAX_EXACT_LIMIT = 1000;

/**
 * The limiter for one key: exact up to a limit of 1,000 a window, one number above. Both keep the promise that never
 * more than `limit` cost units pass in any span of `windowMs`; above 1,000 the burst is smaller (see `Gcra`).
 */
export function createRateLimiter(limit: number, windowMs: number): RateLimiter {
  return limit > MAX_EXACT_LIMIT ? new Gcra(limit, windowMs) : new SlidingWindow(limit, windowMs);
}
