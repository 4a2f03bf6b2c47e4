import type { Clock } from '../../../kernel/clock.ts';
import { toPolymniaError } from '../../../kernel/errors.ts';
import type { GivingWay } from '../../../kernel/giving-way.ts';
import { CostEstimates } from './cost-estimates.ts';
import type { DispatchHooks, DispatchLimits } from './dispatch-options.ts';
import { closing, lineFull, noAnswer, PendingCall } from './pending-call.ts';
import type { Answer, CallRequest } from './pending-call.ts';
import { roughBytes } from './rough-bytes.ts';
import type { ThreadHost } from './thread-host.ts';
import { WriteLine } from './write-line.ts';

/** Background calls that have waited so long get one batch, whatever else waits. */
const BACKGROUND_PATIENCE_MS = 100;
/** Rest after a background batch, as a share of its time; where the thread gives way to all others, less is enough. */
const REST_SHARE = 2;
const GIVING_WAY_REST_SHARE = 1.5;

/** One writer thread with its two lines: interactive calls before background ones. */
export class WriterLane {
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

  /** Resolves once the thread has the space's file closed. */
  release(space: string): Promise<void> {
    return this.#thread.release(space);
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
    const ms = this.#givingWay.restMs(busyUs, this.#thread.givesWay ? GIVING_WAY_REST_SHARE : REST_SHARE);
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
