import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { shortList } from '../../../kernel/short-list.ts';
import { IDENTITY_LIMITS } from '../model.ts';
import { nameSchema, scopesSchema, spaceIdSchema, timeSchema, userIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { keyView, viewKey } from '../views.ts';

/** The secret is shown once. */
export const createKey = defineOperation<IdentityOperationsService>()({
  name: 'create_key',
  title: 'Create an API key',
  description:
    'Create a key for yourself, or as administrator for another user. The secret is in this answer only. A key never holds more than the key it was made with.',
  input: z.strictObject({
    name: nameSchema,
    userId: userIdSchema.optional().describe('Whose key; yours when left out'),
    scopes: scopesSchema.optional().describe('Default: memory and code, read and write, as far as yours may'),
    spaces: shortList(IDENTITY_LIMITS.spacesPerKey, z.array(spaceIdSchema).min(1).max(IDENTITY_LIMITS.spacesPerKey))
      .optional()
      .describe('Limit the key to these spaces'),
    expiresAt: timeSchema.optional(),
  }),
  output: z.object({ key: keyView, secret: z.string().describe('Shown this once; send it as Authorization: Bearer') }),
  effect: 'write',
  lane: 'admin',
  scope: 'keys:manage',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/keys' },
  hiddenFromModels: true,
  run: async ({ identity }, { expiresAt, ...wish }, ctx) => {
    const { key, secret } = await identity.keys.create(ctx, { ...wish, ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }) });
    return { key: viewKey(key), secret };
  },
});
