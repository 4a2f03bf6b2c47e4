import { type ErrorCode, type PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import type { JobRules } from '../../kernel/operation.ts';
import type { Job, JobFailure } from './model.ts';
import { WorkerDied } from './ports.ts';
import type { RetryRules, RunEnd } from './store.ts';

/** Largest result of a job, as JSON. What is larger belongs into a file. */
const MAX_RESULT_BYTES = 1024 * 1024;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 5 * 60_000;

/** 1 s, 2 s, 4 s … at most 5 minutes; a lost worker's job waits as long as one whose upstream failed. */
export const RETRY: RetryRules = {
  backoffMs: (attempt) => Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(0, attempt - 1)),
  maxCrashes: 3,
  maxLosses: 100,
};

/** Failures that say nothing about the job: the same run may succeed later. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['upstream_failed', 'storage_unavailable', 'overloaded']);

/** Why a run was told to stop; `deadline` aside, what it then says about itself does not decide its end. */
export type StopKind = 'lost' | 'cancel' | 'server' | 'deadline';

export type RunOutcome = { readonly ok: true; readonly output: unknown } | { readonly ok: false; readonly failure: unknown };

export interface EndedRun {
  readonly job: Job;
  readonly rules: Pick<JobRules<never>, 'isPartial'>;
  readonly retry: RetryRules;
  readonly outcome: RunOutcome;
  readonly stop?: { readonly kind: StopKind; readonly reason: PolymniaError };
  readonly now: number;
}

/** What becomes of a job whose run has ended; undefined when the run no longer speaks for the job. */
export function endOfRun({ job, rules, retry, outcome, stop, now }: EndedRun): RunEnd['end'] | undefined {
  if (stop?.kind === 'lost') return undefined;
  if (stop?.kind === 'cancel') return cancelledEnd(stop.reason, outcome);
  if (outcome.ok) return finishedEnd(outcome.output, rules);
  if (stop?.kind === 'server') return { kind: 'again', runAt: now, attemptCounts: false, crashed: false };
  return failedEnd(job, outcome.failure, now, retry);
}

/** Work that was done before the cancel is told, where the run tells it. */
function cancelledEnd(reason: PolymniaError, outcome: RunOutcome): RunEnd['end'] {
  const isTold = outcome.ok && jsonBytes(outcome.output) <= MAX_RESULT_BYTES;
  return { kind: 'final', state: 'cancelled', error: failureOf(reason), ...(isTold ? { result: outcome.output } : {}) };
}

function finishedEnd(output: unknown, { isPartial }: EndedRun['rules']): RunEnd['end'] {
  const bytes = jsonBytes(output);
  if (bytes > MAX_RESULT_BYTES) {
    const message = `The result is ${bytes} bytes; a job's result may be ${MAX_RESULT_BYTES}. Ask for less.`;
    return { kind: 'final', state: 'failed', error: { code: 'too_large', message } };
  }
  return { kind: 'final', state: isPartial?.(output) === true ? 'partial' : 'succeeded', result: output };
}

function failedEnd(job: Job, failure: unknown, now: number, retry: RetryRules): RunEnd['end'] {
  const crashed = failure instanceof WorkerDied;
  const error = toPolymniaError(failure);
  const mayPass = crashed || PASSING.has(error.code);
  const isLast = job.attempt >= job.maxAttempts || (crashed && job.crashes + 1 >= retry.maxCrashes);
  if (mayPass && !isLast) return { kind: 'again', runAt: now + retry.backoffMs(job.attempt), attemptCounts: true, crashed };
  return { kind: 'final', state: 'failed', error: crashed ? workerFailure(job, failure) : failureOf(error) };
}

function workerFailure({ crashes }: Job, { message, reason }: WorkerDied): JobFailure {
  const times = crashes + 1;
  return {
    code: 'internal',
    message: `Its worker ended ${times} time${times === 1 ? '' : 's'} without a result: ${message}`,
    details: { workerDied: reason, crashes: times },
  };
}

/** Was the job given up because its workers die, or the servers that run it? */
export function isParked({ state, crashes, error }: Job, { maxCrashes }: RetryRules): boolean {
  return state === 'failed' && (crashes >= maxCrashes || error?.details?.['workerDied'] !== undefined || error?.details?.['losses'] !== undefined);
}

function failureOf({ code, message, details }: PolymniaError): JobFailure {
  return { code, message, ...(details === undefined ? {} : { details }) };
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}
