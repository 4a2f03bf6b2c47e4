import { z } from 'zod';
import { JOB_LANES } from '../../kernel/operation.ts';
import { JOB_STATES, type JobHead } from './model.ts';

const time = z.iso.datetime();

export const progressView = z.object({
  phase: z.string(),
  done: z.number(),
  total: z.number().optional(),
  unit: z.string(),
  message: z.string().optional(),
  rate: z.number().optional().describe('Units a second, over the last half minute of the phase'),
  remainingMs: z.number().optional(),
  at: time.describe('Time of this report'),
});

/** A job as its user may see it. */
export const jobView = z.object({
  id: z.string().describe('For get_job and cancel_job'),
  state: z.enum(JOB_STATES),
  operation: z.string(),
  lane: z.enum(JOB_LANES),
  space: z.string(),
  subject: z.string().optional().describe('What it works on'),
  priority: z.int().describe("1 goes first among the user's own, 4 last"),
  background: z.boolean().describe('Goes on when nobody waits for it'),
  attempt: z.int().describe('Runs begun so far'),
  createdAt: time,
  runAt: time.optional().describe('Not to run before'),
  startedAt: time.optional(),
  finishedAt: time.optional(),
  progress: progressView.optional(),
  reason: z.string().optional().describe('Why it was, or is being, cancelled'),
  error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }).optional(),
});

export type JobView = z.output<typeof jobView>;

const iso = (ms: number): string => new Date(ms).toISOString();

export function viewJob(job: JobHead): JobView {
  return {
    id: job.id,
    state: job.state,
    operation: job.operation,
    lane: job.lane,
    space: job.spaceId,
    ...(job.subject !== undefined && { subject: job.subject }),
    priority: job.priority,
    background: job.background,
    attempt: job.attempt,
    createdAt: iso(job.createdAt),
    ...(job.state === 'queued' && job.runAt > job.createdAt && { runAt: iso(job.runAt) }),
    ...(job.startedAt !== undefined && { startedAt: iso(job.startedAt) }),
    ...(job.finishedAt !== undefined && { finishedAt: iso(job.finishedAt) }),
    ...(job.progress !== undefined && { progress: viewProgress(job.progress) }),
    ...(job.cancelReason !== undefined && { reason: job.cancelReason }),
    ...(job.error !== undefined && { error: { ...job.error, ...(job.error.details !== undefined && { details: { ...job.error.details } }) } }),
  };
}

export function viewProgress({ at, ...progress }: NonNullable<JobHead['progress']>): z.output<typeof progressView> {
  return { ...progress, at: iso(at) };
}
