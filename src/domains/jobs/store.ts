import type { JobLane } from '../../kernel/operation.ts';
import type { FinalState, Job, JobFailure, JobPriority, JobProgress, JobState, LaneLine, LaneMode, NewJob, ScheduleState } from './model.ts';

/**
 * Where jobs are kept: the durable line and its fairness. Each method is one transaction; what it answers is on disk. Methods
 * with a list take it in one transaction, entry by entry; an entry that does not apply changes nothing. Any number of
 * nodes may share one store; a job is claimed by exactly one.
 *
 * **Fairness** (as `kernel/virtual-time.ts`, kept in rows) has two levels: groups in a lane, users in a group. A group is a service
 * with its users, or a user without one. One row per group and lane, and one per user and lane, hold virtual times. A claim takes
 * the group with the least among those that could run something and have fewer running than their cap, in it the user likewise,
 * then that user's best job by `(priority, createdAt, id)`. A claim adds `estimate / weight` to both, a finish corrects by
 * `(cost − estimate) / weight`. Work cancelled before its claim costs nothing.
 *
 * A level's own time is the largest virtual time at which somebody was served there; it never goes back. Who comes from idle
 * (nothing due or running) starts at no less than it, nor than the least of those active there, so that absence saves up nothing.
 * Who was held at the cap catches up, at the next claim, at most the largest recent cost times the cap. A level without work
 * forgets all debts.
 */
export interface JobStore {
  /**
   * Stores a job, unless it is another one's twin: same user, operation and idempotency key, neither failed nor cancelled (another
   * input: `conflict`), or the same unique key for the operation in the space, queued or running (it may be another user's). A job
   * that failed or was cancelled loses its idempotency key to the new one. Joining passes all limits; a twin joined with `background`
   * goes on in the background. Refusals count in the same transaction, so that no two calls pass on one place.
   */
  enqueue(job: NewJob, limits: EnqueueLimits): Promise<EnqueueOutcome>;

  /** Up to `count` jobs of the lane, fairly; each gets the next attempt number and a lease. Nothing while the lane is paused. Claimed jobs hold no result. */
  claim(request: ClaimRequest): Promise<readonly Job[]>;

  /** Prolongs leases and keeps progress; without `progress` the last one stays. One answer per beat, in order. */
  heartbeat(beats: readonly Heartbeat[]): Promise<readonly HeartbeatAnswer[]>;

  /**
   * Ends runs. An entry whose attempt is not the running one changes nothing and answers false. A run that goes back to the line
   * though its job is to be cancelled ends `cancelled`. A result that is no JSON ends the job `failed`.
   */
  finish(runs: readonly RunEnd[]): Promise<readonly boolean[]>;

  /**
   * Runs whose lease ended by `now`, their server having ended or fallen silent: queued again after the back-off, counted neither as
   * attempt nor as crash; failed at the last of so many losses; cancelled if that was asked for. They keep the charge of their
   * estimate. Answers with those touched, at most `limit`.
   */
  expireLeases(now: number, limit: number, rules: RetryRules): Promise<readonly Job[]>;

  /**
   * Queued: ends `cancelled` at once. Running: the reason is noted and its run told. Ended: unchanged. Undefined: no such job of the user
   * (any user's, when `userId` is undefined).
   */
  cancel(id: string, userId: string | undefined, reason: string, now: number): Promise<Job | undefined>;

  /** Cancels all queued and running jobs of a user, or of a space, or of a user in a space; answers with those touched. */
  cancelAll(whose: { readonly userId?: string; readonly spaceId?: string }, reason: string, now: number): Promise<readonly Job[]>;

  get(id: string): Promise<Job | undefined>;
  /** Newest first by `(createdAt, id)`, without results; `after` is the last one seen. */
  list(filter: JobFilter, limit: number, after?: { readonly createdAt: number; readonly id: string }): Promise<readonly Job[]>;

  /** Queued and running jobs of the space and operation that have a unique key, without results: a look at as many rows as there are. */
  unfinished(spaceId: string, operation: string): Promise<readonly Job[]>;

  /** Notes since when nobody waits for a job, or that somebody does again (undefined). Ended jobs are passed over. */
  setUnwatched(ids: readonly string[], since: number | undefined): Promise<void>;
  /** Unfinished jobs without `background` that nobody has waited for since before the given time. */
  abandoned(before: number, limit: number): Promise<readonly Job[]>;
  /** Queued jobs that could have run since before the given time. */
  waitedTooLong(before: number, limit: number): Promise<readonly Job[]>;

  /** When the jobs of user and lane were made that count against the rate: after `since`, and queued, running, succeeded or partial. The newest `limit` of them, oldest first. */
  counted(userId: string, lane: JobLane, since: number, limit: number): Promise<readonly number[]>;

  /** Queued and running, by lane and state: for metrics and for the number of workers. */
  load(now: number): Promise<readonly LaneLoad[]>;
  /** The users of a lane with something due or running, group by group, least virtual time first. */
  lines(lane: JobLane, limit: number): Promise<readonly LaneLine[]>;
  /** The earliest `runAt` or lease end later than `now`; undefined when there is none. */
  nextDueAt(now: number): Promise<number | undefined>;

