import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { pageFields, spaceIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { memberView, nextCursor, viewMember, viewPage } from '../views.ts';

/** For every member. */
export const listMembers = defineOperation<IdentityOperationsService>()({
  name: 'list_members',
  title: 'List members of a space',
  description: 'Who may use the space, and as what.',
  input: z.strictObject({ spaceId: spaceIdSchema, ...pageFields }),
  output: z.object({ members: z.array(memberView), nextCursor }),
  effect: 'read',
  lane: 'admin',
  scope: 'spaces:manage',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/spaces/{spaceId}/members' },
  hiddenFromModels: true,
  run: async ({ identity }, { spaceId, ...page }, ctx) => viewPage(await identity.spaces.listMembers(ctx, spaceId, page), 'members', viewMember),
});
