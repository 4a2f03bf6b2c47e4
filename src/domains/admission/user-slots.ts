import { abortError } from '../../kernel/abort.ts';
import { BoundedQueue } from '../../kernel/bounded-queue.ts';
import { PolymniaError } from '../../kernel/errors.ts';

interface Slots {
  running: number;
  readonly waiting: BoundedQueue<() => void>;
}

/**
 * Counts the calls of each user in flight over all lanes. A user at the cap gives its lane permit back and waits here, in its
 * own line, so that waiting for oneself never holds what another could use.
 */
export class UserSlots {
  readonly #cap: number;
  readonly #maxWaiting: number;
  readonly #slotsByUser = new Map<string, Slots>();
  readonly #linesByUser = new Map<string, number>();

  constructor(cap: number, maxWaiting: number) {
    this.#cap = cap;
    this.#maxWaiting = maxWaiting;
  }

  running(user: string): number {
    return this.#slotsByUser.get(user)?.running ?? 0;
  }

  /** Calls of the user that wait for their turn, in whatever line. */
  waiting(user: string): number {
    return this.#linesByUser.get(user) ?? 0;
  }

  /** Counts a call as waiting until the returned value is disposed. */
  line(user: string): Disposable {
    this.#linesByUser.set(user, this.waiting(user) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.waiting(user) - 1;
        if (left > 0) this.#linesByUser.set(user, left);
        else this.#linesByUser.delete(user);
      },
    };
  }

  /** Takes a slot if one is free; `release` gives it back. */
  tryTake(user: string): boolean {
    const slots = this.#slotsByUser.get(user) ?? { running: 0, waiting: new BoundedQueue<() => void>(this.#maxWaiting) };
    if (slots.running >= this.#cap) return false;
    slots.running += 1;
    this.#slotsByUser.set(user, slots);
    return true;
  }

  /** Gives a slot back: to the first in the user's line, if any. */
  release(user: string): void {
    const slots = this.#slotsByUser.get(user);
    if (slots === undefined) return;
    const next = slots.waiting.shift();
    if (next !== undefined) return next();
    slots.running -= 1;
    if (slots.running === 0) this.#slotsByUser.delete(user);
  }

  /** Waits in the user's own line for a slot. Rejects with `rate_limited` when that line is full, or with the abort's error. */
  take(user: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(abortError(signal));
    if (this.tryTake(user)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const { waiting } = this.#slotsByUser.get(user) ?? { waiting: undefined };
      const onSlot = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        if (place) waiting?.remove(place);
        reject(abortError(signal));
      };
      const place = waiting?.push(onSlot) ?? false;
      if (!place) return reject(this.#lineFull());
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #lineFull(): PolymniaError {
    const message = `You already have ${this.#cap} calls in flight and ${this.#maxWaiting} waiting; wait for some to finish.`;
    return new PolymniaError('rate_limited', message, { retryAfterMs: 1000, details: { limit: 'MAX_CONCURRENT_OPS_PER_USER' } });
  }
}
