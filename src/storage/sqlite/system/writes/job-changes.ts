import type { Job, JobPriority, LaneMode } from '../../../../domains/jobs/model.ts';
import { PolymniaError } from '../../../../kernel/errors.ts';
import { type JobPlace, PLACE_COLUMNS, toPlace } from '../job-rows.ts';
import type { SystemFile } from '../open-system-file.ts';
import { jobBySeq } from '../reads/job-reads.ts';
import { integer, text } from '../rows.ts';
import { endJob } from './job-ends.ts';
import { addReady, forgetReached } from './job-lines.ts';

interface Cancel {
  readonly id: string;
  readonly userId: string | undefined;
  readonly reason: string;
  readonly now: number;
}

export function cancelJob(file: SystemFile, { id, userId, reason, now }: Cancel): Job | undefined {
  const place = placeOf(file, id);
  if (place === undefined || (userId !== undefined && place.user !== userId)) return undefined;
  stopJob(file, place, reason, now);
  return jobBySeq(file, place.seq);
}

interface CancelAll {
  readonly userId?: string;
  readonly spaceId?: string;
  readonly reason: string;
  readonly now: number;
}

/** Without user and space it touches nothing. */
export function cancelJobs(file: SystemFile, { userId, spaceId, reason, now }: CancelAll): readonly Job[] {
  const terms = [...(userId === undefined ? [] : ['j.user = ?']), ...(spaceId === undefined ? [] : ['j.space_id = ?'])];
  if (terms.length === 0) return [];
  const index = userId === undefined ? 'jobs_of_space' : 'jobs_of_user';
  const sql = `select ${PLACE_COLUMNS} from jobs j indexed by ${index} where ${terms.join(' and ')} and j.state in ('queued', 'running')`;
  const values = [userId, spaceId].filter((value) => value !== undefined);
  return file.all(sql, ...values).map((row) => {
    const place = toPlace(row);
    stopJob(file, place, reason, now);
    return jobBySeq(file, place.seq);
  });
}

/** The first reason stays. */
function stopJob(file: SystemFile, place: JobPlace, reason: string, now: number): void {
  if (place.state !== 'queued' && place.state !== 'running') return;
  file.run('update jobs set cancel_reason = coalesce(cancel_reason, ?) where seq = ?', reason, place.seq);
  if (place.state === 'queued') endJob(file, place, { state: 'cancelled', now });
}

function placeOf(file: SystemFile, id: string): JobPlace | undefined {
  const row = file.get(`select ${PLACE_COLUMNS} from jobs j where j.id = ?`, id);
  return row && toPlace(row);
}

export function setJobsUnwatched(file: SystemFile, { ids, since }: { ids: readonly string[]; since: number | undefined }): void {
  for (const id of ids) file.run('update jobs set unwatched_since = ? where id = ? and finished_at is null', since ?? null, id);
}

export function setJobPriority(file: SystemFile, { id, priority }: { id: string; priority: JobPriority }): Job | undefined {
  const place = placeOf(file, id);
  if (place?.state !== 'queued') return undefined;
  file.run('update jobs set priority = ? where seq = ?', priority, place.seq);
  return jobBySeq(file, place.seq);
}

export function retryJob(file: SystemFile, { id, now }: { id: string; now: number }): Job | undefined {
  const place = placeOf(file, id);
  if (place?.state !== 'failed' && place?.state !== 'cancelled') return undefined;
  refuseTwin(file, place.seq);
  const sql = `update jobs set state = 'queued', ready = 1, run_at = ?, finished_at = null, max_attempts = attempt + asked_attempts, crashes = 0, losses = 0,
    error = null, progress = null, cancel_reason = null where seq = ?`;
  file.run(sql, now, place.seq);
  file.run('update job_bodies set result = null where seq = ?', place.seq);
  addReady(file, place, 1);
  return jobBySeq(file, place.seq);
}

function refuseTwin(file: SystemFile, seq: number): void {
  const sql = `select t.id from jobs j join jobs t on t.space_id = j.space_id and t.operation = j.operation and t.unique_key = j.unique_key
    where j.seq = ? and t.finished_at is null`;
  const twin = file.get(sql, seq);
  if (twin === undefined) return;
  throw new PolymniaError('conflict', 'The same work is queued or running already; wait for that job, or cancel it.', {
    details: { job: twin['id'] },
  });
}

export function pruneJobs(file: SystemFile, { before, limit }: { before: number; limit: number }): number {
  const seqs = file.all('select seq from jobs where finished_at < ? order by finished_at limit ?', before, limit).map((row) => integer(row, 'seq'));
  for (const seq of seqs) {
    file.run('delete from job_bodies where seq = ?', seq);
    file.run('delete from jobs where seq = ?', seq);
  }
  for (const row of file.all('select lane from job_lanes')) forgetReached(file, text(row, 'lane'), limit);
  return seqs.length;
}

export function setLaneMode(file: SystemFile, { lane, mode }: { lane: string; mode: LaneMode }): void {
  file.run('update job_lanes set mode = ? where lane = ?', mode, lane);
}