  laneModes(): Promise<Readonly<Record<JobLane, LaneMode>>>;
  setLaneMode(lane: JobLane, mode: LaneMode): Promise<void>;
  /** Only while queued; undefined otherwise. */
  setPriority(id: string, priority: JobPriority): Promise<Job | undefined>;
  /**
   * A failed or cancelled job, queued once more with as many attempts and crashes left as a new one; undefined when it is neither.
   * Rejects with `conflict` while another job with its unique key is queued or running.
   */
  retry(id: string, now: number): Promise<Job | undefined>;
  /** Removes ended jobs older than the given time, at most `limit`; answers how many went. */
  prune(before: number, limit: number): Promise<number>;

  schedules(): Promise<readonly ScheduleState[]>;
  /** Makes the schedule, or gives it another pattern. */
  putSchedule(name: string, pattern: string): Promise<void>;
  /** False when the schedule does not exist. */
  setSchedulePaused(name: string, paused: boolean): Promise<boolean>;
  /** True for exactly one caller per slot, over all nodes and restarts; false when the schedule does not exist. The last 100 slots taken are kept. */
  takeSlot(name: string, slot: number, now: number): Promise<boolean>;
  noteScheduleRun(name: string, at: number, outcome: string): Promise<void>;
}

export interface EnqueueLimits {
  /** Queued and running jobs of one user, over all lanes. */
  readonly maxUnfinished: number;
  /** Jobs of user and lane that may count in the window; see {@link JobStore.counted}. */
  readonly rate: { readonly limit: number; readonly windowMs: number };
  /** Queued jobs of one lane, over all users. */
  readonly maxQueuedInLane: number;
  /** Share of the user and the cap on running jobs, kept with the user's row of the lane; the group's too while the user is its own. */
  readonly weight: number;
  readonly maxRunningPerUser: number;
  /** For a service's user: what the service and all its users may have together. The service's own jobs are held to their own limits. */
  readonly group?: GroupLimits;
}

export interface GroupLimits {
  readonly maxUnfinished: number;
  /** In the window of the user's rate; the service's own jobs do not count. */
  readonly rateLimit: number;
  readonly weight: number;
  readonly maxRunning: number;
}

export type EnqueueOutcome =
  | { readonly kind: 'created'; readonly job: Job }
  /** The twin: by `idempotency` (any state but failed and cancelled), or `unique` (queued or running). */
  | { readonly kind: 'joined'; readonly job: Job; readonly by: 'idempotency' | 'unique' }
  | { readonly kind: 'refused'; readonly reason: 'input_differs' | 'lane_full' | 'draining' }
  | { readonly kind: 'refused'; readonly reason: 'too_many'; readonly of: 'user' | 'service' }
  | { readonly kind: 'refused'; readonly reason: 'rate'; readonly of: 'user' | 'service'; readonly retryAt: number };

export interface ClaimRequest {
  readonly lane: JobLane;
  readonly count: number;
  /** Running jobs of the lane over all nodes; a claim never makes them more. */
  readonly maxRunningInLane: number;
  readonly now: number;
  readonly leaseMs: number;
}

export interface Heartbeat {
  readonly id: string;
  readonly attempt: number;
  readonly leaseUntil: number;
  readonly progress?: JobProgress;
}

export type HeartbeatAnswer =
  | { readonly kind: 'goes_on' }
  /** The attempt is not the running one any more: stop, and publish nothing. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'cancel'; readonly reason: string };

/** The end of one run. */
export interface RunEnd {
  readonly id: string;
  readonly attempt: number;
  readonly now: number;
  /** Cost of this run, in the lane's unit; anything but a number from 0 counts as 0. */
  readonly cost: number;
  readonly end:
    | { readonly kind: 'final'; readonly state: FinalState; readonly result?: unknown; readonly error?: JobFailure; readonly progress?: JobProgress }
    /** Back to the line: a failure that may pass, a worker that died, or a server that stops (`attemptCounts` false). The caller looks first whether attempts are left. */
    | { readonly kind: 'again'; readonly runAt: number; readonly attemptCounts: boolean; readonly crashed: boolean };
}

export interface RetryRules {
  /** Wait after the given attempt, ms. Asked for attempts 1 to 32; later ones wait as long as the 32nd. */
  readonly backoffMs: (attempt: number) => number;
  /** Runs that may end with the death of their worker before the job is parked as failed. */
  readonly maxCrashes: number;
  /** Runs that may be cut off by the end of their server before the job is failed: what ends the server itself would do so for ever. */
  readonly maxLosses: number;
}

export interface JobFilter {
  readonly userId?: string;
  readonly spaceId?: string;
  readonly states?: readonly JobState[];
  readonly operations?: readonly string[];
  readonly lane?: JobLane;
  readonly subject?: string;
}

export interface LaneLoad {
  readonly lane: JobLane;
  readonly queued: number;
  readonly running: number;
  /** Age of the oldest job that is due and waits, ms; 0 when none does. */
  readonly oldestWaitMs: number;
}
