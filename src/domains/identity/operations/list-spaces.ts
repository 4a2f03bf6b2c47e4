import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { pageFields } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { nextCursor, spaceView, viewPage, viewSpace } from '../views.ts';

/** Any valid credential may ask for its own. */
export const listSpaces = defineOperation<IdentityOperationsService>()({
  name: 'list_spaces',
  title: 'List spaces',
  description: 'Spaces you are a member of, with your role. With all, an administrator sees every shared space.',
  input: z.strictObject({ all: z.boolean().default(false).describe('Every shared space; administrators only'), ...pageFields }),
  output: z.object({ spaces: z.array(spaceView), nextCursor }),
  effect: 'read',
  lane: 'admin',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'GET', path: '/spaces' },
  hiddenFromModels: true,
  run: async ({ identity }, input, ctx) => viewPage(await identity.spaces.list(ctx, input), 'spaces', viewSpace),
});
