import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import type { ServerControl } from '../server-control.ts';

/** Who keeps the server busy. */
export const showUsage = defineOperation<ServerControl>()({
  name: 'show_usage',
  title: 'Show the busiest users',
  description: 'The users whose calls took the most thread time of late; older use counts half as much every minute.',
  input: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(20).describe('Users listed') }),
  output: z.object({
    users: z.array(z.object({ userId: z.string(), calls: z.int(), refused: z.int(), cost: z.int().describe('µs of thread time') })),
  }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/usage' },
  hiddenFromModels: true,
  run: async (control, { limit }) => ({ users: [...control.busiest(limit)] }),
});
