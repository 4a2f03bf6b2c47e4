import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { jobIdField } from '../inputs.ts';
import type { JobService } from '../service.ts';
import { jobView, viewJob } from '../views.ts';

export const cancelJob = defineOperation<JobService>()({
  name: 'cancel_job',
  title: 'Cancel a job',
  description: 'Stops one of your jobs and answers when it has stopped. What it had finished stays; one that has ended is left as it is.',
  input: z.strictObject({ id: jobIdField }),
  output: z.object({ job: jobView }),
  effect: 'write',
  idempotent: true,
  lane: 'memory',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'POST', path: '/jobs/{id}/cancel' },
  waits: true,
  run: async (service, { id }, ctx) => ({ job: viewJob(await service.cancel(ctx, id, ctx.signal)) }),
});
