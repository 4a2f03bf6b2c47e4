import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { createRateLimiter } from '../../kernel/rate-limiter.ts';
import type { RateLimiter } from '../../kernel/sliding-window.ts';
import { SMALL_BODY_BYTES } from './request-body.ts';
import { type BudgetHolder, UserBudget } from './user-budget.ts';

/** Bodies in memory as multiples of the largest one: a user's share, a service's, and all together. */
const HELD_PER_USER = 4;
const HELD_PER_SERVICE = 8;
const HELD_TOTAL = 32;
/** Large bodies one caller may send in a minute, as a multiple of the largest one. */
const SENT_PER_MINUTE = 16;
const MINUTE_MS = 60_000;
/** Senders remembered; one that is pushed out starts anew. */
const MAX_SENDERS = 10_000;

/**
 * What large JSON bodies may take before the gate sees them: memory while they are held, and parsing, which is time of the
 * one thread that serves everybody and is spent before any rate of an operation can be known.
 */
export class BodyBudget {
  readonly #clock: Clock;
  readonly #maxBodyBytes: number;
  readonly #held: UserBudget;
  readonly #rates = new BoundedMap<string, RateLimiter>({ maxSize: MAX_SENDERS });

  constructor(clock: Clock, maxBodyBytes: number) {
    this.#clock = clock;
    this.#maxBodyBytes = maxBodyBytes;
    this.#held = new UserBudget({
      perUser: maxBodyBytes * HELD_PER_USER,
      perService: maxBodyBytes * HELD_PER_SERVICE,
      total: maxBodyBytes * HELD_TOTAL,
      what: 'large bodies',
    });
  }

  /** Holds a large body until disposed. Throws `rate_limited` above the caller's share, `overloaded` above the whole. */
  take(holder: BudgetHolder, bytes: number): Disposable {
    const held = this.#held.take(holder, bytes);
    const decision = this.#rateOf(holder.group).take(this.#clock.monotonic(), unitsOf(bytes));
    if (decision.ok) return held;
    held[Symbol.dispose]();
    const { retryAfterMs } = decision;
    throw new PolymniaError('rate_limited', 'You send too many large bodies; send smaller ones, or fewer a minute.', { retryAfterMs });
  }

  /** By service: each of its users has a share in one and the same allowance. */
  #rateOf(group: string): RateLimiter {
    const known = this.#rates.get(group);
    if (known !== undefined) return known;
    const rate = createRateLimiter(SENT_PER_MINUTE * unitsOf(this.#maxBodyBytes), MINUTE_MS);
    this.#rates.set(group, rate);
    return rate;
  }
}

function unitsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / SMALL_BODY_BYTES));
}
