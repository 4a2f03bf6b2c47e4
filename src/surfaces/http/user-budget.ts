import { PolymniaError } from '../../kernel/errors.ts';
import type { Caller } from '../../kernel/operation.ts';

/** Who holds: a user, and the service it belongs to (or itself again). */
export type BudgetHolder = Pick<Caller, 'userId' | 'group'>;

/** How much one user, one service, and all together may hold at a time, and how a refusal calls it. */
export interface BudgetLimits {
  readonly perUser: number;
  /** Of all users of one service together: one key can speak for thousands of them. */
  readonly perService: number;
  readonly total: number;
  /** What is held, as in "too many … at once". */
  readonly what: string;
}

const RETRY_MS = 1000;

/**
 * Bounds what requests hold before the gate has admitted them (bodies in memory, uploads on their way to disk):
 * per user and service, so that nobody can use it up for others, and in total. Holds at most two entries per user who holds
 * something.
 */
export class UserBudget {
  readonly #limits: BudgetLimits;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** Takes `amount` until disposed. Throws `rate_limited` above the user's or service's share, `overloaded` above the whole. */
  take({ userId, group }: BudgetHolder, amount: number): Disposable {
    const { perUser, perService, total, what } = this.#limits;
    const accounts = group === userId ? [userId] : [userId, serviceAccount(group)];
    const isOver = (account: string, limit: number): boolean => (this.#held.get(account) ?? 0) + amount > limit;
    if (isOver(userId, perUser)) {
      throw new PolymniaError('rate_limited', `You send too many ${what} at once; let some finish first.`, { retryAfterMs: RETRY_MS });
    }
    if (group !== userId && isOver(serviceAccount(group), perService)) {
      throw new PolymniaError('rate_limited', `Your service sends too many ${what} at once; let some finish first.`, { retryAfterMs: RETRY_MS });
    }
    if (this.#total + amount > total) {
      throw new PolymniaError('overloaded', `The server takes no more ${what} at the moment.`, { retryAfterMs: RETRY_MS });
    }
    for (const account of accounts) this.#held.set(account, (this.#held.get(account) ?? 0) + amount);
    this.#total += amount;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#total -= amount;
        for (const account of accounts) this.#release(account, amount);
      },
    };
  }

  /** Sum of all that is held now. */
  get total(): number {
    return this.#total;
  }

  #release(account: string, amount: number): void {
    const left = (this.#held.get(account) ?? 0) - amount;
    if (left > 0) this.#held.set(account, left);
    else this.#held.delete(account);
  }
}

/** Apart from the service's own account as a user. */
function serviceAccount(group: string): string {
  return `${group} service`;
}
