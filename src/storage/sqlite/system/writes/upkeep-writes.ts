import type { SystemFile } from '../open-system-file.ts';

/**
 * Each mark changes the time, if only by a millisecond to the earlier: who clears by the time read before then finds that
 * there was a mark in between, even one for a later time.
 */
export function markWork(file: SystemFile, { space, kind, dueAt }: { space: string; kind: string; dueAt: number }): void {
  const sql = `insert into space_work (space, kind, due_at) values (?, ?, ?)
    on conflict do update set due_at = min(due_at - 1, excluded.due_at)`;
  file.run(sql, space, kind, dueAt);
}

interface ClearWork {
  readonly space: string;
  readonly kind: string;
  readonly dueAt: number;
  readonly nextDueAt?: number;
}

export function clearWork(file: SystemFile, { space, kind, dueAt, nextDueAt }: ClearWork): void {
  if (nextDueAt === undefined) file.run('delete from space_work where space = ? and kind = ? and due_at = ?', space, kind, dueAt);
  else file.run('update space_work set due_at = ? where space = ? and kind = ? and due_at = ?', nextDueAt, space, kind, dueAt);
}

export function putSetting(file: SystemFile, { key, value }: { key: string; value: string | undefined }): void {
  if (value === undefined) file.run('delete from settings where key = ?', key);
  else file.run('insert into settings (key, value) values (?, ?) on conflict do update set value = excluded.value', key, value);
}

/** Users that are gone are passed over. */
export function saveUsage(file: SystemFile, { totals }: { totals: readonly (readonly [payer: string, bytes: number])[] }): void {
  const sql = `insert into storage_usage (payer, bytes) select u.id, cast(? as integer) from users u where u.id = ? and u.status <> 'deleted'
    on conflict do update set bytes = excluded.bytes`;
  for (const [payer, bytes] of totals) file.run(sql, bytes, payer);
}
