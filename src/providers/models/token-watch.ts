import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';

/** Milliseconds. */
interface TokenTimes {
  readonly firstTokenMs: number;
  readonly nextTokenMs: number;
}

/**
 * A signal that aborts when a model lets its reader wait too long for a token. Bytes that bring no token do not count, and time
 * in which the reader works does not either ({@link pause}). Dispose it when the answer ends.
 */
export class TokenWatch implements Disposable {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #times: TokenTimes;
  readonly #parent: AbortSignal;
  readonly #onParent = (): void => this.#controller.abort(this.#parent.reason);
  #cancel = (): void => {};

  constructor(clock: Clock, times: TokenTimes, parent: AbortSignal) {
    this.#clock = clock;
    this.#times = times;
    this.#parent = parent;
    if (parent.aborted) this.#onParent();
    else parent.addEventListener('abort', this.#onParent, { once: true });
    this.#arm(times.firstTokenMs, 'CHAT_FIRST_TOKEN_TIMEOUT', 'begin its answer');
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A token came; until {@link next} nobody waits for the model. */
  pause(): void {
    this.#cancel();
  }

  /** The next token is waited for. */
  next(): void {
    this.#arm(this.#times.nextTokenMs, 'CHAT_TOKEN_TIMEOUT', 'go on with its answer');
  }

  [Symbol.dispose](): void {
    this.#cancel();
    this.#parent.removeEventListener('abort', this.#onParent);
  }

  #arm(ms: number, limit: string, what: string): void {
    this.#cancel();
    this.#cancel = this.#clock.after(ms, () => {
      this.#controller.abort(
        new PolymniaError('timed_out', `The model did not ${what} within ${limit} (${ms} ms).`, { details: { limit, limitMs: ms } }),
      );
    });
  }
}
