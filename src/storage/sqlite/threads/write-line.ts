import type { Clock } from '../../../kernel/clock.ts';
import { FairScheduler } from '../../../kernel/fair-scheduler.ts';
import type { EnqueueResult } from '../../../kernel/fair-scheduler.ts';
import type { DispatchLimits } from './dispatch-options.ts';
import { waitedTooLong } from './pending-call.ts';
import type { PendingCall } from './pending-call.ts';
import { MAX_BATCH_CALLS } from './protocol.ts';

const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** Methods of one commit take at most about so long together, so that the thread comes back soon for others. */
const MAX_BATCH_US = 5000;
const UNKNOWN_COST_US = 300;

/** The calls that wait for one writer, in one class: fair among users, found again by space so that one commit takes many. */
export class WriteLine {
  readonly #clock: Clock;
  readonly #scheduler: FairScheduler<PendingCall>;
  /** In order of arrival. */
  readonly #bySpace = new Map<string, Set<PendingCall>>();

  constructor(clock: Clock, limits: DispatchLimits) {
    this.#clock = clock;
    this.#scheduler = new FairScheduler({ ...limits, capacity: 1 }, (call) => {
      this.#forget(call);
      call.fail(waitedTooLong());
    });
  }

  get waiting(): number {
    return this.#scheduler.waiting;
  }

  /** How long a new call of this user would wait, ms. */
  expectedWaitMs(user: string, group: string): number {
    return this.#scheduler.expectedWaitMs(user, group);
  }

  enter(call: PendingCall): EnqueueResult {
    const { space, call: ctx } = call.request;
    const request = { ...ctx.flow, cost: costOf(call), deadlineAt: ctx.deadlineAt, payload: call };
    const entered = this.#scheduler.enqueue(request, this.#clock.monotonic());
    if (!entered.ok) return entered;
    call.token = entered.token;
    const same = this.#bySpace.get(space);
    if (same === undefined) this.#bySpace.set(space, new Set([call]));
    else same.add(call);
    return entered;
  }

  leave(call: PendingCall): void {
    this.#scheduler.cancel(call.token);
    this.#forget(call);
  }

  /** The next batch: the first call of the user whose turn it is, and others of its space within the bounds of one commit. Empty when none waits. */
  take(): readonly PendingCall[] {
    const now = this.#clock.monotonic();
    const first = this.#scheduler.next(now)?.payload;
    if (first === undefined) return [];
    this.#forget(first);
    const batch = [first];
    let { bytes } = first;
    let us = costOf(first);
    for (const call of this.#bySpace.get(first.request.space) ?? []) {
      bytes += call.bytes;
      us += costOf(call);
      if (batch.length >= MAX_BATCH_CALLS || bytes > MAX_BATCH_BYTES || us > MAX_BATCH_US) break;
      if (call.request.create === first.request.create && this.#scheduler.take(call.token, now)) batch.push(call);
    }
    for (const call of batch) this.#forget(call);
    return batch;
  }

  /** The call has run; its user pays what it really took. */
  finish(call: PendingCall, busyUs: number): void {
    this.#scheduler.finish(call.token, busyUs, this.#clock.monotonic());
  }

  /** Takes all waiting calls out. */
  clear(): readonly PendingCall[] {
    const calls = [...this.#bySpace.values()].flatMap((same) => [...same]);
    for (const call of calls) this.leave(call);
    return calls;
  }

  #forget(call: PendingCall): void {
    const { space } = call.request;
    const same = this.#bySpace.get(space);
    same?.delete(call);
    if (same?.size === 0) this.#bySpace.delete(space);
  }
}

function costOf({ estimate }: PendingCall): number {
  return estimate.us ?? UNKNOWN_COST_US;
}
