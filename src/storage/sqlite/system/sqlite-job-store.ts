import type { NewJob } from '../../../domains/jobs/model.ts';
import type { Heartbeat, JobStore, RunEnd } from '../../../domains/jobs/store.ts';
import { SCHEDULE_COLUMNS, type StoredRunEnd, toSchedule } from './job-rows.ts';
import {
  abandonedJobs,
  countedTimes,
  jobById,
  jobsWaitingSince,
  laneLines,
  laneLoads,
  laneModes,
  listJobs,
  nextDueAt,
  unfinishedJobs,
} from './reads/job-reads.ts';
import type { SystemDatabase } from './system-database.ts';
import type { StoredNewJob } from './writes/job-writes.ts';

/** Attempts whose back-off is told apart; a function cannot go to the writer's thread. */
const ATTEMPTS = Array.from({ length: 32 }, (_, index) => index + 1);

/** The job store over `system.db`. */
export function createSqliteJobStore(database: SystemDatabase): JobStore {
  return {
    enqueue: async (job, limits) => database.write('enqueueJob', { job: toStoredJob(job), limits }),
    claim: (request) => database.write('claimJobs', request),
    heartbeat: async (beats) => database.write('heartbeatJobs', { beats: beats.map(toStoredBeat) }),
    finish: async (runs) => database.write('finishJobs', { runs: runs.map(toStoredRunEnd) }),
    expireLeases: async (now, limit, { maxLosses, backoffMs }) =>
      database.write('expireJobLeases', { now, limit, maxLosses, backoffMs: ATTEMPTS.map(backoffMs) }),
    cancel: (id, userId, reason, now) => database.write('cancelJob', { id, userId, reason, now }),
    cancelAll: (whose, reason, now) => database.write('cancelJobs', { ...whose, reason, now }),
    get: async (id) => database.read((file) => jobById(file, id)),
    list: async (filter, limit, after) => database.read((file) => listJobs(file, filter, limit, after)),
    unfinished: async (spaceId, operation) => database.read((file) => unfinishedJobs(file, spaceId, operation)),
    setUnwatched: (ids, since) => database.write('setJobsUnwatched', { ids, since }),
    abandoned: async (before, limit) => database.read((file) => abandonedJobs(file, before, limit)),
    waitedTooLong: async (before, limit) => database.read((file) => jobsWaitingSince(file, before, limit)),
    counted: async (userId, lane, since, limit) => database.read((file) => countedTimes(file, userId, lane, since, limit)),
    load: async (now) => database.read((file) => laneLoads(file, now)),
    lines: async (lane, limit) => database.read((file) => laneLines(file, lane, limit)),
    nextDueAt: async (now) => database.read((file) => nextDueAt(file, now)),
    laneModes: async () => database.read(laneModes),
    setLaneMode: (lane, mode) => database.write('setLaneMode', { lane, mode }),
    setPriority: (id, priority) => database.write('setJobPriority', { id, priority }),
    retry: (id, now) => database.write('retryJob', { id, now }),
    prune: (before, limit) => database.write('pruneJobs', { before, limit }),
    schedules: async () => database.read((file) => file.all(`select ${SCHEDULE_COLUMNS} from schedules s order by s.name`).map(toSchedule)),
    putSchedule: (name, pattern) => database.write('putSchedule', { name, pattern }),
    setSchedulePaused: (name, paused) => database.write('setSchedulePaused', { name, paused }),
    takeSlot: (name, slot, now) => database.write('takeSlot', { name, slot, now }),
    noteScheduleRun: (name, at, outcome) => database.write('noteScheduleRun', { name, at, outcome }),
  };
}

/** JSON is made here rather than on the writer's thread, which all writes share. */
export function toStoredJob(job: NewJob): StoredNewJob {
  return { ...job, input: JSON.stringify(job.input), origin: JSON.stringify(job.origin) };
}

function toStoredBeat({ progress, ...beat }: Heartbeat): Omit<Heartbeat, 'progress'> & { progress: string | null } {
  return { ...beat, progress: toJson(progress) };
}

export function toStoredRunEnd({ end, cost, ...run }: RunEnd): StoredRunEnd {
  const stored = { ...run, cost: cost > 0 && cost < Infinity ? cost : 0 };
  if (end.kind === 'again') return { ...stored, end };
  const { state, error, progress } = end;
  try {
    return { ...stored, end: { kind: 'final', state, result: toJson(end.result), error: toJson(error), progress: toJson(progress) } };
  } catch {
    const failure = JSON.stringify({ code: 'internal', message: 'The result of the job cannot be stored: it is no JSON.' });
    return { ...stored, end: { kind: 'final', state: 'failed', result: null, error: failure, progress: null } };
  }
}

/** Null for what is absent, and for what JSON leaves out. */
function toJson(value: unknown): string | null {
  return JSON.stringify(value) ?? null;
}
