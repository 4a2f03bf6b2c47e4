import { z } from 'zod';
import { LANES, ROLES, SCOPES, type UserLimits } from '../../kernel/operation.ts';
import { type ApiKey, type AuditRow, type Member, type User, USER_ROLES } from './model.ts';
import type { Page } from './paging.ts';
import type { SeenSpace } from './spaces.ts';

/** Answers of the identity operations: times in ISO 8601, nothing secret, no key of a space. */

const time = z.iso.datetime();

export const userView = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(USER_ROLES),
  status: z.enum(['active', 'disabled']),
  timeZone: z.string(),
  weight: z.number(),
  limits: z.object({ storageBytes: z.int().optional(), rate: z.partialRecord(z.enum(LANES), z.int()).optional() }),
  createdAt: time,
  lastActiveAt: time.describe('Last call or job, within a minute'),
  serviceId: z.string().optional().describe('The service that named this user'),
  externalId: z.string().optional().describe('By which id the service names it'),
});

export const keyView = z.object({
  id: z.string(),
  userId: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  spaces: z.array(z.string()).optional().describe('Spaces the key is limited to; absent: all of its user'),
  expiresAt: time.optional(),
  createdAt: time,
  createdBy: z.string(),
  lastUsedAt: time.optional().describe('Within a few seconds'),
  revokedAt: time.optional(),
});

export const spaceView = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['personal', 'shared']),
  role: z.enum(ROLES).optional().describe('Your role; absent when an administrator lists all spaces'),
  payer: z.string().describe('User whose quota the space uses'),
  createdAt: time,
  conversationRetention: z
    .int()
    .optional()
    .describe('How long a conversation is kept after its last message, ms; absent: as long as the server keeps it'),
});

export const memberView = z.object({ userId: z.string(), name: z.string(), role: z.enum(ROLES), since: time });

export const auditView = z.object({
  id: z.int(),
  at: time,
  actor: z.string(),
  credential: z.string(),
  action: z.string(),
  subject: z.string(),
  facts: z.record(z.string(), z.unknown()),
});

export const nextCursor = z.string().optional().describe('Give it as cursor to read on; absent on the last page');

const iso = (ms: number): string => new Date(ms).toISOString();

export function viewUser({ id, name, role, status, timeZone, weight, limits, createdAt, lastActiveAt, service }: User): z.output<typeof userView> {
  return {
    id,
    name,
    role,
    status: status === 'active' ? 'active' : 'disabled',
    timeZone,
    weight,
    limits: viewLimits(limits),
    createdAt: iso(createdAt),
    lastActiveAt: iso(lastActiveAt),
    ...(service && { serviceId: service.id, externalId: service.externalId }),
  };
}

function viewLimits({ storageBytes, rate }: UserLimits): z.output<typeof userView>['limits'] {
  return { ...(storageBytes !== undefined && { storageBytes }), ...(rate !== undefined && { rate: { ...rate } }) };
}

export function viewKey(key: ApiKey): z.output<typeof keyView> {
  const { id, userId, name, scopes, spaces, expiresAt, createdAt, createdBy, lastUsedAt, revokedAt } = key;
  return {
    id,
    userId,
    name,
    scopes: [...scopes],
    ...(spaces !== undefined && { spaces: [...spaces] }),
    ...(expiresAt !== undefined && { expiresAt: iso(expiresAt) }),
    createdAt: iso(createdAt),
    createdBy,
    ...(lastUsedAt !== undefined && { lastUsedAt: iso(lastUsedAt) }),
    ...(revokedAt !== undefined && { revokedAt: iso(revokedAt) }),
  };
}

export function viewSpace({ id, name, kind, role, payer, createdAt, conversationRetention }: SeenSpace): z.output<typeof spaceView> {
  return {
    id,
    name,
    kind,
    ...(role !== undefined && { role }),
    payer,
    createdAt: iso(createdAt),
    ...(conversationRetention !== undefined && { conversationRetention }),
  };
}

export function viewMember({ since, ...member }: Member): z.output<typeof memberView> {
  return { ...member, since: iso(since) };
}

export function viewAudit({ at, facts, ...row }: AuditRow): z.output<typeof auditView> {
  return { ...row, at: iso(at), facts: { ...facts } };
}

/** One page in its wire form, the rows under the given name. */
export function viewPage<Name extends string, T, View>(
  page: Page<T>,
  name: Name,
  view: (item: T) => View,
): Record<Name, View[]> & { nextCursor?: string } {
  const rows = { [name]: page.items.map(view) } as Record<Name, View[]>;
  return { ...rows, ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }) };
}
