import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { nameSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { spaceView, viewSpace } from '../views.ts';

/** The caller becomes owner and payer. */
export const createSpace = defineOperation<IdentityOperationsService>()({
  name: 'create_space',
  title: 'Create a shared space',
  description: 'You become its owner and payer; add others with set_member.',
  input: z.strictObject({ name: nameSchema }),
  output: z.object({ space: spaceView }),
  effect: 'write',
  lane: 'admin',
  scope: 'spaces:manage',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/spaces' },
  hiddenFromModels: true,
  run: async ({ identity }, { name }, ctx) => ({ space: viewSpace(await identity.spaces.create(ctx, name)) }),
});
