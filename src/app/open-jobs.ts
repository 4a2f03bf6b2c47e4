import {
  type JobAuthority,
  type JobLaneLimits,
  type JobLaneTable,
  type JobObserver,
  JobService,
  type LaneGroup,
  pruneJobsTask,
  type ScheduledTask,
  Scheduler,
} from '../domains/jobs/index.ts';
import type { Settings } from '../config/options.ts';
import type { Logger } from '../kernel/logger.ts';
import type { JobLane } from '../kernel/operation.ts';
import { type CommonParts, random } from './common-parts.ts';
import { laneTable } from './lane-table.ts';
import type { EmbeddedStorage } from './storage.ts';

interface JobsDeps extends CommonParts {
  readonly storage: EmbeddedStorage;
  readonly authority: JobAuthority;
  readonly metrics: JobObserver;
}

/** Largest uploads that may wait on disk for their jobs. */
const UPLOADS_PER_USER = 2;
const UPLOADS_TOTAL = 8;

/** The job service over the embedded store. It runs nothing before its `start`. */
export function openJobs({ settings, clock, ids, logger, parts, storage, authority, metrics }: JobsDeps): JobService {
  const service = new JobService({
    store: storage.jobs,
    clock,
    ids,
    random,
    logger,
    authority,
    uploads: storage.spool,
    observer: createJobObserver(logger, metrics),
    lanes: jobLanes(settings),
    groups: laneGroups(settings),
    leaseMs: settings.JOB_LEASE,
    maxPerUser: settings.MAX_JOBS_PER_USER,
    serviceShare: settings.SERVICE_SHARE,
    maxQueuedInLane: settings.MAX_QUEUED_JOBS,
    detachGraceMs: settings.JOB_DETACH_GRACE,
    queueTimeoutMs: settings.JOB_QUEUE_TIMEOUT,
    maxStreamsPerUser: settings.MAX_EVENT_STREAMS_PER_USER,
    maxStreams: settings.MAX_EVENT_STREAMS,
    uploadLimits: { perUser: settings.MAX_IMPORT_BYTES * UPLOADS_PER_USER, total: settings.MAX_IMPORT_BYTES * UPLOADS_TOTAL },
  });
  return parts.own('jobs', service);
}

/** What the server does by itself at set times: its own tasks and those given. It runs nothing before its `start`. */
export function openScheduler(
  { settings, clock, logger, parts, storage }: CommonParts & { readonly storage: EmbeddedStorage },
  tasks: readonly ScheduledTask[],
): Scheduler {
  const prune = pruneJobsTask({ store: storage.jobs, clock, retentionMs: settings.JOB_RETENTION });
  return parts.own('schedules', new Scheduler({ store: storage.jobs, clock, logger, tasks: [prune, ...tasks] }));
}

function jobLanes(settings: Settings): JobLaneTable {
  const table = laneTable(settings);
  const limitsOf = (lane: JobLane): JobLaneLimits => {
    const { permits: max, timeoutMs, timeoutName, rateLimit, windowMs } = table[lane];
    return { max, timeoutMs, timeoutName, rateLimit, windowMs };
  };
  return { bulk: limitsOf('bulk'), sync: limitsOf('sync'), batch: limitsOf('batch') };
}

/** Bulk work runs in this process, syncs and analyses in child processes. */
function laneGroups({ MEMORY_WORKERS, CODE_WORKERS }: Settings): readonly LaneGroup[] {
  return [
    { lanes: ['bulk'], cap: MEMORY_WORKERS },
    { lanes: ['sync', 'batch'], cap: CODE_WORKERS },
  ];
}

const round = (ms: number): number => Math.round(ms * 100) / 100;

/** One log line a run, and its figures to the metrics. */
function createJobObserver(logger: Logger, metrics: JobObserver): JobObserver {
  return {
    ended(run) {
      metrics.ended(run);
      const { job, ranMs, waitedMs, cost, error } = run;
      const { id: jobId, operation, lane, userId: user, state, attempt } = job;
      const fields = { jobId, operation, lane, user, state, attempt, waitedMs: round(waitedMs), ranMs: round(ranMs), cost: Math.round(cost) };
      const isSerious = job.error?.code === 'internal' || job.error?.code === 'storage_unavailable';
      if (isSerious) logger.error('job', fields, error);
      else logger.info('job', fields);
    },
    leaseLost(job) {
      metrics.leaseLost(job);
      logger.warn('a run of a job lost its lease', { jobId: job.id, operation: job.operation, attempt: job.attempt });
    },
    parked(job) {
      metrics.parked(job);
      logger.warn('a job that keeps killing its workers was parked', { jobId: job.id, operation: job.operation, crashes: job.crashes });
    },
  };
}
