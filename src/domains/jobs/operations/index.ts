import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { Scheduler } from '../scheduler.ts';
import type { JobService } from '../service.ts';
import { cancelJob } from './cancel-job.ts';
import { getJob } from './get-job.ts';
import { listAllJobs } from './list-all-jobs.ts';
import { listJobs } from './list-jobs.ts';
import { listSchedules } from './list-schedules.ts';
import { pauseSchedule } from './pause-schedule.ts';
import { retryJob } from './retry-job.ts';
import { runSchedule } from './run-schedule.ts';
import { setJobPriority } from './set-job-priority.ts';
import { setLaneMode } from './set-lane-mode.ts';

/** Operations on jobs, as declared. */
export const jobOperations: readonly AnyOperation<JobService>[] = [getJob, listJobs, cancelJob, listAllJobs, setLaneMode, setJobPriority, retryJob];

/** Operations on what the server does by itself, as declared. */
export const scheduleOperations: readonly AnyOperation<Scheduler>[] = [listSchedules, runSchedule, pauseSchedule];

/** All of them, bound to what they work on. */
export function bindJobOperations(jobs: JobService, scheduler: Scheduler): BoundOperation[] {
  return [
    ...jobOperations.map((operation) => bindOperation(operation, jobs)),
    ...scheduleOperations.map((operation) => bindOperation(operation, scheduler)),
  ];
}
