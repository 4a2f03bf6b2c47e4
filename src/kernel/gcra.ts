import { checkCost, checkRate, millisecondsUntil } from './sliding-window.ts';
import type { RateDecision, RateLimiter, RateState } from './sliding-window.ts';

/** Share of the limit that may pass at one moment; the rest is what trickles in over one window. */
const BURST_SHARE = 1 / 4;

/**
 * The generic cell rate algorithm (ITU-T I.371): a leaky bucket in one number, whatever the limit.
 * The usual settings (burst = limit, refill = limit a window) let nearly twice the limit pass in one window. Here
 * burst + refill = limit, so that the promise of `SlidingWindow` holds too: never more than `limit` in any span of
 * `windowMs`. The price: a quarter of the limit passes at once after a rest, and three quarters a window for ever.
 */
export class Gcra implements RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  readonly maxCost: number;
  /** Milliseconds that one unit stands for. */
  readonly #interval: number;
  /** When the bucket will be empty: the "theoretical arrival time". */
  #emptyAt = -Infinity;

  constructor(limit: number, windowMs: number) {
    checkRate(limit, windowMs);
    this.limit = limit;
    this.windowMs = windowMs;
    this.maxCost = Math.max(1, Math.floor(limit * BURST_SHARE));
    this.#interval = windowMs / Math.max(1, limit - this.maxCost);
  }

  take(now: number, cost = 1): RateDecision {
    checkCost(cost);
    if (cost > this.maxCost) return { ok: false, retryAfterMs: Infinity, ...this.peek(now) };
    const allowedFrom = this.#emptyAt - (this.maxCost - cost) * this.#interval;
    if (now < allowedFrom) return { ok: false, retryAfterMs: millisecondsUntil(allowedFrom, now), ...this.peek(now) };
    this.#emptyAt = Math.max(this.#emptyAt, now) + cost * this.#interval;
    return { ok: true, ...this.peek(now) };
  }

  peek(now: number): RateState {
    const resetMs = Math.max(0, this.#emptyAt - now);
    return { remaining: Math.max(0, Math.floor(this.maxCost - resetMs / this.#interval)), resetMs };
  }
}
