import type { DatabaseSync } from 'node:sqlite';

/** Versions of one major; `user_version` is `major * MAJOR_STEP + version`. */
export const MAJOR_STEP = 1000;

/** How a kind of file looks and how an older one becomes current. */
export interface FileSchema {
  /** Written into the file's header; a file with another one is refused. */
  readonly applicationId: number;
  /** A file of a higher major version is refused. */
  readonly major: number;
  /** Numbered from 1 without gaps, append-only; each runs in a transaction of its own. The first one makes the file ours. */
  readonly migrations: readonly { readonly version: number; readonly sql: string }[];
}

/**
 * Runs the steps a file lacks. A file of a later step of the same major is left as it is: steps only add. The first step's
 * transaction also says whose the file is, `onFirst` included, so that none without an owner can exist.
 */
export function migrate(db: DatabaseSync, { applicationId, major, migrations }: FileSchema, onFirst: () => void = () => {}): void {
  const done = pragmaNumber(db, 'user_version') % MAJOR_STEP;
  for (const { version, sql } of migrations) {
    if (version <= done) continue;
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(sql);
      if (done === 0 && version === migrations[0]?.version) {
        db.exec(`PRAGMA application_id = ${applicationId}`);
        onFirst();
      }
      db.exec(`PRAGMA user_version = ${major * MAJOR_STEP + version}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

/** A pragma that answers one number. */
export function pragmaNumber(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}
