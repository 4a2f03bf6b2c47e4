import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';

const report = z.object({
  userId: z.string(),
  dryRun: z.boolean(),
  gone: z.object({
    keys: z.int(),
    memberships: z.int(),
    personalSpace: z.object({ id: z.string().optional(), bytes: z.int().optional() }),
    authored: z.array(z.object({ spaceId: z.string(), removed: z.int() })).describe('Memories and repositories removed from shared spaces'),
  }),
  stayed: z.object({
    author: z.string().describe('Id that remains as author of what stays'),
    sharedSpaces: z.array(z.object({ id: z.string(), name: z.string() })).describe('Shared spaces that keep what the user wrote'),
  }),
});

/** With a report of what went and what stayed. */
export const deleteUser = defineOperation<IdentityOperationsService>()({
  name: 'delete_user',
  title: 'Delete a user',
  description:
    'Delete a user with the personal space and all keys. What the user wrote in shared spaces stays under the id as author, unless purgeAuthored. Refused while the user is last owner or payer of a shared space. dryRun tells what would go.',
  input: z.strictObject({
    userId: userIdSchema,
    purgeAuthored: z.boolean().default(false).describe('Also remove what the user wrote in shared spaces, and the repositories the user added there'),
    dryRun: z.boolean().default(false).describe('Tell what would go, change nothing'),
  }),
  output: report,
  effect: 'destructive',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'DELETE', path: '/users/{userId}' },
  hiddenFromModels: true,
  idempotent: true,
  run: async ({ identity }, input, ctx) => {
    const { gone, stayed, ...rest } = await identity.deletions.deleteUser(ctx, input);
    return { ...rest, gone: { ...gone, authored: [...gone.authored] }, stayed: { ...stayed, sharedSpaces: [...stayed.sharedSpaces] } };
  },
});
