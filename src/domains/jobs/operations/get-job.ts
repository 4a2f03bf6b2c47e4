import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { jobIdField } from '../inputs.ts';
import { waitField, waitMsOf } from '../job-operation.ts';
import type { JobService } from '../service.ts';
import { jobView, viewJob } from '../views.ts';

export const getJob = defineOperation<JobService>()({
  name: 'get_job',
  title: 'Look at a job',
  description:
    'State, progress and, once it has ended, the result or error of one of your jobs. With wait it answers at the end, or after that many seconds. Asking counts as waiting for it: jobs nobody waits for are cancelled after a while.',
  input: z.strictObject({ id: jobIdField, wait: waitField.optional() }),
  output: z.object({ job: jobView, result: z.unknown().optional().describe('What the operation answered') }),
  effect: 'read',
  lane: 'memory',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'GET', path: '/jobs/{id}' },
  waits: true,
  async run(service, { id, wait }, ctx) {
    const job = await service.get(ctx, id, { ms: waitMsOf(wait) ?? 0, signal: ctx.signal, onProgress: (progress) => ctx.progress(progress) });
    return { job: viewJob(job), ...(job.result === undefined ? {} : { result: job.result }) };
  },
});
