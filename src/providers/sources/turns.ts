import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';

/** How long work without a pause may keep everything else waiting. */
const TURN_MS = 8;

/** Lets other work of the process run now and then, so that an abort is heard. */
export class Turns {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #startedAt: number;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#startedAt = clock.monotonic();
  }

  /** Call it between steps. Rejects when the signal has aborted. */
  async next(): Promise<void> {
    throwIfAborted(this.#signal);
    if (this.#clock.monotonic() - this.#startedAt < TURN_MS) return;
    await setImmediate();
    this.#startedAt = this.#clock.monotonic();
    throwIfAborted(this.#signal);
  }
}
