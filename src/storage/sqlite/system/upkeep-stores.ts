import type { SystemDatabase } from './system-database.ts';
import { integer, text } from './rows.ts';

/** Which spaces have background work, over `system.db`. `Kind` is the kinds the owner of the work knows. */
export interface SpaceWorkStore<Kind extends string> {
  /** Makes sure the row exists with a time no later than `dueAt` (UTC ms). Durable when resolved. */
  mark(space: string, kind: Kind, dueAt: number): Promise<void>;
  /** Up to `limit` rows of the kind whose time has come, earliest first. */
  due(now: number, limit: number, kind: Kind): Promise<readonly { readonly space: string; readonly kind: Kind; readonly dueAt: number }[]>;
  /**
   * Removes the row if its time is still `dueAt`, or sets it to `nextDueAt`. Every mark changes the time, so one made since
   * `dueAt` was read is never lost.
   */
  clear(space: string, kind: Kind, dueAt: number, nextDueAt?: number): Promise<void>;
}

export function createSqliteSpaceWorkStore<Kind extends string>(database: SystemDatabase): SpaceWorkStore<Kind> {
  const sql = 'select w.space, w.due_at from space_work w where w.kind = ? and w.due_at <= ? order by w.due_at, w.space limit ?';
  return {
    mark: (space, kind, dueAt) => database.write('markWork', { space, kind, dueAt }),
    due: async (now, limit, kind) =>
      database.read((file) => file.all(sql, kind, now, limit).map((row) => ({ space: text(row, 'space'), kind, dueAt: integer(row, 'due_at') }))),
    clear: (space, kind, dueAt, nextDueAt) => database.write('clearWork', { space, kind, dueAt, ...(nextDueAt !== undefined && { nextDueAt }) }),
  };
}

/** Small facts of this installation, by key. */
export interface SettingsStore {
  get(key: string): Promise<string | undefined>;
  /** Durable when resolved; undefined removes. */
  set(key: string, value: string | undefined): Promise<void>;
}

export function createSqliteSettingsStore(database: SystemDatabase): SettingsStore {
  return {
    get: async (key) => {
      const row = database.read((file) => file.get('select s.value from settings s where s.key = ?', key));
      return row && text(row, 'value');
    },
    set: (key, value) => database.write('putSetting', { key, value }),
  };
}

/** Last known storage totals. A payer and the users its service named make a group; the group's id is the service's. */
export interface StorageUsageStore {
  savedBytes(payer: string): Promise<number>;
  /** The service the payer belongs to, or the payer itself. */
  groupOf(payer: string): Promise<string>;
  groupBytes(group: string): Promise<number>;
  save(bytesByPayer: ReadonlyMap<string, number>): Promise<void>;
}

/** Totals saved in one write; more go in several. */
const SAVE_BATCH = 500;

export function createSqliteStorageUsageStore(database: SystemDatabase): StorageUsageStore {
  const number = (sql: string, ...values: string[]): number => database.read((file) => Number(file.get(sql, ...values)?.['bytes'] ?? 0));
  return {
    savedBytes: async (payer) => number('select u.bytes from storage_usage u where u.payer = ?', payer),
    groupOf: async (payer) => {
      const row = database.read((file) => file.get('select coalesce(u.service_id, u.id) as id from users u where u.id = ?', payer));
      return row === undefined ? payer : text(row, 'id');
    },
    groupBytes: async (group) => number(GROUP_BYTES, group, group),
    async save(bytesByPayer) {
      const totals = [...bytesByPayer];
      for (let from = 0; from < totals.length; from += SAVE_BATCH) {
        await database.write('saveUsage', { totals: totals.slice(from, from + SAVE_BATCH) });
      }
    },
  };
}

/** Walks the service's users, at most MAX_USERS_PER_SERVICE rows: about a millisecond for 10,000, asked for now and then. */
const GROUP_BYTES = `
  select coalesce((select sum(g.bytes) from users m join storage_usage g on g.payer = m.id where m.service_id = ?), 0)
    + coalesce((select g.bytes from storage_usage g where g.payer = ?), 0) as bytes`;
