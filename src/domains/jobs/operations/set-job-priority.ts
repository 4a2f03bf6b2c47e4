import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { jobIdField } from '../inputs.ts';
import { JOB_PRIORITIES } from '../model.ts';
import type { JobService } from '../service.ts';
import { jobView, viewJob } from '../views.ts';

const { critical, high, normal, low } = JOB_PRIORITIES;

export const setJobPriority = defineOperation<JobService>()({
  name: 'set_job_priority',
  title: 'Change the priority of a queued job',
  description: "Ranks a job among its user's own; it never comes before the jobs of others by it.",
  input: z.strictObject({
    id: jobIdField,
    priority: z.union([z.literal(critical), z.literal(high), z.literal(normal), z.literal(low)]).describe('1 critical, 2 high, 3 normal, 4 low'),
  }),
  output: z.object({ job: jobView }),
  effect: 'write',
  idempotent: true,
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'PATCH', path: '/admin/jobs/{id}' },
  hiddenFromModels: true,
  run: async ({ admin }, { id, priority }) => ({ job: viewJob(await admin.setPriority(id, priority)) }),
});
