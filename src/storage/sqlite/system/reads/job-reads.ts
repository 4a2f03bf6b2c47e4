import type { Job, LaneLine, LaneMode } from '../../../../domains/jobs/model.ts';
import type { JobFilter, LaneLoad } from '../../../../domains/jobs/store.ts';
import { JOB_STATES } from '../../../../domains/jobs/model.ts';
import { PolymniaError } from '../../../../kernel/errors.ts';
import { JOB_LANES } from '../../../../kernel/operation.ts';
import type { JobLane } from '../../../../kernel/operation.ts';
import { JOB_COLUMNS, LISTED_JOB_COLUMNS, toJob, toLaneLine } from '../job-rows.ts';
import type { SystemFile } from '../open-system-file.ts';
import { integer, text } from '../rows.ts';

export function jobById(file: SystemFile, id: string): Job | undefined {
  const row = file.get(`select ${JOB_COLUMNS} from jobs j join job_bodies b on b.seq = j.seq where j.id = ?`, id);
  return row && toJob(row);
}

/** A job that is there. */
export function jobBySeq(file: SystemFile, seq: number): Job {
  const row = file.get(`select ${JOB_COLUMNS} from jobs j join job_bodies b on b.seq = j.seq where j.seq = ?`, seq);
  if (row === undefined) throw new PolymniaError('internal', 'A job has lost its row.');
  return toJob(row);
}

/** Queued and running jobs of a user, over all lanes. */
export function unfinishedOf(file: SystemFile, userId: string): number {
  return integer(file.get('select coalesce(sum(queued + running), 0) as n from job_lines where user = ?', userId) ?? {}, 'n');
}

/** The same of a service and its users together. */
export function unfinishedOfGroup(file: SystemFile, name: string): number {
  return integer(file.get('select coalesce(sum(queued + running), 0) as n from job_groups where name = ?', name) ?? {}, 'n');
}

interface Cursor {
  readonly createdAt: number;
  readonly id: string;
}

/** A place before every row. */
const NEWEST: Cursor = { createdAt: Number.MAX_SAFE_INTEGER, id: '' };

/** The rows are found in a covering index (three words a row passed over); only those of the page are read. */
export function listJobs(file: SystemFile, filter: JobFilter, limit: number, after: Cursor = NEWEST): readonly Job[] {
  const ofNobody = filter.userId === undefined && filter.spaceId === undefined;
  const pages = ofNobody ? [...new Set(filter.states ?? JOB_STATES)].map((state) => ({ ...filter, states: [state] })) : [filter];
  const found = pages.flatMap((page) => pageOf(file, page, limit, after)).toSorted(newestFirst);
  const sql = `select ${LISTED_JOB_COLUMNS} from jobs j join job_bodies b on b.seq = j.seq where j.seq = ?`;
  return found.slice(0, limit).flatMap(({ seq }) => file.all(sql, seq).map(toJob));
}

interface Found extends Cursor {
  readonly seq: number;
}

function newestFirst(a: Found, b: Found): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

function pageOf(file: SystemFile, filter: JobFilter, limit: number, after: Cursor): readonly Found[] {
  const { userId, spaceId, states, operations, lane, subject } = filter;
  const index = userId !== undefined ? 'jobs_of_user' : spaceId !== undefined ? 'jobs_of_space' : 'jobs_by_state';
  const terms: [sql: string, value: string | undefined][] = [
    ['j.user = ?', userId],
    ['j.space_id = ?', spaceId],
    index === 'jobs_by_state' ? ['j.state = ?', states?.[0]] : ['j.state in (select value from json_each(?))', states && JSON.stringify(states)],
    ['j.operation in (select value from json_each(?))', operations && JSON.stringify(operations)],
    ['j.lane = ?', lane],
    ['j.subject = ?', subject],
  ];
  const used = terms.filter((term): term is [string, string] => term[1] !== undefined);
  const where = [...used.map(([sql]) => sql), '(j.created_at, j.id) < (?, ?)'].join(' and ');
  const sql = `select j.created_at, j.id, j.seq from jobs j indexed by ${index} where ${where} order by j.created_at desc, j.id desc limit ?`;
  const rows = file.all(sql, ...used.map(([, value]) => value), after.createdAt, after.id, limit);
  return rows.map((row) => ({ createdAt: integer(row, 'created_at'), id: text(row, 'id'), seq: integer(row, 'seq') }));
}

