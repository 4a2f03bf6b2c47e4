import { type ApiKey, type AuditEntry, IDENTITY_LIMITS } from '../../../../domains/identity/model.ts';
import type { KeyGuard, NewKey } from '../../../../domains/identity/store.ts';
import { notFound, PolymniaError } from '../../../../kernel/errors.ts';
import type { SystemFile } from '../open-system-file.ts';
import { memberOf, spaceById } from '../reads/space-reads.ts';
import { keyById, userById } from '../reads/user-reads.ts';
import { integer } from '../rows.ts';
import { addAudit } from './audit-writes.ts';

const MAX_KEYS = IDENTITY_LIMITS.keysPerUser;

/** The row alone, without any rule. */
export function insertKey(file: SystemFile, key: NewKey): void {
  const sql = `insert into keys (id, user, name, hash, scopes, spaces, expires_at, created_at, created_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  const spaces = key.spaces === undefined ? null : JSON.stringify(key.spaces);
  file.run(sql, key.id, key.userId, key.name, key.hash, JSON.stringify(key.scopes), spaces, key.expiresAt ?? null, key.createdAt, key.createdBy);
}

export function createKey(file: SystemFile, { key, guard, audit }: { key: NewKey; guard: KeyGuard; audit: AuditEntry }): ApiKey {
  const user = userById(file, key.userId);
  if (user === undefined) throw notFound('user');
  refuseCreator(file, guard, key.createdAt);
  if (user.service !== undefined)
    throw new PolymniaError('conflict', 'This user belongs to a service, which speaks for it; it can have no keys of its own.');
  for (const space of key.spaces ?? []) {
    if (spaceById(file, space) === undefined || memberOf(file, space, key.userId) === undefined) throw notFound('space');
  }
  refuseManyKeys(file, key);
  insertKey(file, key);
  forgetDeadKeys(file, key);
  addAudit(file, audit);
  return existing(file, key.id);
}

function refuseCreator(file: SystemFile, guard: KeyGuard, now: number): void {
  const creator = userById(file, guard.creator);
  const isFit = creator?.status === 'active' && (!guard.needsAdmin || creator.role === 'admin');
  const own = guard.creatorKey === undefined ? undefined : keyById(file, guard.creatorKey);
  const isLive = guard.creatorKey === undefined || (own !== undefined && own.revokedAt === undefined && (own.expiresAt ?? Infinity) > now);
  if (!isFit || !isLive) throw new PolymniaError('forbidden', 'The credential that asks for this key has lost its own rights meanwhile.');
}

function refuseManyKeys(file: SystemFile, key: NewKey): void {
  const sql = 'select count(*) as n from keys k where k.user = ? and k.revoked_at is null and coalesce(k.expires_at, ?) > ?';
  const row = file.get(sql, key.userId, key.createdAt + 1, key.createdAt);
  if (row !== undefined && integer(row, 'n') >= MAX_KEYS) {
    throw new PolymniaError('conflict', `A user can have ${MAX_KEYS} live keys; revoke one first.`, { details: { limit: MAX_KEYS } });
  }
}

/** Dead keys are kept for whoever reads the list, but not without end. */
function forgetDeadKeys(file: SystemFile, { userId, createdAt }: NewKey): void {
  const sql = `delete from keys where id in (
    select k.id from keys k where k.user = ? and (k.revoked_at is not null or k.expires_at <= ?)
    order by k.created_at desc, k.id desc limit -1 offset ?)`;
  file.run(sql, userId, createdAt, MAX_KEYS);
}

function existing(file: SystemFile, keyId: string): ApiKey {
  const key = keyById(file, keyId);
  if (key === undefined) throw notFound('key');
  return key;
}

export function revokeKey(file: SystemFile, { keyId, audit }: { keyId: string; audit: AuditEntry }): ApiKey {
  existing(file, keyId);
  const changed = file.run('update keys set revoked_at = ? where id = ? and revoked_at is null', audit.at, keyId);
  if (changed > 0) addAudit(file, audit);
  return existing(file, keyId);
}

export function touchKeys(file: SystemFile, { uses }: { uses: readonly { readonly keyId: string; readonly at: number }[] }): void {
  for (const { keyId, at } of uses) {
    file.run('update keys set last_used_at = max(coalesce(last_used_at, 0), cast(? as integer)) where id = ?', at, keyId);
  }
}
