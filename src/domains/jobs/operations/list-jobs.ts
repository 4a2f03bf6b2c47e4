import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { cursorOf, filterFields, filterOf, pageFields, startOf } from '../inputs.ts';
import type { JobService } from '../service.ts';
import { jobView, viewJob } from '../views.ts';

export const listJobs = defineOperation<JobService>()({
  name: 'list_jobs',
  title: 'List jobs',
  description: 'Your jobs, newest first: what runs, what waits, and what has ended.',
  input: z.strictObject({ ...filterFields, ...pageFields }),
  output: z.object({ jobs: z.array(jobView), nextCursor: z.string().optional().describe('Present when there is more') }),
  effect: 'read',
  lane: 'memory',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'GET', path: '/jobs' },
  async run(service, input, ctx) {
    const { jobs, last } = await service.list(ctx, filterOf(input), input.limit, startOf(input.cursor));
    return { jobs: jobs.map(viewJob), ...(last === undefined ? {} : { nextCursor: cursorOf(last) }) };
  },
});
