import type { SQLInputValue } from 'node:sqlite';
import type { AuditRow, DeletionIntent, Member, Space } from '../../../../domains/identity/model.ts';
import type { AuditFilter, ListPage, SpaceTarget } from '../../../../domains/identity/store.ts';
import type { Role, SpaceAccess } from '../../../../kernel/operation.ts';
import type { SystemFile } from '../open-system-file.ts';
import { ACCESS_COLUMNS, integer, SPACE_COLUMNS, text, toAccess, toAuditRow, toIntent, toMember, toSpace } from '../rows.ts';
import { FIRST } from './user-reads.ts';

const ACCESS = `
  select ${ACCESS_COLUMNS} from spaces s join members m on m.space = s.id join users p on p.id = s.payer
  where m.user = ? and s.deleted_at is null`;

export function access(file: SystemFile, userId: string, target: SpaceTarget): SpaceAccess | undefined {
  const row = accessRow(file, userId, target);
  return row && toAccess(row);
}

function accessRow(file: SystemFile, userId: string, target: SpaceTarget): ReturnType<SystemFile['get']> {
  switch (target.by) {
    case 'personal':
      return file.get(`${ACCESS} and s.kind = 'personal' and s.payer = ?`, userId, userId);
    case 'id':
      return file.get(`${ACCESS} and s.id = ?`, userId, target.id);
    case 'key':
      return file.get(`${ACCESS} and s.key = ?`, userId, target.key);
  }
}

export function accesses(file: SystemFile, userId: string): readonly SpaceAccess[] {
  return file.all(`${ACCESS} order by s.kind, s.id`, userId).map(toAccess);
}

export function account(file: SystemFile, spaceKey: string): SpaceAccess | undefined {
  const sql = `select s.id, s.key, s.kind, s.payer, s.conversation_retention, 'reader' as role, p.limits as payer_limits
    from spaces s join users p on p.id = s.payer where s.key = ? and s.deleted_at is null`;
  const row = file.get(sql, spaceKey);
  return row && toAccess(row);
}

export function spaceById(file: SystemFile, spaceId: string): Space | undefined {
  const row = file.get(`select ${SPACE_COLUMNS} from spaces s where s.id = ? and s.deleted_at is null`, spaceId);
  return row && toSpace(row);
}

export function listSpaces(
  file: SystemFile,
  userId: string | undefined,
  { limit, after = FIRST }: ListPage,
): readonly (Space & { readonly role?: Role })[] {
  const rest = 's.deleted_at is null and (s.created_at, s.id) > (?, ?) order by s.created_at, s.id limit ?';
  if (userId === undefined) {
    return file.all(`select ${SPACE_COLUMNS} from spaces s where s.kind = 'shared' and ${rest}`, after.at, after.id, limit).map(toSpace);
  }
  const sql = `select ${SPACE_COLUMNS}, m.role from members m join spaces s on s.id = m.space where m.user = ? and ${rest}`;
  return file.all(sql, userId, after.at, after.id, limit).map((row) => ({ ...toSpace(row), role: text(row, 'role') as Role }));
}

export function spacesPaidBy(file: SystemFile, userId: string): readonly string[] {
  return file.all('select s.key from spaces s where s.payer = ? and s.deleted_at is null order by s.id', userId).map((row) => text(row, 'key'));
}

export function listMembers(file: SystemFile, spaceId: string, { limit, after = FIRST }: ListPage): readonly Member[] {
  const sql = `select m.user, u.name, m.role, m.since from members m join users u on u.id = m.user
    where m.space = ? and (m.since, m.user) > (?, ?) order by m.since, m.user limit ?`;
  return file.all(sql, spaceId, after.at, after.id, limit).map(toMember);
}

/** Walks the members, at most `IDENTITY_LIMITS.membersPerSpace`. */
export function spaceActiveAt(file: SystemFile, spaceId: string): number | undefined {
  const row = file.get('select max(u.active_at) as at from members m join users u on u.id = m.user where m.space = ?', spaceId);
  return row === undefined || row['at'] === null ? undefined : integer(row, 'at');
}

export function memberOf(file: SystemFile, spaceId: string, userId: string): Member | undefined {
  const sql = 'select m.user, u.name, m.role, m.since from members m join users u on u.id = m.user where m.space = ? and m.user = ?';
  const row = file.get(sql, spaceId, userId);
  return row && toMember(row);
}

export function listAudit(file: SystemFile, filter: AuditFilter, { limit, after }: ListPage): readonly AuditRow[] {
  const given: [string, SQLInputValue | undefined][] = [
    ['a.actor = ?', filter.actor],
    ['a.subject = ?', filter.subject],
    ['a.id < ?', after && Number(after.id)],
  ];
  const parts = given.filter(([, value]) => value !== undefined);
  const where = parts.length === 0 ? '' : `where ${parts.map(([sql]) => sql).join(' and ')}`;
  const values = parts.map(([, value]) => value ?? null);
  const sql = `select a.id, a.at, a.actor, a.credential, a.action, a.subject, a.facts from audit a ${where} order by a.id desc limit ?`;
  return file.all(sql, ...values, limit).map(toAuditRow);
}

export function openDeletions(file: SystemFile): readonly DeletionIntent[] {
  return file.all("select i.payload from intents i where i.kind = 'deletion' order by i.created_at, i.id").map(toIntent);
}