export function unfinishedJobs(file: SystemFile, spaceId: string, operation: string): readonly Job[] {
  const sql = `select ${LISTED_JOB_COLUMNS} from jobs j indexed by jobs_unique join job_bodies b on b.seq = j.seq
    where j.space_id = ? and j.operation = ? and j.unique_key is not null and j.finished_at is null order by j.unique_key`;
  return file.all(sql, spaceId, operation).map(toJob);
}

export function abandonedJobs(file: SystemFile, before: number, limit: number): readonly Job[] {
  const sql = `select ${LISTED_JOB_COLUMNS} from jobs j join job_bodies b on b.seq = j.seq
    where j.unwatched_since < ? and j.background = 0 order by j.unwatched_since limit ?`;
  return file.all(sql, before, limit).map(toJob);
}

export function jobsWaitingSince(file: SystemFile, before: number, limit: number): readonly Job[] {
  const sql = `select ${LISTED_JOB_COLUMNS} from jobs j join job_bodies b on b.seq = j.seq
    where j.lane in (select lane from job_lanes) and j.ready in (0, 1) and j.state = 'queued' and j.run_at < ? limit ?`;
  return file.all(sql, before, limit).map(toJob);
}

export function countedTimes(file: SystemFile, userId: string, lane: JobLane, since: number, limit: number): readonly number[] {
  const sql = `select created_at from jobs where user = ? and lane = ? and state in ('queued', 'running', 'succeeded', 'partial') and created_at > ?
    order by created_at desc limit ?`;
  return file
    .all(sql, userId, lane, since, limit)
    .map((row) => integer(row, 'created_at'))
    .toReversed();
}

export function laneLoads(file: SystemFile, now: number): readonly LaneLoad[] {
  const oldest = (ready: 0 | 1): string =>
    `(select j.run_at from jobs j where j.lane = l.lane and j.ready = ${ready} and j.state = 'queued' and j.run_at <= ? order by j.run_at limit 1)`;
  const sql = `select l.lane, l.queued, l.running, min(coalesce(${oldest(0)}, ?), coalesce(${oldest(1)}, ?)) as oldest from job_lanes l order by l.lane`;
  return file.all(sql, now, now, now, now).map((row) => ({
    lane: text(row, 'lane') as JobLane,
    queued: integer(row, 'queued'),
    running: integer(row, 'running'),
    oldestWaitMs: now - integer(row, 'oldest'),
  }));
}

export function laneLines(file: SystemFile, lane: JobLane, limit: number): readonly LaneLine[] {
  const groups = file.all('select name from job_groups where lane = ? and ready + running > 0 order by virtual_time limit ?', lane, limit);
  const ofGroup = `select user, user_group, virtual_time, weight, running, queued from job_lines
    where lane = ? and user_group = ? and ready + running > 0 order by virtual_time limit ?`;
  const lines: LaneLine[] = [];
  for (const group of groups) lines.push(...file.all(ofGroup, lane, text(group, 'name'), limit - lines.length).map(toLaneLine));
  return lines;
}

export function nextDueAt(file: SystemFile, now: number): number | undefined {
  const delayed = `select (select j.run_at from jobs j where j.lane = l.lane and j.ready = 0 and j.state = 'queued' and j.run_at > ?
    order by j.run_at limit 1) as at from job_lanes l`;
  const lease = 'select j.lease_until as at from jobs j where j.lease_until > ? order by j.lease_until limit 1';
  const times = [...file.all(delayed, now), ...file.all(lease, now)].flatMap(({ at }) => (typeof at === 'number' ? [at] : []));
  return times.length === 0 ? undefined : Math.min(...times);
}

export function laneModes(file: SystemFile): Readonly<Record<JobLane, LaneMode>> {
  const modes = new Map(file.all('select lane, mode from job_lanes').map((row) => [text(row, 'lane'), text(row, 'mode') as LaneMode]));
  return Object.fromEntries(JOB_LANES.map((lane) => [lane, modes.get(lane) ?? 'open'])) as Record<JobLane, LaneMode>;
}
