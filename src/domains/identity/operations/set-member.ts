import { z } from 'zod';
import { defineOperation, ROLES } from '../../../kernel/operation.ts';
import { spaceIdSchema, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { memberView, viewMember } from '../views.ts';

/** Reader, editor or owner. */
export const setMember = defineOperation<IdentityOperationsService>()({
  name: 'set_member',
  title: 'Add a member or change the role',
  description: 'reader may look, editor may also write, owner may also manage the space. For owners and administrators.',
  input: z.strictObject({ spaceId: spaceIdSchema, userId: userIdSchema, role: z.enum(ROLES) }),
  output: z.object({ member: memberView }),
  effect: 'write',
  lane: 'admin',
  scope: 'spaces:manage',
  target: { kind: 'none' },
  http: { method: 'PUT', path: '/spaces/{spaceId}/members/{userId}' },
  hiddenFromModels: true,
  idempotent: true,
  run: async ({ identity }, { spaceId, userId, role }, ctx) => ({ member: viewMember(await identity.spaces.setMember(ctx, spaceId, userId, role)) }),
});
