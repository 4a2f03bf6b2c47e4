import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { spaceIdSchema, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';

/** What the member wrote stays. */
export const removeMember = defineOperation<IdentityOperationsService>()({
  name: 'remove_member',
  title: 'Remove a member',
  description: 'Ends a membership and what runs on it. For owners and administrators; every member may leave.',
  input: z.strictObject({ spaceId: spaceIdSchema, userId: userIdSchema }),
  output: z.object({ spaceId: z.string(), userId: z.string() }),
  effect: 'destructive',
  lane: 'admin',
  scope: 'spaces:manage',
  target: { kind: 'none' },
  http: { method: 'DELETE', path: '/spaces/{spaceId}/members/{userId}' },
  hiddenFromModels: true,
  run: async ({ identity }, { spaceId, userId }, ctx) => {
    await identity.spaces.removeMember(ctx, spaceId, userId);
    return { spaceId, userId };
  },
});
