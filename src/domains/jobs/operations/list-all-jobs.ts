import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { cursorOf, filterFields, filterOf, pageFields, startOf } from '../inputs.ts';
import type { JobService } from '../service.ts';
import { jobView, viewJob } from '../views.ts';

export const listAllJobs = defineOperation<JobService>()({
  name: 'list_all_jobs',
  title: 'List jobs of all users',
  description: 'Jobs of everybody, newest first, without their inputs and results.',
  input: z.strictObject({
    ...filterFields,
    userId: z.string().max(64).optional().describe('Only of this user'),
    spaceId: z.string().max(64).optional().describe('Only in this space'),
    ...pageFields,
  }),
  output: z.object({
    jobs: z.array(jobView.extend({ userId: z.string() })),
    nextCursor: z.string().optional().describe('Present when there is more'),
  }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/jobs' },
  hiddenFromModels: true,
  async run({ admin }, input) {
    const { userId, spaceId } = input;
    const filter = { ...filterOf(input), ...(userId === undefined ? {} : { userId }), ...(spaceId === undefined ? {} : { spaceId }) };
    const { jobs, last } = await admin.list(filter, input.limit, startOf(input.cursor));
    return { jobs: jobs.map((job) => ({ ...viewJob(job), userId: job.userId })), ...(last === undefined ? {} : { nextCursor: cursorOf(last) }) };
  },
});
