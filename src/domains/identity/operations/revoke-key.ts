import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { keyIdSchema } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { keyView, viewKey } from '../views.ts';

/** Effective at once. */
export const revokeKey = defineOperation<IdentityOperationsService>()({
  name: 'revoke_key',
  title: 'Revoke an API key',
  description: 'The key is refused at once, and what runs on it ends. Your own keys, or as administrator any.',
  input: z.strictObject({ keyId: keyIdSchema }),
  output: z.object({ key: keyView }),
  effect: 'destructive',
  lane: 'admin',
  scope: 'keys:manage',
  target: { kind: 'none' },
  http: { method: 'DELETE', path: '/keys/{keyId}' },
  hiddenFromModels: true,
  idempotent: true,
  run: async ({ identity }, { keyId }, ctx) => ({ key: viewKey(await identity.keys.revoke(ctx, keyId)) }),
});
