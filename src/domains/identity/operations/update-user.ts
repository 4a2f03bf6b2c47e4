import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { USER_ROLES } from '../model.ts';
import { limitsSchema, timeZoneSchema, userIdSchema, weightSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { userView, viewUser } from '../views.ts';

/** Role, status, time zone, weight, limits. */
export const updateUser = defineOperation<IdentityOperationsService>()({
  name: 'update_user',
  title: 'Change, disable or enable a user',
  description: 'Change role, status, time zone, weight or limits. Disabling and a change of role end what the user is running.',
  input: z.strictObject({
    userId: userIdSchema,
    role: z.enum(USER_ROLES).optional(),
    status: z.enum(['active', 'disabled']).optional(),
    timeZone: timeZoneSchema.optional(),
    weight: weightSchema.optional(),
    limits: limitsSchema.optional(),
  }),
  output: z.object({ user: userView }),
  effect: 'write',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'PATCH', path: '/users/{userId}' },
  hiddenFromModels: true,
  idempotent: true,
  run: async ({ identity }, { userId, ...edit }, ctx) => ({ user: viewUser(await identity.users.update(ctx, userId, edit)) }),
});
