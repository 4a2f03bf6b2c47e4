import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import type { ServerControl } from '../server-control.ts';

/** Online backup: spaces first, `system.db` last. */
export const createBackup = defineOperation<ServerControl>()({
  name: 'create_backup',
  title: 'Back up everything',
  description: 'Copies everything stored into a new folder on the server while it runs. The folder appears only when it is complete.',
  input: z.object({
    directory: z
      .string()
      .max(4096)
      .regex(/^(\/|[A-Za-z]:[\\/])/, 'must be an absolute path on the server')
      .refine((path) => !path.includes('\0'), 'must not hold NUL')
      .describe('Absolute path of the folder to make; it must not exist'),
  }),
  output: z.object({ directory: z.string(), files: z.int(), bytes: z.int() }),
  effect: 'write',
  lane: 'bulk',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/admin/backup' },
  hiddenFromModels: true,
  run: (control, { directory }, ctx) => control.backup(directory, ctx.signal, (done) => ctx.progress({ phase: 'copying', done, unit: 'files' })),
});
