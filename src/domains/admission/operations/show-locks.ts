import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import type { ServerControl } from '../server-control.ts';

/** Locks that are held or waited for: by key of a space or uuid of a repository. */
export const showLocks = defineOperation<ServerControl>()({
  name: 'show_locks',
  title: 'Show locks',
  description: 'Locks on the life-cycle of space files and on repositories: who holds them, for how long, and how many wait.',
  input: z.object({}),
  output: z.object({
    locks: z.array(
      z.object({
        key: z.string(),
        mode: z.enum(['read', 'write']),
        holders: z.array(z.object({ holder: z.string(), ageMs: z.number() })),
        waiters: z.int(),
        oldestWaiterMs: z.number(),
      }),
    ),
  }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/locks' },
  hiddenFromModels: true,
  run: async (control) => ({ locks: control.locks().map((lock) => ({ ...lock, holders: [...lock.holders] })) }),
});
