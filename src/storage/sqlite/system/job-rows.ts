import type { FinalState, Job, JobFailure, JobPriority, JobProgress, JobState, LaneLine, ScheduleState } from '../../../domains/jobs/model.ts';
import type { CallOrigin, JobLane, Upload } from '../../../kernel/operation.ts';
import type { Row } from '../cell/cell.ts';
import { integer, text } from './rows.ts';

/** Rows of jobs and schedules to domain values. JSON columns hold what we serialised. */

/** Of `jobs j` and its body `b`, without the result, which can be long. */
export const LISTED_JOB_COLUMNS = 'j.*, b.input, null as result';
export const JOB_COLUMNS = 'j.*, b.input, b.result';
export const SCHEDULE_COLUMNS = 's.name, s.pattern, s.paused, s.last_slot, s.last_run_at, s.last_outcome';

export function toJob(row: Row): Job {
  return { ...asked(row), ...standing(row) };
}

function asked(row: Row): Omit<Job, 'state' | 'attempt' | 'crashes' | 'cost'> {
  return {
    id: text(row, 'id'),
    userId: text(row, 'user'),
    group: text(row, 'user_group'),
    spaceId: text(row, 'space_id'),
    spaceKey: text(row, 'space_key'),
    operation: text(row, 'operation'),
    lane: text(row, 'lane') as JobLane,
    input: JSON.parse(text(row, 'input')) as Job['input'],
    ...optional(row, 'subject', 'subject', String),
    priority: integer(row, 'priority') as JobPriority,
    maxAttempts: integer(row, 'max_attempts'),
    estimate: Number(row['estimate']),
    ...optional(row, 'unique_key', 'uniqueKey', String),
    ...optional(row, 'idempotency_key', 'idempotencyKey', String),
    background: integer(row, 'background') === 1,
    origin: JSON.parse(text(row, 'origin')) as CallOrigin,
    ...optional(row, 'upload', 'upload', (value) => fromJson(value) as Upload),
    createdAt: integer(row, 'created_at'),
    runAt: integer(row, 'run_at'),
  };
}

function standing(row: Row): Pick<Job, 'state' | 'attempt' | 'crashes' | 'cost'> {
  return {
    state: text(row, 'state') as JobState,
    attempt: integer(row, 'attempt'),
    crashes: integer(row, 'crashes'),
    cost: Number(row['cost']),
    ...optional(row, 'started_at', 'startedAt', Number),
    ...optional(row, 'finished_at', 'finishedAt', Number),
    ...optional(row, 'lease_until', 'leaseUntil', Number),
    ...optional(row, 'progress', 'progress', (value) => fromJson(value) as JobProgress),
    ...optional(row, 'result', 'result', fromJson),
    ...optional(row, 'error', 'error', (value) => fromJson(value) as JobFailure),
    ...optional(row, 'cancel_reason', 'cancelReason', String),
    ...optional(row, 'unwatched_since', 'unwatchedSince', Number),
  };
}

/** The column as a property of that name, or nothing where it is null. */
function optional<Name extends string, Value>(
  row: Row,
  column: string,
  name: Name,
  read: (value: string | number) => Value,
): Partial<Record<Name, Value>> {
  const value = row[column];
  return typeof value === 'string' || typeof value === 'number' ? ({ [name]: read(value) } as Record<Name, Value>) : {};
}

function fromJson(value: string | number): unknown {
  return JSON.parse(String(value)) as unknown;
}

export function toLaneLine(row: Row): LaneLine {
  return {
    userId: text(row, 'user'),
    group: text(row, 'user_group'),
    virtualTime: Number(row['virtual_time']),
    weight: Number(row['weight']),
    running: integer(row, 'running'),
    queued: integer(row, 'queued'),
  };
}

export function toSchedule(row: Row): ScheduleState {
  return {
    name: text(row, 'name'),
    pattern: text(row, 'pattern'),
    paused: integer(row, 'paused') === 1,
    ...optional(row, 'last_slot', 'lastSlot', Number),
    ...optional(row, 'last_run_at', 'lastRunAt', Number),
    ...optional(row, 'last_outcome', 'lastOutcome', String),
  };
}

/** A job as its line sees it, for writes that move it. */
export interface JobPlace {
  readonly seq: number;
  readonly user: string;
  readonly group: string;
  readonly lane: string;
  readonly state: JobState;
  readonly ready: number;
  readonly attempt: number;
  readonly crashes: number;
  /** Runs cut off by the end of their server. */
  readonly losses: number;
  readonly maxAttempts: number;
  readonly estimate: number;
  /** Virtual time the running run was charged with, and its group. */
  readonly charged: number;
  readonly groupCharged: number;
  readonly cancelReason?: string;
}

export const PLACE_COLUMNS = `j.seq, j.user, j.user_group, j.lane, j.state, j.ready, j.attempt, j.crashes, j.losses, j.max_attempts, j.estimate,
  j.charged, j.group_charged, j.cancel_reason`;

export function toPlace(row: Row): JobPlace {
  return {
    seq: integer(row, 'seq'),
    user: text(row, 'user'),
    group: text(row, 'user_group'),
    lane: text(row, 'lane'),
    state: text(row, 'state') as JobState,
    ready: integer(row, 'ready'),
    attempt: integer(row, 'attempt'),
    crashes: integer(row, 'crashes'),
    losses: integer(row, 'losses'),
    maxAttempts: integer(row, 'max_attempts'),
    estimate: Number(row['estimate']),
    charged: Number(row['charged']),
    groupCharged: Number(row['group_charged']),
    ...optional(row, 'cancel_reason', 'cancelReason', String),
  };
}

/** The end of a run in the form the writer takes: what is JSON is serialised already. */
export interface StoredRunEnd {
  readonly id: string;
  readonly attempt: number;
  readonly now: number;
  readonly cost: number;
  readonly end:
    | {
        readonly kind: 'final';
        readonly state: FinalState;
        readonly result: string | null;
        readonly error: string | null;
        readonly progress: string | null;
      }
    | { readonly kind: 'again'; readonly runAt: number; readonly attemptCounts: boolean; readonly crashed: boolean };
}
