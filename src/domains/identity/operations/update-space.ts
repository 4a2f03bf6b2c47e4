import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { nameSchema, retentionSchema, spaceIdSchema, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { spaceView, viewSpace } from '../views.ts';

/** Name, payer, and how long conversations are kept. */
export const updateSpace = defineOperation<IdentityOperationsService>()({
  name: 'update_space',
  title: 'Change a space',
  description:
    'For owners and administrators. An owner may take over the payment; naming another payer needs an administrator. The payer must be an owner. Of a personal space only conversationRetention can be changed; what has become too old by it is gone when this answers.',
  input: z.strictObject({
    spaceId: spaceIdSchema,
    name: nameSchema.optional(),
    payer: userIdSchema.optional().describe('User whose quota the space shall use'),
    conversationRetention: retentionSchema
      .nullable()
      .optional()
      .describe(
        'How long a conversation is kept after its last message, with what is remembered of it, ms; the server keeps none longer than it would anyway. null: as long as the server keeps it',
      ),
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
