import type { Clock } from '../../../kernel/clock.ts';
import { type Arrival, poissonArrivals } from './arrivals.ts';
import type { LoadUser } from './load-user.ts';
import { LOAD_OPERATIONS, type Mix, pickOperation } from './mix.ts';
import { type Outcome, type Recorder, UNSENT } from './recorder.ts';
import type { TextSource } from './texts.ts';

export interface OpenLoopOptions {
  readonly users: readonly LoadUser[];
  readonly callsPerSecondPerUser: number;
  /** Users that begin in each second; all at once when absent. */
  readonly spawnPerSecond?: number;
  readonly mix: Mix;
  readonly texts: TextSource;
  readonly random: () => number;
  readonly clock: Clock;
  /** Unanswered calls of one user; further ones wait here, their latency growing. Default 16. */
  readonly maxInFlightPerUser?: number;
  /** Calls of one user that wait here; further ones are counted as `unsent`. Default 256. */
  readonly maxWaitingPerUser?: number;
}

const MAX_IN_FLIGHT = 16;
const MAX_WAITING = 256;
/** Arrivals sent in one go before sockets are looked at again. */
const MAX_BURST = 64;

/** What one user has going. */
interface Lane {
  inFlight: number;
  readonly waiting: { readonly dueAt: number; readonly recorder: Recorder }[];
}

/**
 * An open-loop load: calls fall due by a Poisson process whatever the server does, and latency is counted from the moment a
 * call was due, so that a stall of the server shows in full (no coordinated omission).
 */
export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #lanes: readonly Lane[];
  readonly #maxInFlight: number;
  readonly #maxWaiting: number;
  #recorder: Recorder;
  #arrivals: Iterator<Arrival> | undefined;
  #next: Arrival | undefined;
  #cancelTimer: () => void = () => {};
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: OpenLoopOptions, recorder: Recorder) {
    this.#options = options;
    this.#recorder = recorder;
    this.#lanes = options.users.map(() => ({ inFlight: 0, waiting: [] }));
    this.#maxInFlight = options.maxInFlightPerUser ?? MAX_IN_FLIGHT;
    this.#maxWaiting = options.maxWaitingPerUser ?? MAX_WAITING;
  }

  /** Where calls that fall due from now on are counted; those due before stay with the recorder before. */
  set recorder(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** Starts, or goes on after {@link stop} with fresh arrivals. */
  start(): void {
    const { random, users, callsPerSecondPerUser, spawnPerSecond, clock } = this.#options;
    const spawn = spawnPerSecond === undefined ? {} : { spawnPerSecond };
    this.#arrivals = poissonArrivals({ random, users: users.length, callsPerSecondPerUser, startAt: clock.monotonic(), ...spawn });
    this.#next = this.#arrivals.next().value;
    this.#pump();
  }

  /** No more arrivals; what waits here unsent is given up uncounted. Resolves when every call sent has ended. */
  stop(): Promise<void> {
    this.#cancelTimer();
    this.#arrivals = undefined;
    this.#next = undefined;
    for (const lane of this.#lanes) lane.waiting.length = 0;
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  readonly #pump = (): void => {
    const { clock } = this.#options;
    this.#cancelTimer();
    let sent = 0;
    while (this.#next !== undefined && this.#next.dueAt <= clock.monotonic() && sent++ < MAX_BURST) {
      this.#arrive(this.#next);
      this.#next = this.#arrivals?.next().value;
    }
    if (this.#next !== undefined) this.#cancelTimer = clock.after(this.#next.dueAt - clock.monotonic(), this.#pump);
  };

  #arrive({ dueAt, user }: Arrival): void {
    const lane = this.#lanes[user];
    if (lane === undefined) return;
    const recorder = this.#recorder;
    recorder.countDue();
    recorder.lateness.record(this.#options.clock.monotonic() - dueAt);
    if (lane.inFlight < this.#maxInFlight) this.#send(lane, user, dueAt, recorder);
    else if (lane.waiting.length < this.#maxWaiting) lane.waiting.push({ dueAt, recorder });
    else recorder.record(this.#pick(), UNSENT, 0);
  }

  #pick(): keyof typeof LOAD_OPERATIONS {
    return pickOperation(this.#options.mix, this.#options.random());
  }

  #send(lane: Lane, index: number, dueAt: number, recorder: Recorder): void {
    const user = this.#options.users[index];
    if (user === undefined) return;
    const operation = this.#pick();
    lane.inFlight++;
    this.#inFlight++;
    user.caller.call(LOAD_OPERATIONS[operation](this.#options.texts), user.headers, (outcome: Outcome) => {
      recorder.record(operation, outcome, this.#options.clock.monotonic() - dueAt);
      lane.inFlight--;
      this.#inFlight--;
      const next = lane.waiting.shift();
      if (next !== undefined) this.#send(lane, index, next.dueAt, next.recorder);
      if (this.#inFlight === 0) this.#onIdle?.();
    });
  }
}
