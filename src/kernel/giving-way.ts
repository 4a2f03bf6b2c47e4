import type { Clock } from './clock.ts';

/** Short calls seen within this time: somebody is there whom long work would disturb. */
const RECENT_MS = 100;
const MAX_REST_MS = 50;
/** Long work of the other side seen within this time: the two take turns. */
const OTHER_SIDE_MS = 500;
/** One round of those turns, and the part of it that belongs to the server's own long work. */
const ROUND_MS = 200;
const INSIDE_MS = 150;

/** Whether child processes may use the processor now, and how long that holds. */
export interface ChildSpan {
  readonly mayRun: boolean;
  readonly forMs: number;
}

/**
 * What keeps long work from filling the processor while others make short calls. Cores that are never idle let a short call
 * wait at each of its four changes of thread. So long reads and background writes rest after each piece, in proportion to the
 * time it took; and where child processes work as well, the two sides take turns instead of adding up. With nobody else
 * there, nothing rests.
 */
export class GivingWay {
  readonly #clock: Clock;
  #lastShortAt = -Infinity;
  #lastLongAt = -Infinity;
  #lastChildAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody made a short call. */
  noteShort(): void {
    this.#lastShortAt = this.#clock.monotonic();
  }

  /** How long to rest after a piece of `busyUs`, ms: `share` times as long, and over the children's span; 0 when nobody is disturbed. */
  restMs(busyUs: number, share: number): number {
    const now = this.#clock.monotonic();
    this.#lastLongAt = now;
    if (!this.#isDisturbing(now)) return 0;
    const restMs = Math.min(MAX_REST_MS, (busyUs / 1000) * share);
    if (now - this.#lastChildAt > OTHER_SIDE_MS) return restMs;
    const at = (now + restMs) % ROUND_MS;
    return at < INSIDE_MS ? restMs : restMs + ROUND_MS - at;
  }

  /** To be asked while there are child processes with work, and again when the span is over. */
  childSpan(): ChildSpan {
    const now = this.#clock.monotonic();
    this.#lastChildAt = now;
    if (!this.#isDisturbing(now) || now - this.#lastLongAt > OTHER_SIDE_MS) return { mayRun: true, forMs: INSIDE_MS };
    const at = now % ROUND_MS;
    return at < INSIDE_MS ? { mayRun: false, forMs: INSIDE_MS - at } : { mayRun: true, forMs: ROUND_MS - at };
  }

  #isDisturbing(now: number): boolean {
    return now - this.#lastShortAt <= RECENT_MS;
  }
}
