import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { pageFields, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { keyView, nextCursor, viewKey, viewPage } from '../views.ts';

/** Never a secret. */
export const listKeys = defineOperation<IdentityOperationsService>()({
  name: 'list_keys',
  title: 'List API keys',
  description: 'Your keys, or as administrator those of another user. Never a secret.',
  input: z.strictObject({ userId: userIdSchema.optional().describe('Whose keys; yours when left out'), ...pageFields }),
  output: z.object({ keys: z.array(keyView), nextCursor }),
  effect: 'read',
  lane: 'admin',
  scope: 'keys:manage',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/keys' },
  hiddenFromModels: true,
  run: async ({ identity }, input, ctx) => viewPage(await identity.keys.list(ctx, input), 'keys', viewKey),
});
