import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { jobIdField } from '../inputs.ts';
import type { JobService } from '../service.ts';
import { jobView, viewJob } from '../views.ts';

export const retryJob = defineOperation<JobService>()({
  name: 'retry_job',
  title: 'Run a failed or cancelled job once more',
  description: 'Queues it again for its user, with a fresh count of attempts.',
  input: z.strictObject({ id: jobIdField }),
  output: z.object({ job: jobView }),
  effect: 'write',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/admin/jobs/{id}/retry' },
  hiddenFromModels: true,
  run: async ({ admin }, { id }) => ({ job: viewJob(await admin.retry(id)) }),
});
