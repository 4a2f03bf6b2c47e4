import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { nameSchema, spaceIdSchema, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { spaceView, viewSpace } from '../views.ts';

/** Name and payer. */
export const updateSpace = defineOperation<IdentityOperationsService>()({
  name: 'update_space',
  title: 'Rename a shared space or change its payer',
  description:
    'For owners and administrators. An owner may take over the payment; naming another payer needs an administrator. The payer must be an owner.',
  input: z.strictObject({
    spaceId: spaceIdSchema,
    name: nameSchema.optional(),
    payer: userIdSchema.optional().describe('User whose quota the space shall use'),
  }),
  output: z.object({ space: spaceView }),
  effect: 'write',
  lane: 'admin',
  scope: 'spaces:manage',
  target: { kind: 'none' },
  http: { method: 'PATCH', path: '/spaces/{spaceId}' },
  hiddenFromModels: true,
  idempotent: true,
  run: async ({ identity }, { spaceId, ...edit }, ctx) => ({ space: viewSpace(await identity.spaces.update(ctx, spaceId, edit)) }),
});
