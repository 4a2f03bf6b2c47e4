import { throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import { FairScheduler } from '../../../kernel/fair-scheduler.ts';
import type { Dispatch } from '../../../kernel/fair-scheduler.ts';
import { CostEstimates } from './cost-estimates.ts';
import type { DispatchHooks, DispatchLimits } from './dispatch-options.ts';
import type { GivingWay } from '../../../kernel/giving-way.ts';
import { closing, lineFull, noAnswer, PendingCall, waitedTooLong } from './pending-call.ts';
import type { Answer, CallRequest } from './pending-call.ts';
import type { ThreadHost } from './thread-host.ts';

/** A read estimated above this is long: long ones together never hold all readers. */
const LONG_US = 5000;
/** What is not known yet counts as long in a file larger than this. */
const LARGE_FILE_BYTES = 16 * 1024 * 1024;
const UNKNOWN_COST_US = 300;
/** Short reads that may wait for the reader that has most files open, before another one takes them and opens their files too. */
const MAY_WAIT = 4;
/** Rest after a long read, as a share of its time: at 1, light users beside an import and long searches waited half as long again. */
const REST_SHARE = 2;

/**
 * Hands reads to reader threads: one at a time to each, fairly by thread time, to an idle reader, rather to one that has the
 * file open. One user, and all long reads together, use at most all readers but one. The line is here, never in a mailbox.
 */
export class ReadDispatcher implements AsyncDisposable {
  readonly #threads: readonly ThreadHost[];
  readonly #idle: Set<ThreadHost>;
  readonly #clock: Clock;
  readonly #hooks: DispatchHooks;
  readonly #givingWay: GivingWay;
  readonly #fileBytes: (space: string) => Promise<number>;
  readonly #scheduler: FairScheduler<PendingCall>;
  readonly #estimates = new CostEstimates();
  readonly #waiting = new Set<PendingCall>();
  readonly #running = new Set<Promise<void>>();
  /** The reader for short reads runs a long one. */
  #heldUp = false;
  #closed = false;

  /** @param fileBytes size of a space's file; asked once for each space and method of which nothing is known. */
  constructor(
    threads: readonly ThreadHost[],
    clock: Clock,
    limits: DispatchLimits,
    hooks: DispatchHooks,
    givingWay: GivingWay,
    fileBytes: (space: string) => Promise<number>,
  ) {
    const most = Math.max(1, threads.length - 1);
    this.#threads = threads;
    this.#idle = new Set(threads);
    this.#clock = clock;
    this.#hooks = hooks;
    this.#givingWay = givingWay;
    this.#fileBytes = fileBytes;
    this.#scheduler = new FairScheduler({ ...limits, capacity: threads.length, maxRunningPerUser: most, maxRunningLong: most }, (call) => {
      this.#waiting.delete(call);
      call.fail(waitedTooLong());
    });
  }

  get waiting(): number {
    return this.#scheduler.waiting;
  }

  get busy(): number {
    return this.#threads.length - this.#idle.size;
  }

  async call(request: CallRequest): Promise<Answer> {
    const estimate = this.#estimates.of(request.space, request.method);
    const known = estimate.us;
    const long = known === undefined ? (await this.#fileBytes(request.space)) > LARGE_FILE_BYTES : known > LONG_US;
    const now = this.#clock.monotonic();
    if (this.#closed) throw closing();
    throwIfAborted(request.call.signal);
    if (request.call.deadlineAt <= now) throw waitedTooLong();
    const call = new PendingCall(request, estimate, this.#clock);
    const { flow } = request.call;
    const cost = known ?? (long ? LONG_US : UNKNOWN_COST_US);
    const entered = this.#scheduler.enqueue({ ...flow, cost, long, deadlineAt: request.call.deadlineAt, payload: call }, now);
    if (!entered.ok) throw lineFull(entered.full, this.#scheduler.expectedWaitMs(flow.user, flow.group, long));
    call.long = long;
    if (!long) this.#givingWay.noteShort();
    call.token = entered.token;
    this.#waiting.add(call);
    call.waits(() => this.#leave(call));
    this.#pump();
    return call.answer;
  }

  /** Refuses what waits, lets what runs end. The threads are their owner's to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const call of this.#waiting) {
      this.#leave(call);
      call.fail(closing());
    }
    await Promise.all(this.#running);
  }

  #leave(call: PendingCall): void {
    this.#waiting.delete(call);
    this.#scheduler.cancel(call.token);
  }

  #pump(): void {
    while (this.#mayStart()) {
      const next = this.#scheduler.next(this.#clock.monotonic());
      if (next === undefined) return;
      const thread = this.#choose(next.payload);
      this.#idle.delete(thread);
      this.#waiting.delete(next.payload);
      const run = this.#run(thread, next).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
  }

  /** Opening a file costs as much as a search in it: readers kept for long reads take short ones only when a line forms. */
  #mayStart(): boolean {
    if (this.#idle.size === 0) return false;
    for (const thread of this.#idle) if (!thread.givesWay) return true;
    if (this.#heldUp || this.#scheduler.waiting > MAY_WAIT) return true;
    for (const { long } of this.#waiting) if (long) return true;
    return false;
  }

  /**
   * An idle reader: for a long read one that gives way to others, for a short one rather the one that does not; then one that
   * has the file, that has started, that may start.
   */
  #choose({ request: { space }, long }: PendingCall): ThreadHost {
    const rank = (thread: ThreadHost): number =>
      (thread.givesWay === long ? 4 : 0) + (thread.has(space) ? 3 : thread.started ? 2 : thread.usable ? 1 : 0);
    let best: ThreadHost | undefined;
    for (const thread of this.#idle) if (best === undefined || rank(thread) > rank(best)) best = thread;
    if (best === undefined) throw new PolymniaError('internal', 'No reader thread is idle.');
    return best;
  }

  async #run(thread: ThreadHost, { token, payload: call }: Dispatch<PendingCall>): Promise<void> {
    const started = this.#clock.monotonic();
    let busyUs: number;
    call.runs(() => thread.stop(0));
    if (!thread.givesWay) this.#heldUp = call.long;
    try {
      const done = await thread.run(call.request.space, false, [call.message()]);
      const [outcome] = done.outcomes;
      if (outcome === undefined) throw noAnswer();
      busyUs = outcome.busyUs;
      call.estimate.learn(outcome.ownUs);
      call.end(outcome);
      this.#hooks.onDone(done, [call]);
    } catch (error) {
      busyUs = (this.#clock.monotonic() - started) * 1000;
      call.fail(toPolymniaError(error));
    }
    if (call.long) await this.#rest(busyUs);
    this.#idle.add(thread);
    this.#scheduler.finish(token, busyUs, this.#clock.monotonic());
    this.#pump();
  }
  /** The answer is out already; the place stays taken. */
  #rest(busyUs: number): Promise<void> {
    const ms = this.#closed ? 0 : this.#givingWay.restMs(busyUs, REST_SHARE);
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}
