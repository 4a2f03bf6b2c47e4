import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { pageFields } from '../schemas.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { auditView, nextCursor, viewAudit, viewPage } from '../views.ts';

/** Newest first. */
export const listAudit = defineOperation<IdentityOperationsService>()({
  name: 'list_audit',
  title: 'Read the audit',
  description: 'Credentials, members, administrative and destructive operations, newest first.',
  input: z.strictObject({
    actor: z.string().max(64).optional().describe('Only what this user did'),
    subject: z.string().max(64).optional().describe('Only what was done to this user, key or space'),
    ...pageFields,
  }),
  output: z.object({ entries: z.array(auditView), nextCursor }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/audit' },
  hiddenFromModels: true,
  run: async ({ identity }, input, ctx) => viewPage(await identity.audit(ctx, input), 'entries', viewAudit),
});
