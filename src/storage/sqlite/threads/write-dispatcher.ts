import { orAbort, throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { GivingWay } from '../../../kernel/giving-way.ts';
import type { DispatchHooks, DispatchLimits } from './dispatch-options.ts';
import { closing, waitedTooLong } from './pending-call.ts';
import type { Answer, CallRequest } from './pending-call.ts';
import type { ThreadHost } from './thread-host.ts';
import { WriterLane } from './writer-lane.ts';

/** How long after its last call a space stays with the bulk writer: the next piece of an import comes sooner. */
const STAY_MS = 1000;

/** Writer threads by what they are for. */
export interface WriterThreads {
  /** A space has its usual one among them. */
  readonly usual: readonly ThreadHost[];
  /** They give way to all others. */
  readonly bulk: readonly ThreadHost[];
}

/** A space on its way to a bulk writer, there, or on its way back. */
interface Stay {
  lane: WriterLane;
  /** The writer it comes from has its file closed. */
  ready: Promise<void>;
  /** Calls that wait or run, and the way back. */
  calls: number;
  cancelReturn: () => void;
}

/**
 * Hands writes to writer threads. At any time a space has one of them, so its file has one writing connection; each thread has
 * one batch in flight, and calls that wait for the same file meanwhile go into the next commit together.
 *
 * Bulk work (imports, deletions by filter) is done by writers that give way: where the usual one did it, every short call beside it
 * waited for the processor. With it go all writes of its space, which come back when the work has ended.
 */
export class WriteDispatcher implements AsyncDisposable {
  readonly #usual: readonly WriterLane[];
  readonly #bulk: readonly WriterLane[];
  readonly #clock: Clock;
  /** Calls in flight of spaces that are with their usual writer. */
  readonly #callsAtHome = new Map<string, number>();
  readonly #stays = new Map<string, Stay>();
  #closed = false;

  constructor({ usual, bulk }: WriterThreads, clock: Clock, limits: DispatchLimits, hooks: DispatchHooks, givingWay: GivingWay) {
    const laneOf = (thread: ThreadHost): WriterLane => new WriterLane(thread, clock, limits, hooks, givingWay);
    this.#clock = clock;
    this.#usual = usual.map(laneOf);
    this.#bulk = bulk.map(laneOf);
  }

  get waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  }

  get busy(): number {
    return this.#lanes.filter((lane) => lane.busy).length;
  }

  async call(request: CallRequest): Promise<Answer> {
    const { space, bulk } = request;
    this.#check(request);
    const stay = this.#stays.get(space) ?? (bulk ? this.#sendAway(space) : undefined);
    return await (stay === undefined ? this.#callAtHome(request) : this.#callAway(request, stay));
  }

  /** Refuses what waits, lets what runs end. The threads are their owner's to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { cancelReturn } of this.#stays.values()) cancelReturn();
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  get #lanes(): readonly WriterLane[] {
    return [...this.#usual, ...this.#bulk];
  }

  #check({ call }: CallRequest): void {
    if (this.#closed) throw closing();
    throwIfAborted(call.signal);
    if (call.deadlineAt <= this.#clock.monotonic()) throw waitedTooLong();
  }

  #homeOf(space: string): WriterLane {
    return laneFor(space, this.#usual);
  }

  async #callAtHome(request: CallRequest): Promise<Answer> {
    const { space } = request;
    this.#callsAtHome.set(space, (this.#callsAtHome.get(space) ?? 0) + 1);
    try {
      return await this.#homeOf(space).call(request);
    } finally {
      const left = (this.#callsAtHome.get(space) ?? 1) - 1;
      if (left === 0) this.#callsAtHome.delete(space);
      else this.#callsAtHome.set(space, left);
    }
  }

  async #callAway(request: CallRequest, stay: Stay): Promise<Answer> {
    stay.calls += 1;
    try {
      await orAbort(stay.ready, request.call.signal);
      this.#check(request);
      return await stay.lane.call(request);
    } finally {
      this.#ended(request.space, stay);
    }
  }

  /** Undefined while the usual writer has calls of the space. */
  #sendAway(space: string): Stay | undefined {
    if (this.#callsAtHome.has(space)) return undefined;
    const stay: Stay = { lane: laneFor(space, this.#bulk), ready: this.#homeOf(space).release(space), calls: 0, cancelReturn: () => {} };
    this.#stays.set(space, stay);
    return stay;
  }

  #ended(space: string, stay: Stay): void {
    stay.calls -= 1;
    stay.cancelReturn();
    if (stay.calls > 0) return;
    if (stay.lane === this.#homeOf(space)) this.#stays.delete(space);
    else if (!this.#closed) stay.cancelReturn = this.#clock.after(STAY_MS, () => this.#bringHome(space, stay));
  }

  #bringHome(space: string, stay: Stay): void {
    if (stay.calls > 0) return;
    stay.ready = stay.lane.release(space);
    stay.lane = this.#homeOf(space);
    stay.calls = 1;
    void stay.ready.then(() => this.#ended(space, stay));
  }
}

function laneFor(space: string, lanes: readonly WriterLane[]): WriterLane {
  const lane = lanes[Number.parseInt(space.slice(-8), 16) % lanes.length];
  if (lane === undefined) throw new PolymniaError('internal', 'There is no writer thread.');
  return lane;
}
