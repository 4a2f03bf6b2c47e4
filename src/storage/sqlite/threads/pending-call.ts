import { abortError } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { LineFull } from '../../../kernel/fair-scheduler.ts';
import type { StoreCall, WriteCall } from '../../../domains/memory/store.ts';
import type { CostEstimate } from './cost-estimates.ts';
import type { CallMessage, Failure, Outcome } from './protocol.ts';

/** How long a stopped read may take to notice before its caller is answered without it. */
const READ_GRACE_MS = 250;
/** The same for a write, which after its commit has begun waits for the disk. */
const WRITE_GRACE_MS = 10_000;

/** One call of a storage method, as the dispatchers take it. */
export interface CallRequest {
  readonly space: string;
  readonly method: string;
  readonly args: unknown;
  readonly call: StoreCall | WriteCall;
  readonly effect: 'read' | 'write';
  readonly background: boolean;
  /** Background work of many pieces, by a writer that gives way. */
  readonly bulk: boolean;
  /** Make the space's file if there is none. */
  readonly create: boolean;
}

/** What came of a call that did not fail. */
export type Answer = { readonly status: 'ok'; readonly value: unknown } | { readonly status: 'absent' | 'stale' };

/** A call from its arrival to its answer. Listens to its signal: it leaves the line at once, or is told to stop where it runs. */
export class PendingCall {
  readonly request: CallRequest;
  /** Of its method on its space. */
  readonly estimate: CostEstimate;
  readonly answer: Promise<Answer>;
  /** The scheduler's token. */
  token = 0;
  /** Estimated to take long. */
  long = false;
  /** Size of the arguments, roughly. */
  bytes = 0;
  readonly #clock: Clock;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: PolymniaError) => void = () => {};
  #onAbort: () => void = () => {};
  #cancelGrace: () => void = () => {};

  constructor(request: CallRequest, estimate: CostEstimate, clock: Clock) {
    this.request = request;
    this.estimate = estimate;
    this.#clock = clock;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The call stands in line; `leave` takes it out. */
  waits(leave: () => void): void {
    this.#listen(() => {
      leave();
      this.fail(abortError(this.request.call.signal));
    });
  }

  /** The call runs; `stop` tells the thread to give it up. Its end is still the thread's word, for a while. */
  runs(stop: () => void): void {
    const { call, effect } = this.request;
    this.#listen(() => {
      stop();
      const graceMs = effect === 'read' ? READ_GRACE_MS : WRITE_GRACE_MS;
      this.#cancelGrace = this.#clock.after(graceMs, () => this.fail(effect === 'read' ? abortError(call.signal) : unknownOutcome()));
    });
    if (call.signal.aborted) this.#onAbort();
  }

  end(outcome: Outcome): void {
    this.request.call.meter.add(outcome.busyUs);
    switch (outcome.status) {
      case 'ok':
        return this.#settle(() => this.#resolve({ status: 'ok', value: outcome.value }));
      case 'failed':
        return this.fail(errorOf(outcome.failure));
      case 'aborted':
        return this.fail(abortError(this.request.call.signal));
      case 'absent':
      case 'stale':
        return this.#settle(() => this.#resolve({ status: outcome.status }));
    }
  }

  fail(error: PolymniaError): void {
    this.#settle(() => this.#reject(error));
  }

  message(): CallMessage {
    const { method, args, call } = this.request;
    const idempotency = 'idempotency' in call ? call.idempotency : undefined;
    return { method, args, now: call.now, ...(idempotency && { idempotency }) };
  }

  #listen(onAbort: () => void): void {
    const { signal } = this.request.call;
    signal.removeEventListener('abort', this.#onAbort);
    this.#onAbort = onAbort;
    signal.addEventListener('abort', onAbort, { once: true });
  }

  #settle(how: () => void): void {
    this.request.call.signal.removeEventListener('abort', this.#onAbort);
    this.#cancelGrace();
    how();
  }
}

/** The error of a call that found the line full. */
export function lineFull(full: LineFull, waitMs: number): PolymniaError {
  const retryAfterMs = Math.max(50, waitMs);
  return full === 'all_lines'
    ? new PolymniaError('overloaded', 'Too many calls wait for the storage.', { retryAfterMs, details: { limit: 'storage line' } })
    : new PolymniaError('rate_limited', 'Too many of your calls wait for the storage.', {
        retryAfterMs,
        details: { limit: 'storage line of one user' },
      });
}

/** The error of a call whose time ended before a thread was free. */
export function waitedTooLong(): PolymniaError {
  return new PolymniaError('timed_out', 'The time of the call ended while it waited for a storage thread.', { details: { limit: 'deadline' } });
}

/** The error of a call that came or still waited when the storage was closed. */
export function closing(): PolymniaError {
  return new PolymniaError('overloaded', 'The server is stopping.', { retryAfterMs: 1000 });
}

/** A thread that left a call out of its answer: a fault of ours. */
export function noAnswer(): PolymniaError {
  return new PolymniaError('internal', 'A storage thread gave no answer to a call.');
}

function errorOf({ code, message, details, cause }: Failure): PolymniaError {
  return new PolymniaError(code, message, { ...(details && { details }), ...(cause !== undefined && { cause }) });
}

function unknownOutcome(): PolymniaError {
  const message = 'The disk does not answer; whether the write was kept is not known. Ask again, with the same idempotency key if there was one.';
  return new PolymniaError('storage_unavailable', message);
}
