import { z } from 'zod';
import { defineOperation, JOB_LANES } from '../../../kernel/operation.ts';
import type { ServerControl } from '../server-control.ts';

const userState = z.object({
  user: z.string(),
  running: z.int(),
  waiting: z.int(),
  weight: z.number(),
  virtualTime: z.number().describe('µs of thread time over the weight; the least runs next'),
});

/** Lanes and waiting lines as they stand. */
export const showLanes = defineOperation<ServerControl>()({
  name: 'show_lanes',
  title: 'Show lanes and waiting lines',
  description: 'Permits in use and waiting lines of every lane, and the lines of jobs, with the users in them.',
  input: z.object({ maxUsers: z.coerce.number().int().min(1).max(1000).default(20).describe('Users listed per lane') }),
  output: z.object({
    lanes: z.array(
      z.object({
        name: z.string(),
        capacity: z.int(),
        running: z.int(),
        waiting: z.int(),
        meanServiceMs: z.number(),
        users: z.array(userState.extend({ group: z.string() })),
        truncated: z.boolean().describe('More users than were asked for'),
      }),
    ),
    jobs: z.array(
      z.object({
        lane: z.enum(JOB_LANES),
        mode: z.enum(['open', 'paused', 'draining']),
        queued: z.int(),
        running: z.int(),
        oldestWaitMs: z.number().describe('Of the jobs that are due'),
        users: z.array(
          z.object({
            user: z.string(),
            group: z.string().describe('The service, or the user alone'),
            queued: z.int(),
            running: z.int(),
            weight: z.number(),
            virtualTime: z.number().describe('The least runs next'),
          }),
        ),
      }),
    ),
  }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/lanes' },
  hiddenFromModels: true,
  run: async (control, { maxUsers }) => ({
    jobs: (await control.jobLanes(maxUsers)).map(({ lines, ...lane }) => ({
      ...lane,
      users: lines.map(({ userId, ...line }) => ({ user: userId, ...line })),
    })),
    lanes: control.lanes(maxUsers).map(({ name, capacity, running, waiting, meanServiceMs, groups, truncated }) => ({
      name,
      capacity,
      running,
      waiting,
      meanServiceMs,
      truncated,
      users: groups.flatMap(({ group, users }) => users.map((user) => ({ group, ...user }))),
    })),
  }),
});
