import { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { Reservation } from '../../../kernel/operation.ts';
import { createReservation } from '../../../kernel/reservation.ts';

const DAY_MS = 86_400_000;
const MAX_ACCOUNTS = 100_000;
/** A reservation nobody settled stops counting: longer than any turn may wait and run. */
const RESERVATION_TTL_MS = 3_600_000;

interface Account {
  readonly day: number;
  used: number;
  reserved: number;
}

/** Days since 1970, UTC: what budgets are counted by. */
export function dayOf(now: number): number {
  return Math.floor(now / DAY_MS);
}

/**
 * Tokens a user may spend in a day (UTC), reserved before an answer and settled after it. What was spent is read from the user's
 * own file at the day's first call; reservations live in memory alone, so no crash can lock anybody out.
 */
export class TokenBudget {
  readonly #clock: Clock;
  readonly #perDay: number;
  readonly #accounts = new BoundedMap<string, Account>({ maxSize: MAX_ACCOUNTS });

  /** @param perDay 0 = no limit. */
  constructor(clock: Clock, perDay: number) {
    this.#clock = clock;
    this.#perDay = perDay;
  }

  /** Rejects with `rate_limited` until midnight UTC when too little is left. `spent` reads what the user has spent on a day. */
  async reserve(user: string, tokens: number, spent: (day: number) => Promise<number>): Promise<Reservation> {
    if (this.#perDay === 0) return { settle: () => {}, [Symbol.dispose]: () => {} };
    const account = await this.#account(user, spent);
    // A single answer may always be asked for at the start of a day, however large its estimate.
    const isFirst = account.used === 0 && account.reserved === 0;
    if (!isFirst && account.used + account.reserved + tokens > this.#perDay) throw this.#exhausted(account);
    return this.#open(account, tokens);
  }

  #open(account: Account, tokens: number): Reservation {
    account.reserved += tokens;
    return createReservation(this.#clock, RESERVATION_TTL_MS, (used) => {
      account.reserved -= tokens;
      account.used += used;
    });
  }

  async #account(user: string, spent: (day: number) => Promise<number>): Promise<Account> {
    const day = dayOf(this.#clock.now());
    const kept = this.#accounts.get(user);
    if (kept?.day === day) return kept;
    // Each call reads for itself: one that is cut off must not take those with it that came at the same time.
    const used = await spent(day);
    const known = this.#accounts.get(user);
    if (known?.day === day) return known;
    const account = { day, used, reserved: 0 };
    this.#accounts.set(user, account);
    return account;
  }

  #exhausted({ used, reserved }: Account): PolymniaError {
    const message = `Of the ${this.#perDay} tokens you may use a day, ${used} are used and ${reserved} are set aside for answers under way.`;
    return new PolymniaError('rate_limited', message, {
      retryAfterMs: DAY_MS - (this.#clock.now() % DAY_MS),
      details: { limit: 'CHAT_TOKENS_PER_DAY', tokensPerDay: this.#perDay, used, reserved },
    });
  }
}
