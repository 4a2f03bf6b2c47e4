import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { USER_ROLES } from '../model.ts';
import { limitsSchema, nameSchema, timeZoneSchema, weightSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { userView, viewUser } from '../views.ts';

/** A person or an agent. */
export const createUser = defineOperation<IdentityOperationsService>()({
  name: 'create_user',
  title: 'Create a user',
  description: 'Create a person or an agent. The user has a personal space at once; make a key with create_key.',
  input: z.strictObject({
    name: nameSchema,
    role: z.enum(USER_ROLES).default('member'),
    timeZone: timeZoneSchema.optional(),
    weight: weightSchema.optional(),
    limits: limitsSchema.optional(),
  }),
  output: z.object({ user: userView }),
  effect: 'write',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/users' },
  hiddenFromModels: true,
  run: async ({ identity }, input, ctx) => ({ user: viewUser(await identity.users.create(ctx, input)) }),
});
