import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { nameSchema, pageFields, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { nextCursor, userView, viewPage, viewUser } from '../views.ts';

/** Users, page by page. */
export const listUsers = defineOperation<IdentityOperationsService>()({
  name: 'list_users',
  title: 'List users',
  description: 'Users in order of creation. Those a service named are listed under serviceId only.',
  input: z.strictObject({
    name: nameSchema.optional().describe('Only the user of this name'),
    serviceId: userIdSchema.optional().describe('Users this service named'),
    ...pageFields,
  }),
  output: z.object({ users: z.array(userView), nextCursor }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/users' },
  hiddenFromModels: true,
  run: async ({ identity }, input, ctx) => viewPage(await identity.users.list(ctx, input), 'users', viewUser),
});
