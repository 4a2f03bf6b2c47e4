import type { Clock } from '../../../kernel/clock.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

/** Keeps calls away from an upstream that fails: one second after the first failure, doubling up to a minute, none after a success. */
export class Backoff {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #waitMs = 0;
  #openAt = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** May the upstream be tried now? */
  get ready(): boolean {
    return this.#clock.monotonic() >= this.#openAt;
  }

  failed(): void {
    this.#waitMs = Math.min(LONGEST_MS, Math.max(FIRST_MS, this.#waitMs * 2));
    this.#openAt = this.#clock.monotonic() + this.#waitMs;
  }

  succeeded(): void {
    this.#waitMs = 0;
    this.#openAt = 0;
  }
}
