import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { spaceIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';

/** With all that is stored in it. */
export const deleteSpace = defineOperation<IdentityOperationsService>()({
  name: 'delete_space',
  title: 'Delete a shared space',
  description: 'Delete a shared space with all that is stored in it. For owners and administrators.',
  input: z.strictObject({ spaceId: spaceIdSchema }),
  output: z.object({
    spaceId: z.string(),
    members: z.int().describe('Memberships that ended'),
    bytes: z.int().describe('Bytes of the deleted file'),
  }),
  effect: 'destructive',
  lane: 'admin',
  scope: 'spaces:manage',
  target: { kind: 'none' },
  http: { method: 'DELETE', path: '/spaces/{spaceId}' },
  hiddenFromModels: true,
  run: async ({ identity }, { spaceId }, ctx) => identity.spaces.delete(ctx, spaceId),
});
