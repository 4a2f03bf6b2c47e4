import type { ErrorCode } from '../../kernel/errors.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import type { CallOrigin, JobLane, Progress, Upload } from '../../kernel/operation.ts';

/** `queued → running → succeeded | partial | failed | cancelled`; a run that was cut off or may be tried again goes back to `queued`. */
export const JOB_STATES = ['queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

export type FinalState = Exclude<JobState, 'queued' | 'running'>;

/** Has a job in this state ended? */
export function isFinal(state: JobState): state is FinalState {
  return state !== 'queued' && state !== 'running';
}

/** Within one user's jobs; 1 is given by administrators only. */
export const JOB_PRIORITIES = { critical: 1, high: 2, normal: 3, low: 4 } as const;
export type JobPriority = (typeof JOB_PRIORITIES)[keyof typeof JOB_PRIORITIES];

/** Where a job stands: the operation's own progress, with what can be told from its course. */
export interface JobProgress extends Progress {
  /** Units a second, over the last half minute of the phase. */
  readonly rate?: number;
  readonly remainingMs?: number;
  /** UTC ms of this report. */
  readonly at: number;
}

/** Why a job failed, as its owner may see it. */
export interface JobFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What is asked for: fixed when the job is stored. User and space come from the admitted call, never from its input. */
export interface NewJob {
  /** `job_` + 128 random bits. */
  readonly id: string;
  readonly userId: string;
  /** See `Caller.group`. */
  readonly group: string;
  readonly spaceId: string;
  readonly spaceKey: SpaceKey;
  readonly operation: string;
  readonly lane: JobLane;
  /** The operation's parsed input. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly subject?: string;
  readonly priority: JobPriority;
  readonly maxAttempts: number;
  /** Assumed cost, in the lane's unit. */
  readonly estimate: number;
  /** Unique among the queued and running jobs of the space and operation. */
  readonly uniqueKey?: string;
  /** Unique per user and operation for as long as the job is kept, unless it fails or is cancelled: then the next job takes it over. */
  readonly idempotencyKey?: string;
  /** Goes on when nobody waits for it. */
  readonly background: boolean;
  readonly origin: CallOrigin;
  readonly upload?: Upload;
  readonly createdAt: number;
  /** Not to run before; `createdAt` unless delayed. */
  readonly runAt: number;
}

/** A stored job. All times UTC ms. */
export interface Job extends NewJob {
  readonly state: JobState;
  /** Runs begun so far: the number of the run that may finish it. */
  readonly attempt: number;
  /**
   * Number of the last run it may have: as asked for, one more for each run that was cut off without counting, and after a retry
   * counted on from `attempt`.
   */
  readonly maxAttempts: number;
  /** Runs that ended with the death of their worker; the death of a server is none. */
  readonly crashes: number;
  /** Start of the newest run. */
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly leaseUntil?: number;
  readonly progress?: JobProgress;
  readonly result?: unknown;
  readonly error?: JobFailure;
  /** Cost of all runs so far, in the lane's unit. */
  readonly cost: number;
  /** Somebody wants it to stop: the run is told at its next heartbeat at the latest. */
  readonly cancelReason?: string;
  /** Since when nobody has waited for it; only while queued or running. */
  readonly unwatchedSince?: number;
}

/** A job without what may be large: its input and its result. */
export type JobHead = Omit<Job, 'input' | 'result'>;

export function headOf(job: JobHead & Partial<Pick<Job, 'input' | 'result'>>): JobHead {
  const { input: _input, result: _result, ...head } = job;
  return head;
}

/** One user's standing in a lane's line, as it is stored. */
export interface LaneLine {
  readonly userId: string;
  /** See `Caller.group`. */
  readonly group: string;
  /** Cost used so far over weight, on the scale of the group's users. */
  readonly virtualTime: number;
  readonly weight: number;
  readonly running: number;
  /** Those not yet due included. */
  readonly queued: number;
}

/** A lane as an administrator has set it: `paused` takes new jobs but starts none; `draining` takes no new ones and runs what it has. */
export const LANE_MODES = ['open', 'paused', 'draining'] as const;
export type LaneMode = (typeof LANE_MODES)[number];

/** When something is to be done again and again, and how it stands. */
export interface ScheduleState {
  readonly name: string;
  /** Cron pattern, five fields, UTC. */
  readonly pattern: string;
  readonly paused: boolean;
  /** The last slot that was taken; undefined before the first. */
  readonly lastSlot?: number;
  readonly lastRunAt?: number;
  readonly lastOutcome?: string;
}
