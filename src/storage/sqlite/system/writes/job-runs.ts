import type { Job, JobFailure } from '../../../../domains/jobs/model.ts';
import type { ClaimRequest, HeartbeatAnswer } from '../../../../domains/jobs/store.ts';
import { PolymniaError } from '../../../../kernel/errors.ts';
import { type JobPlace, LISTED_JOB_COLUMNS, PLACE_COLUMNS, type StoredRunEnd, toJob, toPlace } from '../job-rows.ts';
import type { SystemFile } from '../open-system-file.ts';
import { jobBySeq } from '../reads/job-reads.ts';
import { integer, text } from '../rows.ts';
import { endJob } from './job-ends.ts';
import { addReady, charge, count, laneRow, type LinePlace, nextInLine, settle } from './job-lines.ts';

/** Delayed jobs that come due in one claim; more come with the next. */
const MAX_PROMOTED = 200;

export function claimJobs(file: SystemFile, request: ClaimRequest): readonly Job[] {
  const lane = laneRow(file, request.lane);
  if (lane['mode'] === 'paused') return [];
  promote(file, request.lane, request.now);
  const places = Math.min(request.count, request.maxRunningInLane - integer(lane, 'running'));
  const claimed: Job[] = [];
  while (claimed.length < places) {
    const place = nextInLine(file, request.lane);
    if (place === undefined) break;
    claimed.push(claimBest(file, place, request));
  }
  return claimed;
}

/** Delayed jobs whose time has come get into the line. */
function promote(file: SystemFile, lane: string, now: number): void {
  const sql = `select j.seq, j.user, j.user_group from jobs j where j.lane = ? and j.ready = 0 and j.state = 'queued' and j.run_at <= ?
    order by j.run_at limit ${MAX_PROMOTED}`;
  for (const row of file.all(sql, lane, now)) {
    file.run('update jobs set ready = 1 where seq = ?', integer(row, 'seq'));
    addReady(file, { user: text(row, 'user'), group: text(row, 'user_group'), lane }, 0);
  }
}

function claimBest(file: SystemFile, place: LinePlace, { lane, now, leaseMs }: ClaimRequest): Job {
  const best = 'select seq, estimate from jobs where user = ? and lane = ? and ready = 1 order by priority, created_at, id limit 1';
  const job = file.get(best, place.user, lane);
  if (job === undefined) throw new PolymniaError('internal', `The line of lane ${lane} counts a job that is not there.`);
  const { charged, groupCharged } = charge(file, place, Number(job['estimate']));
  const sql = `update jobs set state = 'running', ready = 0, attempt = attempt + 1, charged = ?, group_charged = ?, started_at = ?, lease_until = ?
    where seq = ?`;
  file.run(sql, charged, groupCharged, now, now + leaseMs, integer(job, 'seq'));
  const claimed = file.get(`select ${LISTED_JOB_COLUMNS} from jobs j join job_bodies b on b.seq = j.seq where j.seq = ?`, integer(job, 'seq'));
  return toJob(claimed ?? {});
}

/** A heartbeat in the form the writer takes. */
interface StoredBeat {
  readonly id: string;
  readonly attempt: number;
  readonly leaseUntil: number;
  readonly progress: string | null;
}

export function heartbeatJobs(file: SystemFile, { beats }: { beats: readonly StoredBeat[] }): readonly HeartbeatAnswer[] {
  return beats.map(({ id, attempt, leaseUntil, progress }) => {
    const running = runningPlace(file, id, attempt);
    if (running === undefined) return { kind: 'lost' };
    file.run('update jobs set lease_until = ?, progress = coalesce(?, progress) where seq = ?', leaseUntil, progress, running.seq);
    return running.cancelReason === undefined ? { kind: 'goes_on' } : { kind: 'cancel', reason: running.cancelReason };
  });
}

/** The job, if this attempt is the running one. */
function runningPlace(file: SystemFile, id: string, attempt: number): JobPlace | undefined {
  const row = file.get(`select ${PLACE_COLUMNS} from jobs j where j.id = ? and j.attempt = ? and j.state = 'running'`, id, attempt);
  return row && toPlace(row);
}

export function finishJobs(file: SystemFile, { runs }: { runs: readonly StoredRunEnd[] }): readonly boolean[] {
  return runs.map((run) => {
    const place = runningPlace(file, run.id, run.attempt);
    if (place === undefined) return false;
    settle(file, place, run.cost);
    file.run('update jobs set cost = cost + ? where seq = ?', run.cost, place.seq);
    closeRun(file, place, run);
    return true;
  });
}

function closeRun(file: SystemFile, place: JobPlace, { now, end }: StoredRunEnd): void {
  if (end.kind === 'final') endJob(file, place, { ...end, now });
  else if (place.cancelReason !== undefined) endJob(file, place, { state: 'cancelled', now });
  else requeue(file, place, { ...end, now });
}

interface Requeue {
  readonly now: number;
  readonly runAt: number;
  readonly attemptCounts: boolean;
  readonly crashed: boolean;
}

function requeue(file: SystemFile, place: JobPlace, { now, runAt, attemptCounts, crashed }: Requeue): void {
  const isReady = runAt <= now;
  const sql = `update jobs set state = 'queued', ready = ?, run_at = ?, lease_until = null, max_attempts = max_attempts + ?, crashes = crashes + ?
    where seq = ?`;
  file.run(sql, isReady ? 1 : 0, runAt, attemptCounts ? 0 : 1, crashed ? 1 : 0, place.seq);
  count(file, place, { running: -1, queued: isReady ? 0 : 1 });
  if (isReady) addReady(file, place, 1);
}

interface ExpireLeases {
  readonly now: number;
  readonly limit: number;
  readonly maxLosses: number;
  /** By loss, from the first; the last counts for all later ones. */
  readonly backoffMs: readonly number[];
}

/** A lease that ends says of the server that it fell silent, nothing of the job: the run counts neither as attempt nor as crash. */
export function expireJobLeases(file: SystemFile, { now, limit, maxLosses, backoffMs }: ExpireLeases): readonly Job[] {
  const rows = file.all(`select ${PLACE_COLUMNS} from jobs j where j.lease_until <= ? order by j.lease_until limit ?`, now, limit);
  return rows.map((row) => {
    const place = toPlace(row);
    const losses = place.losses + 1;
    file.run('update jobs set cost = cost + estimate, losses = ? where seq = ?', losses, place.seq);
    if (place.cancelReason !== undefined) endJob(file, place, { state: 'cancelled', now });
    else if (losses >= maxLosses) giveUp(file, place, losses, now);
    else requeue(file, place, { now, runAt: now + (backoffMs[losses - 1] ?? backoffMs.at(-1) ?? 0), attemptCounts: false, crashed: false });
    return jobBySeq(file, place.seq);
  });
}

function giveUp(file: SystemFile, place: JobPlace, losses: number, now: number): void {
  const error: JobFailure = {
    code: 'internal',
    message: `The server ended or fell silent ${losses} times while it ran this job. It is not tried again by itself.`,
    details: { attempts: place.attempt, losses },
  };
  endJob(file, place, { state: 'failed', now, error: JSON.stringify(error) });
}
