import type { Role, Scope, SpaceAccess, UserLimits } from '../../../kernel/operation.ts';
import type { ApiKey, AuditRow, DeletionIntent, Member, Space, SpaceKind, User, UserRole, UserStatus } from '../../../domains/identity/model.ts';
import type { Row } from '../cell/cell.ts';

/**
 * Rows to domain values. What stands in the file was written by us under its checks and its strict types, so the casts here
 * trust it; JSON columns hold what we serialised.
 */

export const USER_COLUMNS = 'u.id, u.name, u.role, u.status, u.time_zone, u.weight, u.limits, u.created_at, u.active_at, u.service_id, u.external_id';
export const KEY_COLUMNS = 'k.id, k.user, k.name, k.scopes, k.spaces, k.expires_at, k.created_at, k.created_by, k.last_used_at, k.revoked_at';
export const SPACE_COLUMNS = 's.id, s.key, s.name, s.kind, s.payer, s.created_at, s.conversation_retention';
/** Of `spaces s`, `members m` and the payer `p`. */
export const ACCESS_COLUMNS = 's.id, s.key, s.kind, s.payer, s.conversation_retention, m.role, p.limits as payer_limits';

export function text(row: Row, column: string): string {
  return String(row[column]);
}

export function integer(row: Row, column: string): number {
  return Number(row[column]);
}

function optionalInteger(row: Row, column: string): number | undefined {
  const value = row[column];
  return value === null || value === undefined ? undefined : Number(value);
}

function json(row: Row, column: string): unknown {
  return JSON.parse(text(row, column));
}

export function toUser(row: Row): User {
  const service = row['service_id'];
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    role: text(row, 'role') as UserRole,
    status: text(row, 'status') as UserStatus,
    timeZone: text(row, 'time_zone'),
    weight: Number(row['weight']),
    limits: json(row, 'limits') as UserLimits,
    createdAt: integer(row, 'created_at'),
    lastActiveAt: integer(row, 'active_at'),
    ...(typeof service === 'string' && { service: { id: service, externalId: text(row, 'external_id') } }),
  };
}

export function toKey(row: Row): ApiKey {
  const expiresAt = optionalInteger(row, 'expires_at');
  const lastUsedAt = optionalInteger(row, 'last_used_at');
  const revokedAt = optionalInteger(row, 'revoked_at');
  return {
    id: text(row, 'id'),
    userId: text(row, 'user'),
    name: text(row, 'name'),
    scopes: json(row, 'scopes') as readonly Scope[],
    ...(row['spaces'] !== null && { spaces: json(row, 'spaces') as readonly string[] }),
    ...(expiresAt !== undefined && { expiresAt }),
    createdAt: integer(row, 'created_at'),
    createdBy: text(row, 'created_by'),
    ...(lastUsedAt !== undefined && { lastUsedAt }),
    ...(revokedAt !== undefined && { revokedAt }),
  };
}

export function toSpace(row: Row): Space {
  return {
    id: text(row, 'id'),
    key: text(row, 'key'),
    name: text(row, 'name'),
    kind: text(row, 'kind') as SpaceKind,
    payer: text(row, 'payer'),
    createdAt: integer(row, 'created_at'),
    ...retentionOf(row),
  };
}

function retentionOf(row: Row): Pick<Space, 'conversationRetention'> {
  const conversationRetention = optionalInteger(row, 'conversation_retention');
  return conversationRetention === undefined ? {} : { conversationRetention };
}

export function toAccess(row: Row): SpaceAccess {
  const { storageBytes } = json(row, 'payer_limits') as UserLimits;
  return {
    id: text(row, 'id'),
    key: text(row, 'key'),
    role: text(row, 'role') as Role,
    payer: text(row, 'payer'),
    ...(storageBytes !== undefined && { payerStorageBytes: storageBytes }),
    personal: row['kind'] === 'personal',
    ...retentionOf(row),
  };
}

export function toMember(row: Row): Member {
  return { userId: text(row, 'user'), name: text(row, 'name'), role: text(row, 'role') as Role, since: integer(row, 'since') };
}

export function toAuditRow(row: Row): AuditRow {
  return {
    id: integer(row, 'id'),
    at: integer(row, 'at'),
    actor: text(row, 'actor'),
    credential: text(row, 'credential'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    facts: json(row, 'facts') as Readonly<Record<string, unknown>>,
  };
}

export function toIntent(row: Row): DeletionIntent {
  return json(row, 'payload') as DeletionIntent;
}
