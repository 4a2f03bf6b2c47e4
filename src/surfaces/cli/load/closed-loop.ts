import type { Clock } from '../../../kernel/clock.ts';
import type { LoadUser } from './load-user.ts';
import { LOAD_OPERATIONS, type Mix, pickOperation } from './mix.ts';
import type { Recorder } from './recorder.ts';
import type { TextSource } from './texts.ts';

export interface ClosedLoopOptions {
  /** Take turns, a call each. */
  readonly users: readonly LoadUser[];
  /** Calls in flight at any time. */
  readonly lines: number;
  readonly mix: Mix;
  readonly texts: TextSource;
  readonly random: () => number;
  readonly clock: Clock;
  /** How long a line rests after a call that was refused or failed. Default 0. */
  readonly restMs?: number;
}

/**
 * A greedy load: each line sends its next call as soon as the one before has ended. Good for finding how much a server can
 * do; its latencies say little, since a slow server slows the load too.
 */
export class ClosedLoop {
  readonly #options: ClosedLoopOptions;
  #recorder: Recorder;
  #isOn = false;
  #running = 0;
  #turn = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: ClosedLoopOptions, recorder: Recorder) {
    this.#options = options;
    this.#recorder = recorder;
  }

  /** Where calls sent from now on are counted. */
  set recorder(recorder: Recorder) {
    this.#recorder = recorder;
  }

  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    while (this.#running < this.#options.lines) {
      this.#running++;
      this.#next();
    }
  }

  /** Sends nothing more. Resolves when every call sent has ended. */
  stop(): Promise<void> {
    this.#isOn = false;
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #next(): void {
    const { users, clock, mix, random, texts, restMs = 0 } = this.#options;
    const user = users[this.#turn++ % users.length];
    if (!this.#isOn || user === undefined) return this.#end();
    const operation = pickOperation(mix, random());
    const recorder = this.#recorder;
    const sentAt = clock.monotonic();
    recorder.countDue();
    user.caller.call(LOAD_OPERATIONS[operation](texts), user.headers, (outcome) => {
      recorder.record(operation, outcome, clock.monotonic() - sentAt);
      if (outcome === 'ok' || restMs === 0) this.#next();
      else clock.after(restMs, () => this.#next());
    });
  }

  #end(): void {
    this.#running--;
    if (this.#running === 0) this.#onIdle?.();
  }
}
