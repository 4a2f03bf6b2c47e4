import { PolymniaError } from './errors.ts';

/** What is left at one moment. */
export interface RateState {
  /** Cost units that may pass now. */
  readonly remaining: number;
  /** Milliseconds until everything may pass again, if nothing more is taken. */
  readonly resetMs: number;
}

/** The answer to one attempt. A refused one leaves no trace. */
export type RateDecision =
  | (RateState & { readonly ok: true })
  /** `retryAfterMs`: the same attempt passes exactly then, if nothing else is taken; Infinity when its cost is above `maxCost`. */
  | (RateState & { readonly ok: false; readonly retryAfterMs: number });

/** Limits one key (a user and lane). Times are monotonic milliseconds; costs are whole numbers from 1. */
export interface RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  /** The largest cost that can ever pass in one attempt. */
  readonly maxCost: number;
  take(now: number, cost?: number): RateDecision;
  peek(now: number): RateState;
}

const FIRST_CAPACITY = 4;
/** A ring larger than this is given back when it has run empty. */
const KEPT_CAPACITY = 16;

/** Refuses what no limiter can work with: these are faults of the calling code, not of a user. */
export function checkRate(limit: number, windowMs: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw new PolymniaError('internal', `A rate limit must be a whole number from 1, not ${limit}.`);
  if (!(windowMs > 0)) throw new PolymniaError('internal', `A rate limit's window must be above 0 ms, not ${windowMs}.`);
}

/** See {@link checkRate}. */
export function checkCost(cost: number): void {
  if (!Number.isInteger(cost) || cost < 1) throw new PolymniaError('internal', `The cost of a call must be a whole number from 1, not ${cost}.`);
}

/** Milliseconds from `now` to `due`, such that adding them to `now` never falls short of `due` by rounding. */
export function millisecondsUntil(due: number, now: number): number {
  const wait = due - now;
  return now + wait < due ? wait * (1 + Number.EPSILON) : wait;
}

/**
 * An exact sliding window: never more than `limit` cost units pass in any half-open span of `windowMs`.
 * It keeps the time at which each unit leaves the window, in a ring that grows with use: 8 bytes a unit that has passed,
 * at most 8 × limit rounded up to a power of two. Made for limits up to about 1,000; above, see `Gcra`.
 */
export class SlidingWindow implements RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  /** Ring of the times at which passed units leave, oldest first, from `#head` on; its length is a power of two. */
  #leaves: Float64Array | undefined;
  #head = 0;
  #used = 0;

  constructor(limit: number, windowMs: number) {
    checkRate(limit, windowMs);
    this.limit = limit;
    this.windowMs = windowMs;
  }

  get maxCost(): number {
    return this.limit;
  }

  take(now: number, cost = 1): RateDecision {
    checkCost(cost);
    this.#forget(now);
    if (this.#used + cost <= this.limit) {
      this.#append(now + this.windowMs, cost);
      return { ok: true, ...this.#state(now) };
    }
    if (cost > this.limit) return { ok: false, retryAfterMs: Infinity, ...this.#state(now) };
    const mustLeave = this.#used + cost - this.limit;
    return { ok: false, retryAfterMs: millisecondsUntil(this.#at(mustLeave - 1), now), ...this.#state(now) };
  }

  peek(now: number): RateState {
    this.#forget(now);
    return this.#state(now);
  }

  #state(now: number): RateState {
    const resetMs = this.#used === 0 ? 0 : millisecondsUntil(this.#at(this.#used - 1), now);
    return { remaining: this.limit - this.#used, resetMs };
  }

  #at(position: number): number {
    const ring = this.#leaves;
    return ring?.[(this.#head + position) & (ring.length - 1)] ?? 0;
  }

  #forget(now: number): void {
    const ring = this.#leaves;
    if (ring === undefined) return;
    while (this.#used > 0 && this.#at(0) <= now) {
      this.#head = (this.#head + 1) & (ring.length - 1);
      this.#used -= 1;
    }
    if (this.#used === 0 && ring.length > KEPT_CAPACITY) this.#leaves = undefined;
  }

  #append(leavesAt: number, count: number): void {
    const ring = this.#withRoomFor(this.#used + count);
    for (let unit = 0; unit < count; unit++) ring[(this.#head + this.#used++) & (ring.length - 1)] = leavesAt;
  }

  #withRoomFor(count: number): Float64Array {
    const ring = this.#leaves;
    if (ring !== undefined && ring.length >= count) return ring;
    let capacity = ring?.length ?? FIRST_CAPACITY;
    while (capacity < count) capacity *= 2;
    const larger = new Float64Array(capacity);
    for (let unit = 0; unit < this.#used; unit++) larger[unit] = this.#at(unit);
    this.#leaves = larger;
    this.#head = 0;
    return larger;
  }
}
