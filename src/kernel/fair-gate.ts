import { abortError } from './abort.ts';
import type { Clock } from './clock.ts';
import { PolymniaError } from './errors.ts';
import type { FairSchedulerOptions } from './fair-options.ts';
import { FairScheduler } from './fair-scheduler.ts';
import type { FairSnapshot, LineFull } from './fair-scheduler.ts';

/** Shortest advice to come back: quicker retries would only be refused again. */
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 60_000;

export interface FairGateOptions extends FairSchedulerOptions {
  /** What the gate guards, as messages will say it, e.g. `memory reads`. */
  readonly name: string;
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
}

export interface EnterRequest {
  readonly user: string;
  /** The service account the user belongs to. Default: the user itself. */
  readonly group?: string;
  readonly weight?: number;
  readonly groupWeight?: number;
  /** Estimated cost, in the gate's unit. */
  readonly cost: number;
  readonly long?: boolean;
  /** Ends the wait. It should abort by itself at `deadlineAt` (`startDeadline`): the gate has no timers. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. Nothing is let in from then on, and nothing that will not have its turn by then is made to wait. */
  readonly deadlineAt: number;
}

/** The right to run. Whoever holds it must release or dispose it, whatever happens. */
export interface Permit extends Disposable {
  readonly waitedMs: number;
  /** Gives the permit back; only the first call counts. Without a cost the estimate stands. */
  readonly release: (actualCost?: number) => void;
}

interface Waiting {
  readonly grant: (token: number, waitedMs: number) => void;
  readonly refuse: (error: PolymniaError) => void;
  readonly expire: () => void;
}

/** The waiting room of one lane: promises around a {@link FairScheduler}, which decides everything. */
export class FairGate implements Disposable {
  readonly #options: FairGateOptions;
  readonly #scheduler: FairScheduler<Waiting>;
  readonly #waiting = new Map<number, Waiting>();
  #closed = false;

  constructor(options: FairGateOptions) {
    this.#options = options;
    this.#scheduler = new FairScheduler(options, (waiting) => waiting.expire());
  }

  get running(): number {
    return this.#scheduler.running;
  }

  get waiting(): number {
    return this.#scheduler.waiting;
  }

  /** The lane as it stands; see {@link FairScheduler.snapshot}. */
  snapshot(maxUsers?: number): FairSnapshot {
    return this.#scheduler.snapshot(maxUsers);
  }

  /**
   * Waits for this caller's turn. Rejects with
   * `rate_limited`: the caller's own line is full, or is so long that the deadline would pass in it;
   * `overloaded`: the others' work would make the deadline pass, all lines together are full, or the gate is closed;
   * the signal's error (`timed_out`, `cancelled`): it was aborted before the turn came; its place is free at once.
   */
  enter(request: EnterRequest): Promise<Permit> {
    if (request.signal.aborted) return Promise.reject(abortError(request.signal));
    const now = this.#options.clock.monotonic();
    const refusal = this.#refusal(request, now);
    return refusal === undefined ? this.#wait(request, now) : Promise.reject(refusal);
  }

  /** Refuses all who wait and all who come; permits that are out stay valid. More than once does no harm. */
  close(): void {
    this.#closed = true;
    for (const [token, waiting] of this.#waiting) {
      this.#scheduler.cancel(token);
      waiting.refuse(this.#closedError());
    }
    this.#waiting.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #refusal({ user, group = user, long = false, deadlineAt }: EnterRequest, now: number): PolymniaError | undefined {
    if (this.#closed) return this.#closedError();
    const left = deadlineAt - now;
    if (left <= 0) return this.#deadlineError();
    const expected = this.#scheduler.expectedWaitMs(user, group, long);
    if (expected <= left) return undefined;
    const facts = { retryAfterMs: this.#spread(expected - left), details: { lane: this.#options.name, expectedWaitMs: Math.ceil(expected) } };
    if (this.#scheduler.ownWaitMs(user, group, long) > left) {
      return new PolymniaError('rate_limited', `Your own waiting calls (${this.#options.name}) would take longer than this call's deadline.`, facts);
    }
    return new PolymniaError('overloaded', `The server is too busy (${this.#options.name}): the wait would exceed this call's deadline.`, facts);
  }

  #wait(request: EnterRequest, now: number): Promise<Permit> {
    return new Promise((resolve, reject) => {
      const { signal, user, group = user } = request;
      const onAbort = (): void => {
        this.#waiting.delete(queued);
        this.#scheduler.cancel(queued);
        reject(abortError(signal));
      };
      const settle = (): void => signal.removeEventListener('abort', onAbort);
      const refuse = (error: PolymniaError): void => {
        settle();
        reject(error);
      };
      const waiting: Waiting = {
        grant: (token, waitedMs) => {
          settle();
          resolve(this.#permit(token, waitedMs, request.cost));
        },
        refuse,
        expire: () => {
          this.#waiting.delete(queued);
          refuse(signal.aborted ? abortError(signal) : this.#deadlineError());
        },
      };
      const result = this.#scheduler.enqueue({ ...request, group, payload: waiting }, now);
      if (!result.ok) return reject(this.#fullError(result.full, user, group));
      const queued = result.token;
      this.#waiting.set(queued, waiting);
      this.#admit();
      if (this.#waiting.has(queued)) signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #admit(): void {
    const now = this.#options.clock.monotonic();
    for (let turn = this.#scheduler.next(now); turn !== undefined; turn = this.#scheduler.next(now)) {
      this.#waiting.delete(turn.token);
      turn.payload.grant(turn.token, turn.waitedMs);
    }
  }

  #permit(token: number, waitedMs: number, estimate: number): Permit {
    const release = (actualCost = estimate): void => {
      if (this.#scheduler.finish(token, actualCost, this.#options.clock.monotonic())) this.#admit();
    };
    return { waitedMs, release, [Symbol.dispose]: () => release() };
  }

  /** Between once and twice the wait, so that those who were refused together do not come back together. */
  #spread(ms: number): number {
    return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, ms) * (1 + this.#options.random()));
  }

  #fullError(full: LineFull, user: string, group: string): PolymniaError {
    const { name } = this.#options;
    const { maxWaitingPerUser, maxWaitingPerGroup, maxWaiting } = this.#scheduler.limits;
    const retryAfterMs = this.#spread(this.#scheduler.expectedWaitMs(user, group));
    const facts = (limit: string): object => ({ retryAfterMs, details: { lane: name, limit } });
    if (full === 'user_line') {
      const limit = `waiting line of ${maxWaitingPerUser}`;
      return new PolymniaError(
        'rate_limited',
        `You already have ${maxWaitingPerUser} calls waiting (${name}); wait for some to finish.`,
        facts(limit),
      );
    }
    if (full === 'group_lines') {
      const limit = `waiting lines of a service of ${maxWaitingPerGroup}`;
      return new PolymniaError('rate_limited', `Your service already has ${maxWaitingPerGroup} calls waiting (${name}).`, facts(limit));
    }
    return new PolymniaError('overloaded', `The server already has ${maxWaiting} calls waiting (${name}).`, facts(`waiting lines of ${maxWaiting}`));
  }

  #deadlineError(): PolymniaError {
    const { name } = this.#options;
    return new PolymniaError('timed_out', `The call's deadline passed while it waited for its turn (${name}).`, {
      details: { lane: name, limit: 'deadline' },
    });
  }

  #closedError(): PolymniaError {
    const { name } = this.#options;
    return new PolymniaError('overloaded', `The server is stopping (${name}).`, { retryAfterMs: this.#spread(1000), details: { lane: name } });
  }
}
