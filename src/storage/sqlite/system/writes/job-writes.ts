import type { Job, NewJob } from '../../../../domains/jobs/model.ts';
import type { EnqueueLimits, EnqueueOutcome } from '../../../../domains/jobs/store.ts';
import type { SystemFile } from '../open-system-file.ts';
import { jobBySeq, unfinishedOf, unfinishedOfGroup } from '../reads/job-reads.ts';
import { integer, text } from '../rows.ts';
import { addReady, count, keepLine, laneRow, type LinePlace } from './job-lines.ts';

/** A new job in the form the writer takes: what is JSON is serialised already. */
export interface StoredNewJob extends Omit<NewJob, 'input' | 'origin' | 'upload'> {
  readonly input: string;
  readonly origin: string;
  readonly upload?: { readonly spoolId: string; readonly bytes: number };
}

interface Enqueue {
  readonly job: StoredNewJob;
  readonly limits: EnqueueLimits;
}

export function enqueueJob(file: SystemFile, { job, limits }: Enqueue): EnqueueOutcome {
  const outcome = idempotencyTwin(file, job) ?? uniqueTwin(file, job) ?? refusal(file, job, limits);
  if (outcome !== undefined) return outcome;
  freeKey(file, job);
  const { weight, maxRunningPerUser: maxRunning, group } = limits;
  keepLine(file, placeOf(job), { weight, maxRunning }, group);
  return { kind: 'created', job: insertJob(file, job) };
}

function placeOf({ userId: user, group, lane }: StoredNewJob): LinePlace {
  return { user, group, lane };
}

function insertJob(file: SystemFile, job: StoredNewJob): Job {
  const isReady = job.runAt <= job.createdAt;
  const columns: Readonly<Record<string, string | number | null>> = {
    id: job.id,
    user: job.userId,
    user_group: job.group,
    space_id: job.spaceId,
    space_key: job.spaceKey,
    operation: job.operation,
    lane: job.lane,
    subject: job.subject ?? null,
    priority: job.priority,
    state: 'queued',
    ready: isReady ? 1 : 0,
    asked_attempts: job.maxAttempts,
    max_attempts: job.maxAttempts,
    estimate: job.estimate,
    unique_key: job.uniqueKey ?? null,
    idempotency_key: job.idempotencyKey ?? null,
    background: job.background ? 1 : 0,
    origin: job.origin,
    upload: job.upload === undefined ? null : JSON.stringify(job.upload),
    created_at: job.createdAt,
    run_at: job.runAt,
  };
  const names = Object.keys(columns);
  file.run(`insert into jobs (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`, ...Object.values(columns));
  const seq = integer(file.get('select last_insert_rowid() as seq') ?? {}, 'seq');
  file.run('insert into job_bodies (seq, input) values (?, ?)', seq, job.input);
  const place = placeOf(job);
  if (isReady) addReady(file, place, 1);
  else count(file, place, { queued: 1 });
  return jobBySeq(file, seq);
}

/** A job that failed or was cancelled keeps no later one from being tried under its key. */
function freeKey(file: SystemFile, { userId, operation, idempotencyKey }: StoredNewJob): void {
  if (idempotencyKey === undefined) return;
  const sql = 'update jobs set idempotency_key = null where user = ? and operation = ? and idempotency_key = ?';
  file.run(sql, userId, operation, idempotencyKey);
}

function idempotencyTwin(file: SystemFile, job: StoredNewJob): EnqueueOutcome | undefined {
  if (job.idempotencyKey === undefined) return undefined;
  const sql = `select j.seq, j.space_id, j.upload, b.input from jobs j join job_bodies b on b.seq = j.seq
    where j.user = ? and j.operation = ? and j.idempotency_key = ? and j.state not in ('failed', 'cancelled')`;
  const row = file.get(sql, job.userId, job.operation, job.idempotencyKey);
  if (row === undefined) return undefined;
  const upload = row['upload'] === null ? undefined : (JSON.parse(text(row, 'upload')) as { bytes: number });
  const isSame = row['input'] === job.input && row['space_id'] === job.spaceId && upload?.bytes === job.upload?.bytes;
  return isSame ? joined(file, integer(row, 'seq'), job, 'idempotency') : { kind: 'refused', reason: 'input_differs' };
}

function uniqueTwin(file: SystemFile, job: StoredNewJob): EnqueueOutcome | undefined {
  if (job.uniqueKey === undefined) return undefined;
  const sql = 'select j.seq from jobs j where j.space_id = ? and j.operation = ? and j.unique_key = ? and j.finished_at is null';
  const row = file.get(sql, job.spaceId, job.operation, job.uniqueKey);
  return row && joined(file, integer(row, 'seq'), job, 'unique');
}

function joined(file: SystemFile, seq: number, { background }: StoredNewJob, by: 'idempotency' | 'unique'): EnqueueOutcome {
  if (background) file.run('update jobs set background = 1 where seq = ? and finished_at is null', seq);
  return { kind: 'joined', job: jobBySeq(file, seq), by };
}

function refusal(file: SystemFile, job: StoredNewJob, limits: EnqueueLimits): EnqueueOutcome | undefined {
  const lane = laneRow(file, job.lane);
  if (lane['mode'] === 'draining') return { kind: 'refused', reason: 'draining' };
  const spent = tooMany(file, job, limits) ?? tooFast(file, job, limits);
  if (spent !== undefined) return spent;
  return integer(lane, 'queued') >= limits.maxQueuedInLane ? { kind: 'refused', reason: 'lane_full' } : undefined;
}

function tooMany(file: SystemFile, { userId, group: name }: StoredNewJob, { maxUnfinished, group }: EnqueueLimits): EnqueueOutcome | undefined {
  const refused = { kind: 'refused', reason: 'too_many' } as const;
  if (unfinishedOf(file, userId) >= maxUnfinished) return { ...refused, of: 'user' };
  return group !== undefined && unfinishedOfGroup(file, name) >= group.maxUnfinished ? { ...refused, of: 'service' } : undefined;
}

/** Says when it is below the rate again. */
function tooFast(file: SystemFile, job: StoredNewJob, { rate, group }: EnqueueLimits): EnqueueOutcome | undefined {
  const refused = { kind: 'refused', reason: 'rate' } as const;
  const ofUser = rateEnds(file, job, rate, 'user = ?', job.userId);
  if (ofUser !== undefined) return { ...refused, of: 'user', retryAt: ofUser };
  if (group === undefined) return undefined;
  const ofGroup = rateEnds(file, job, { ...rate, limit: group.rateLimit }, 'user_group = ? and user_group <> user', job.group);
  return ofGroup === undefined ? undefined : { ...refused, of: 'service', retryAt: ofGroup };
}

/** When whoever it is is below the rate again; undefined when that is so now. Never more than `limit` in any span of the window. */
function rateEnds(file: SystemFile, job: StoredNewJob, { limit, windowMs }: EnqueueLimits['rate'], whose: string, id: string): number | undefined {
  const sql = `select created_at from jobs where ${whose} and lane = ? and state in ('queued', 'running', 'succeeded', 'partial') and created_at > ?
    order by created_at desc limit 1 offset ?`;
  const row = file.get(sql, id, job.lane, job.createdAt - windowMs, limit - 1);
  return row && integer(row, 'created_at') + windowMs;
}
