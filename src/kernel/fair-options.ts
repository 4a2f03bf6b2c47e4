import { PolymniaError } from './errors.ts';

const DEFAULT_LINE = 32;
const DEFAULT_MAX_WAITING = 100_000;
const DEFAULT_MAX_IDLE = 10_000;

/** The bounds of a fair scheduler. Each at least 1. */
export interface FairSchedulerOptions {
  /** Entries that run at once, of all users together. */
  readonly capacity: number;
  /** Of one user. Default: `capacity`. */
  readonly maxRunningPerUser?: number;
  /** Of one group. Default: `capacity`. */
  readonly maxRunningPerGroup?: number;
  /** Of all long entries together. Default: `capacity`. */
  readonly maxRunningLong?: number;
  /** Waiting line of one user. Default: 32. */
  readonly maxWaitingPerUser?: number;
  /** Waiting lines of one group together. Default: a quarter of `maxWaiting`, at least one user's line. */
  readonly maxWaitingPerGroup?: number;
  /** All waiting lines together. Default: 100,000. */
  readonly maxWaiting?: number;
  /** Idle groups, and idle users inside one group, whose debt is remembered. Default: 10,000. */
  readonly maxIdle?: number;
}

/** All options, checked. Caps above the capacity are the capacity: the bound on what a held-back flow may catch up rests on them. */
export function withDefaults(options: FairSchedulerOptions): Required<FairSchedulerOptions> {
  const { capacity, maxWaitingPerUser = DEFAULT_LINE, maxWaiting = DEFAULT_MAX_WAITING, maxIdle = DEFAULT_MAX_IDLE } = options;
  const filled = {
    capacity,
    maxRunningPerUser: Math.min(capacity, options.maxRunningPerUser ?? capacity),
    maxRunningPerGroup: Math.min(capacity, options.maxRunningPerGroup ?? capacity),
    maxRunningLong: Math.min(capacity, options.maxRunningLong ?? capacity),
    maxWaitingPerUser,
    maxWaitingPerGroup: options.maxWaitingPerGroup ?? Math.max(maxWaitingPerUser, Math.floor(maxWaiting / 4)),
    maxWaiting,
    maxIdle,
  };
  for (const [name, value] of Object.entries(filled)) {
    if (!(value >= 1)) throw new PolymniaError('internal', `${name} of a fair scheduler must be at least 1, not ${value}.`);
  }
  return filled;
}
