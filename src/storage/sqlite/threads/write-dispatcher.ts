import { throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import { CostEstimates } from './cost-estimates.ts';
import type { DispatchHooks, DispatchLimits } from './dispatch-options.ts';
import type { GivingWay } from '../../../kernel/giving-way.ts';
import { closing, lineFull, noAnswer, PendingCall, waitedTooLong } from './pending-call.ts';
import type { Answer, CallRequest } from './pending-call.ts';
import { roughBytes } from './rough-bytes.ts';
import type { ThreadHost } from './thread-host.ts';
import { WriteLine } from './write-line.ts';

/** Background calls that have waited so long get one batch, whatever else waits. */
const BACKGROUND_PATIENCE_MS = 100;
/** Rest after a background batch, as a share of its time. */
const REST_SHARE = 2;

/**
 * Hands writes to writer threads. A space always goes to the same one, so its file has one writing connection; each thread has
 * one batch in flight, and calls that wait for the same file meanwhile go into the next commit together.
 */
export class WriteDispatcher implements AsyncDisposable {
  readonly #lanes: readonly WriterLane[];
  readonly #clock: Clock;
  #closed = false;

  constructor(threads: readonly ThreadHost[], clock: Clock, limits: DispatchLimits, hooks: DispatchHooks, givingWay: GivingWay) {
    this.#clock = clock;
    this.#lanes = threads.map((thread) => new WriterLane(thread, clock, limits, hooks, givingWay));
  }

  get waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  }

  get busy(): number {
    return this.#lanes.filter((lane) => lane.busy).length;
  }

  async call(request: CallRequest): Promise<Answer> {
    if (this.#closed) throw closing();
    throwIfAborted(request.call.signal);
    if (request.call.deadlineAt <= this.#clock.monotonic()) throw waitedTooLong();
    const lane = this.#lanes[Number.parseInt(request.space.slice(-8), 16) % this.#lanes.length];
    if (lane === undefined) throw new PolymniaError('internal', 'There is no writer thread.');
    return lane.call(request);
  }

  /** Refuses what waits, lets what runs end. The threads are their owner's to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}

/** One writer thread with its two lines: interactive calls before background ones. */
class WriterLane {
  readonly #thread: ThreadHost;
  readonly #clock: Clock;
  readonly #hooks: DispatchHooks;
  readonly #givingWay: GivingWay;
  readonly #estimates = new CostEstimates();
  readonly #interactive: WriteLine;
  readonly #background: WriteLine;
  /** Since when background calls have gone without a batch. */
  #backgroundSince = 0;
  /** Ends the rest of the background line; undefined while it has none. */
  #endRest: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(thread: ThreadHost, clock: Clock, limits: DispatchLimits, hooks: DispatchHooks, givingWay: GivingWay) {
    this.#thread = thread;
    this.#clock = clock;
    this.#hooks = hooks;
    this.#givingWay = givingWay;
    this.#interactive = new WriteLine(clock, limits);
    this.#background = new WriteLine(clock, limits);
  }

  get waiting(): number {
    return this.#interactive.waiting + this.#background.waiting;
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  call(request: CallRequest): Promise<Answer> {
    const line = request.background ? this.#background : this.#interactive;
    const call = new PendingCall(request, this.#estimates.of(request.space, request.method), this.#clock);
    call.bytes = roughBytes(request.args);
    if (!request.background) this.#givingWay.noteShort();
    if (request.background && line.waiting === 0) this.#backgroundSince = this.#clock.monotonic();
    const entered = line.enter(call);
    const { user, group } = request.call.flow;
    if (!entered.ok) return Promise.reject(lineFull(entered.full, line.expectedWaitMs(user, group)));
    call.waits(() => line.leave(call));
    this.#pump();
    return call.answer;
  }

  async close(): Promise<void> {
    this.#endRest?.();
    for (const call of [...this.#interactive.clear(), ...this.#background.clear()]) call.fail(closing());
    await this.#running;
  }

  #pump(): void {
    if (this.#running !== undefined) return;
    for (const line of this.#order()) {
      const batch = line.take();
      if (batch.length === 0) continue;
      this.#running = this.#run(line, batch);
      return;
    }
  }

  #order(): readonly WriteLine[] {
    if (this.#endRest !== undefined) return [this.#interactive];
    const impatient = this.#background.waiting > 0 && this.#clock.monotonic() - this.#backgroundSince >= BACKGROUND_PATIENCE_MS;
    return impatient ? [this.#background, this.#interactive] : [this.#interactive, this.#background];
  }

  async #run(line: WriteLine, batch: readonly PendingCall[]): Promise<void> {
    const started = this.#clock.monotonic();
    for (const [slot, call] of batch.entries()) call.runs(() => this.#thread.stop(slot));
    try {
      await this.#execute(line, batch);
    } catch (error) {
      const busyUs = ((this.#clock.monotonic() - started) * 1000) / batch.length;
      for (const call of batch) {
        line.finish(call, busyUs);
        call.fail(toPolymniaError(error));
      }
    }
    if (line === this.#background) {
      this.#backgroundSince = this.#clock.monotonic();
      this.#rest((this.#backgroundSince - started) * 1000);
    }
    this.#running = undefined;
    this.#pump();
  }

  #rest(busyUs: number): void {
    const ms = this.#givingWay.restMs(busyUs, REST_SHARE);
    if (ms === 0) return;
    const cancel = this.#clock.after(ms, () => {
      this.#endRest = undefined;
      this.#pump();
    });
    this.#endRest = () => {
      cancel();
      this.#endRest = undefined;
    };
  }

  async #execute(line: WriteLine, batch: readonly PendingCall[]): Promise<void> {
    const { space = '', create = false } = batch[0]?.request ?? {};
    const messages = batch.map((call) => call.message());
    const done = await this.#thread.run(space, create, messages);
    for (const [slot, call] of batch.entries()) {
      const outcome = done.outcomes[slot];
      if (outcome === undefined) throw noAnswer();
      call.estimate.learn(outcome.ownUs);
      line.finish(call, outcome.busyUs);
      call.end(outcome);
    }
    this.#hooks.onDone(done, batch);
  }
}
