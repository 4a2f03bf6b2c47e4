import type { AuditEntry, DeletionIntent, User } from '../../../../domains/identity/model.ts';
import type { DeletionPlan, NewKey, NewServiceUser, NewUser, UserChange } from '../../../../domains/identity/store.ts';
import { deletionObstacle, lastAdminObstacle } from '../../../../domains/identity/store.ts';
import { notFound, PolymniaError } from '../../../../kernel/errors.ts';
import type { SystemFile } from '../open-system-file.ts';
import { countServiceUsers, deletionPlan, isLastAdmin, userByExternalId, userById } from '../reads/user-reads.ts';
import { addAudit } from './audit-writes.ts';
import { noteDeletion } from './deletion-notes.ts';
import { insertKey } from './key-writes.ts';
import { insertSpace } from './space-writes.ts';

/** What a tombstone is called. */
const DELETED_NAME = 'deleted user';

const INSERT_USER = `
  insert into users (id, name, name_key, role, status, time_zone, weight, limits, created_at, active_at, service_id, external_id)
  values (?, ?, ?, ?, 'active', ?, ?, ?, ?, ?, ?, ?)`;

/** False when an index says that the user is there already. */
function insertUser(file: SystemFile, user: NewUser | NewServiceUser): boolean {
  const service = 'service' in user ? user.service : undefined;
  const { id, name, nameKey, role, timeZone, weight, limits, createdAt } = user;
  const [serviceId, externalId] = [service?.id ?? null, service?.externalId ?? null];
  const values = [id, name, nameKey, role, timeZone, weight, JSON.stringify(limits), createdAt, createdAt, serviceId, externalId];
  if (file.run(`${INSERT_USER} on conflict do nothing`, ...values) === 0) return false;
  insertSpace(file, { ...user.personal, name: 'Personal', kind: 'personal', payer: id, createdAt });
  return true;
}

function existing(file: SystemFile, userId: string): User {
  const user = userById(file, userId);
  if (user === undefined) throw notFound('user');
  return user;
}

export function createFirst(file: SystemFile, { user, key, audit }: { user: NewUser; key: NewKey; audit: AuditEntry }): boolean {
  if (file.get('select 1 from users limit 1') !== undefined) return false;
  insertUser(file, user);
  insertKey(file, key);
  addAudit(file, audit);
  return true;
}

export function createUser(file: SystemFile, { user, audit }: { user: NewUser; audit: AuditEntry }): User {
  if (!insertUser(file, user)) throw new PolymniaError('conflict', 'A user of that name exists already; names are equal without regard to case.');
  addAudit(file, audit);
  return existing(file, user.id);
}

export function claimServiceUser(file: SystemFile, { user, maxUsers }: { user: NewServiceUser; maxUsers: number }): { user: User; created: boolean } {
  const service = userById(file, user.service.id);
  if (service?.status !== 'active') throw new PolymniaError('conflict', 'The service is not active.');
  const known = userByExternalId(file, user.service.id, user.service.externalId);
  if (known !== undefined) return { user: known, created: false };
  if (countServiceUsers(file, service.id) >= maxUsers) {
    throw new PolymniaError('quota_exceeded', `This service already has ${maxUsers} users (MAX_USERS_PER_SERVICE); delete some first.`);
  }
  insertUser(file, user);
  return { user: existing(file, user.id), created: true };
}

export function updateUser(file: SystemFile, { userId, change, audit }: { userId: string; change: UserChange; audit: AuditEntry }): User {
  const user = existing(file, userId);
  if (user.service !== undefined && change.role === 'admin') {
    throw new PolymniaError('conflict', 'This user belongs to a service, which speaks for it; it cannot be an administrator.');
  }
  const loses = (change.status ?? 'active') !== 'active' || (change.role ?? 'admin') !== 'admin';
  if (loses && isLastAdmin(file, user)) throw lastAdminObstacle();
  const sql = 'update users set role = ?, status = ?, time_zone = ?, weight = ?, limits = ? where id = ?';
  const next = { ...user, ...change };
  file.run(sql, next.role, next.status, next.timeZone, next.weight, JSON.stringify(next.limits), userId);
  addAudit(file, audit);
  return existing(file, userId);
}

export function touchUsers(file: SystemFile, { uses }: { uses: readonly { readonly userId: string; readonly at: number }[] }): void {
  for (const { userId, at } of uses) file.run('update users set active_at = cast(? as integer) where id = ? and active_at < ?', at, userId, at);
}

export function beginUserDeletion(
  file: SystemFile,
  { userId, intent, audit }: { userId: string; intent: DeletionIntent; audit: AuditEntry },
): DeletionPlan {
  const plan = deletionPlan(file, userId);
  if (plan === undefined) throw notFound('user');
  const refusal = deletionObstacle(plan);
  if (refusal !== undefined) throw refusal;
  const at = intent.createdAt;
  file.run('update keys set revoked_at = ? where user = ? and revoked_at is null', at, userId);
  file.run('delete from members where user = ?', userId);
  file.run('update spaces set deleted_at = ? where id = ?', at, plan.personal.id);
  file.run(TOMBSTONE, DELETED_NAME, at, userId);
  noteDeletion(file, intent);
  addAudit(file, audit);
  return plan;
}

const TOMBSTONE = `
  update users set status = 'deleted', name = ?, name_key = '', role = 'member', limits = '{}', time_zone = 'UTC',
    deleted_at = ?, service_id = null, external_id = null
  where id = ?`;
