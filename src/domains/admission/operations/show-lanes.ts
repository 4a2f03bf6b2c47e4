import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
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
  description: 'Permits in use and waiting lines of every lane, with the users in them.',
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
  }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/lanes' },
  hiddenFromModels: true,
  run: async (control, { maxUsers }) => ({
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
