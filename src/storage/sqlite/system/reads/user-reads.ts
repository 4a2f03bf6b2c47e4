import type { ApiKey, User } from '../../../../domains/identity/model.ts';
import type { CredentialRecord, DeletionPlan, IdleUser, ListPage, UserFilter } from '../../../../domains/identity/store.ts';
import type { SystemFile } from '../open-system-file.ts';
import { integer, KEY_COLUMNS, text, toKey, toUser, USER_COLUMNS } from '../rows.ts';

/** Cut off where a page starts: a place before every row. */
export const FIRST = { at: -1, id: '' } as const;

export function userById(file: SystemFile, userId: string): User | undefined {
  const row = file.get(`select ${USER_COLUMNS} from users u where u.id = ? and u.status <> 'deleted'`, userId);
  return row && toUser(row);
}

export function owner(file: SystemFile): User | undefined {
  const row = file.get(`select ${USER_COLUMNS} from users u where u.role = 'admin' and u.status = 'active' order by u.created_at, u.id limit 1`);
  return row && toUser(row);
}

export function userByExternalId(file: SystemFile, serviceId: string, externalId: string): User | undefined {
  const row = file.get(`select ${USER_COLUMNS} from users u where u.service_id = ? and u.external_id = ?`, serviceId, externalId);
  return row && toUser(row);
}

export function listUsers(file: SystemFile, filter: UserFilter, { limit, after = FIRST }: ListPage): readonly User[] {
  const whose = filter.serviceId === undefined ? "u.service_id is null and u.status <> 'deleted'" : 'u.service_id = ?';
  const named = filter.nameKey === undefined ? '' : 'and u.name_key = ?';
  const values = [filter.serviceId, filter.nameKey].filter((value) => value !== undefined);
  const sql = `select ${USER_COLUMNS} from users u where ${whose} ${named} and (u.created_at, u.id) > (?, ?) order by u.created_at, u.id limit ?`;
  return file.all(sql, ...values, after.at, after.id, limit).map(toUser);
}

/** Each with the key of its personal space. */
export function idleUsers(file: SystemFile, before: number, { limit, after = FIRST }: ListPage): readonly IdleUser[] {
  const sql = `select u.id, u.active_at, s.key from users u join spaces s on s.payer = u.id and s.kind = 'personal' and s.deleted_at is null
    where u.status <> 'deleted' and u.active_at < ? and (u.active_at, u.id) > (?, ?) order by u.active_at, u.id limit ?`;
  const rows = file.all(sql, before, after.at, after.id, limit);
  return rows.map((row) => ({ userId: text(row, 'id'), lastActiveAt: integer(row, 'active_at'), spaceKey: text(row, 'key') }));
}

/** Two look-ups by unique index in one call; the file does not change between them (no write runs on this thread). */
export function credentialByHash(file: SystemFile, hash: string): CredentialRecord | undefined {
  const keyRow = file.get(`select ${KEY_COLUMNS} from keys k where k.hash = ?`, hash);
  if (keyRow === undefined) return undefined;
  const userRow = file.get(`select ${USER_COLUMNS} from users u where u.id = ?`, text(keyRow, 'user'));
  return userRow && { key: toKey(keyRow), user: toUser(userRow) };
}

export function keyById(file: SystemFile, keyId: string): ApiKey | undefined {
  const row = file.get(`select ${KEY_COLUMNS} from keys k where k.id = ?`, keyId);
  return row && toKey(row);
}

export function listKeys(file: SystemFile, userId: string, { limit, after = FIRST }: ListPage): readonly ApiKey[] {
  const sql = `select ${KEY_COLUMNS} from keys k where k.user = ? and (k.created_at, k.id) > (?, ?) order by k.created_at, k.id limit ?`;
  return file.all(sql, userId, after.at, after.id, limit).map(toKey);
}

export function isLastAdmin(file: SystemFile, user: User): boolean {
  if (user.role !== 'admin' || user.status !== 'active') return false;
  return file.get("select 1 from users u where u.role = 'admin' and u.status = 'active' and u.id <> ? limit 1", user.id) === undefined;
}

export function countServiceUsers(file: SystemFile, serviceId: string): number {
  const row = file.get('select count(*) as n from users u where u.service_id = ?', serviceId);
  return row === undefined ? 0 : integer(row, 'n');
}

/** What deleting the user takes with it, and what stands in its way. */
export function deletionPlan(file: SystemFile, userId: string): DeletionPlan | undefined {
  const user = userById(file, userId);
  const personal = file.get("select s.id, s.key from spaces s where s.payer = ? and s.kind = 'personal' and s.deleted_at is null", userId);
  if (user === undefined || personal === undefined) return undefined;
  return {
    user,
    personal: { id: text(personal, 'id'), key: text(personal, 'key') },
    keys: file.all('select k.id from keys k where k.user = ? and k.revoked_at is null', userId).map((row) => text(row, 'id')),
    memberships: file.all(MEMBERSHIPS, userId).map((row) => ({ id: text(row, 'id'), name: text(row, 'name') })),
    blockers: file.all(BLOCKERS, userId, userId, userId).map((row) => ({
      id: text(row, 'id'),
      name: text(row, 'name'),
      reason: row['pays'] === 1 ? 'payer' : 'last_owner',
    })),
    lastAdmin: isLastAdmin(file, user),
    serviceUsers: countServiceUsers(file, userId),
  };
}

const MEMBERSHIPS = `
  select s.id, s.name from members m join spaces s on s.id = m.space
  where m.user = ? and s.kind = 'shared' and s.deleted_at is null order by s.id`;

const BLOCKERS = `
  select s.id, s.name, s.payer = ? as pays from members m join spaces s on s.id = m.space
  where m.user = ? and s.kind = 'shared' and s.deleted_at is null and m.role = 'owner'
    and (s.payer = m.user or not exists (select 1 from members o where o.space = s.id and o.role = 'owner' and o.user <> ?))
  order by s.id`;
