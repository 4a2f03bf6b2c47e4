import { PolymniaError } from '../../kernel/errors.ts';

/** Counts, per user, the calls that wait for a job. They hold no permit, so their number is what must be bounded. */
export class WaitingCalls {
  readonly #max: number;
  readonly #countByUser = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  of(user: string): number {
    return this.#countByUser.get(user) ?? 0;
  }

  /** Counts one more until the returned function is called, once. Throws `rate_limited` when there are too many. */
  enter(user: string): () => void {
    const count = this.of(user);
    if (count >= this.#max) {
      const message = `You already have ${count} calls waiting for jobs; let some end, or ask with background: true.`;
      throw new PolymniaError('rate_limited', message, { retryAfterMs: 1000, details: { limit: 'MAX_WAITING_PER_USER' } });
    }
    this.#countByUser.set(user, count + 1);
    return () => {
      const left = this.of(user) - 1;
      if (left > 0) this.#countByUser.set(user, left);
      else this.#countByUser.delete(user);
    };
  }
}
