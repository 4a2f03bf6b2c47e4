import { PolymniaError } from '../../kernel/errors.ts';

/** How much one user and all users together may hold at a time, and how a refusal calls it. */
export interface BudgetLimits {
  readonly perUser: number;
  readonly total: number;
  /** What is held, as in "too many … at once". */
  readonly what: string;
}

const RETRY_MS = 1000;

/**
 * Bounds what requests hold before the gate has admitted them (bodies in memory, uploads on their way to disk):
 * per user, so that nobody can use it up for others, and in total. Holds at most one entry per user who holds something.
 */
export class UserBudget {
  readonly #limits: BudgetLimits;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** Takes `amount` for a user until disposed. Throws `rate_limited` above the user's share, `overloaded` above the whole. */
  take(userId: string, amount: number): Disposable {
    const held = (this.#held.get(userId) ?? 0) + amount;
    const { perUser, total, what } = this.#limits;
    if (held > perUser)
      throw new PolymniaError('rate_limited', `You send too many ${what} at once; let some finish first.`, { retryAfterMs: RETRY_MS });
    if (this.#total + amount > total) {
      throw new PolymniaError('overloaded', `The server takes no more ${what} at the moment.`, { retryAfterMs: RETRY_MS });
    }
    this.#held.set(userId, held);
    this.#total += amount;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#release(userId, amount);
      },
    };
  }

  /** Sum of all that is held now. */
  get total(): number {
    return this.#total;
  }

  #release(userId: string, amount: number): void {
    this.#total -= amount;
    const left = (this.#held.get(userId) ?? 0) - amount;
    if (left > 0) this.#held.set(userId, left);
    else this.#held.delete(userId);
  }
}
