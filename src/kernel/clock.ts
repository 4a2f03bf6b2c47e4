/** Time as a dependency: wall time for records, monotonic time for limits and waits, and timers. */
export interface Clock {
  /** UTC milliseconds since 1970. May jump when an operator sets the clock. */
  now(): number;
  /** Milliseconds that only ever grow, with fractions. Every limit, lease and deadline inside the process uses this. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels it and may be called any number of times. */
  after(delayMs: number, run: () => void): () => void;
}

/** Longest delay a timer takes; longer waits would fire at once in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

interface ManualTimer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to move: for tests and simulations. */
export class ManualClock implements Clock {
  #wall: number;
  #elapsed = 0;
  #order = 0;
  readonly #timers = new Set<ManualTimer>();

  constructor(startMs = 1_800_000_000_000) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { due: this.#elapsed + Math.max(0, delayMs), order: this.#order++, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Number of timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves both clocks on, firing due timers in order of their time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.#moveTo(next.due);
      this.#timers.delete(next);
      next.run();
    }
    this.#moveTo(end);
  }

  /** An operator sets the wall clock; monotonic time does not notice. */
  stepWall(ms: number): void {
    this.#wall += ms;
  }

  #moveTo(elapsed: number): void {
    this.#wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }

  #nextDue(end: number): ManualTimer | undefined {
    let best: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.due > end) continue;
      if (best === undefined || timer.due < best.due || (timer.due === best.due && timer.order < best.order)) best = timer;
    }
    return best;
  }
}
