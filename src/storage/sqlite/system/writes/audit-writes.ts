import { type AuditEntry, IDENTITY_LIMITS } from '../../../../domains/identity/model.ts';
import type { SystemFile } from '../open-system-file.ts';

/** Old rows are looked for once in so many. */
const PRUNE_EVERY = 1000;

/** Adds one row, in the transaction of what it tells about. */
export function addAudit(file: SystemFile, { at, actor, credential, action, subject, facts }: AuditEntry): void {
  const sql = 'insert into audit (at, actor, credential, action, subject, facts) values (?, ?, ?, ?, ?, ?) returning id';
  const row = file.get(sql, at, actor, credential, action, subject, JSON.stringify(facts));
  const id = Number(row?.['id'] ?? 0);
  if (id % PRUNE_EVERY === 0) file.run('delete from audit where id <= ?', id - IDENTITY_LIMITS.auditRows);
}
