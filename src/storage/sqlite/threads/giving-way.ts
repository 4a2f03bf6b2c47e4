import type { Clock } from '../../../kernel/clock.ts';

/** Short calls seen within this time: somebody is there whom long work would disturb. */
const RECENT_MS = 100;
const MAX_REST_MS = 50;

/**
 * What keeps long reads and background writes from filling the processor while others make short calls: after each piece
 * they rest, in proportion to the time it took. Two cores that are never idle let a short call wait at each of its four
 * changes of thread. With nobody else there, nothing rests.
 */
export class GivingWay {
  readonly #clock: Clock;
  #lastShortAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody made a short call. */
  noteShort(): void {
    this.#lastShortAt = this.#clock.monotonic();
  }

  /** How long to rest after a piece of `busyUs`, ms: `share` times as long, 0 when nobody is disturbed. */
  restMs(busyUs: number, share: number): number {
    if (this.#clock.monotonic() - this.#lastShortAt > RECENT_MS) return 0;
    return Math.min(MAX_REST_MS, (busyUs / 1000) * share);
  }
}
