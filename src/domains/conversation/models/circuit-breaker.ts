import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';

/** Failures in a row after which nothing is tried for a while. */
const FAILURES = 5;
const OPEN_MS = 10_000;

/** What became of an attempt: `neither` says nothing about the model, such as a caller who went away. */
export type Verdict = 'good' | 'bad' | 'neither';

/**
 * Spares callers the wait for a model that does not answer. After {@link FAILURES} bad attempts in a row it refuses for
 * {@link OPEN_MS}; then one attempt is let through, and decides for all.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #name: string;
  #bad = 0;
  #openUntil = -Infinity;
  #probing = false;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** Refuses attempts, or lets one through at a time. */
  get isOpen(): boolean {
    return this.#bad >= FAILURES;
  }

  /** Begins an attempt; the function it answers with tells what became of it, and counts once. Throws `overloaded` while it is open. */
  begin(): (verdict: Verdict) => void {
    const isProbe = this.isOpen;
    const left = this.#openUntil - this.#clock.monotonic();
    if (isProbe && (left > 0 || this.#probing)) {
      throw new PolymniaError('overloaded', `${this.#name} did not answer lately; it is tried again in a moment.`, {
        retryAfterMs: Math.max(left, 1000),
        details: { model: this.#name },
      });
    }
    this.#probing = isProbe;
    let isOpen = true;
    return (verdict) => {
      if (!isOpen) return;
      isOpen = false;
      if (isProbe) this.#probing = false;
      if (verdict === 'good') this.#bad = 0;
      if (verdict === 'bad') this.#failed();
    };
  }

  #failed(): void {
    this.#bad++;
    if (this.isOpen) this.#openUntil = this.#clock.monotonic() + OPEN_MS;
  }
}
