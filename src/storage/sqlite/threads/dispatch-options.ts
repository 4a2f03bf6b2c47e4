import type { PendingCall } from './pending-call.ts';
import type { BatchDone } from './protocol.ts';

/** Bounds of the waiting lines of one dispatcher's scheduler. */
export interface DispatchLimits {
  readonly maxWaitingPerUser: number;
  readonly maxWaitingPerGroup: number;
  readonly maxWaiting: number;
}

/** What a dispatcher tells its owner. */
export interface DispatchHooks {
  /** After each batch, in the turn its calls are answered in. */
  readonly onDone: (done: BatchDone, calls: readonly PendingCall[]) => void;
}
