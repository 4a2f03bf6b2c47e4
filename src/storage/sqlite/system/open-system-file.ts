import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PolymniaError } from '../../../kernel/errors.ts';
import { Cell } from '../cell/cell.ts';
import { MAJOR_STEP, migrate, pragmaNumber } from '../migrations.ts';
import { SYSTEM_APPLICATION_ID, SYSTEM_MAJOR, SYSTEM_MIGRATIONS } from './schema.ts';

const MAX_WAL_BYTES = 4 * 1024 * 1024;

/** `system.db`, open on one connection: kept statements over a database, the same as for a space's file. */
export type SystemFile = Cell;

export interface SystemFileConfig {
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly cacheKiB: number;
  readonly mmapBytes: number;
}

/** Opens the file for the one writer: makes it if need be, and runs the migrations it lacks. */
export function openSystemWriter(config: SystemFileConfig): SystemFile {
  const isNew = !existsSync(config.path);
  if (isNew) createFile(config.path);
  return configured(config, false, (db) => {
    refuseForeign(db);
    migrate(db, { applicationId: SYSTEM_APPLICATION_ID, major: SYSTEM_MAJOR, migrations: SYSTEM_MIGRATIONS });
    if (isNew) syncFolder(dirname(config.path));
  });
}

/** Opens the file for reading; a writer has opened it before. */
export function openSystemReader(config: SystemFileConfig): SystemFile {
  return configured(config, true, refuseForeign);
}

function configured(config: SystemFileConfig, readOnly: boolean, prepare: (db: DatabaseSync) => void): SystemFile {
  const db = new DatabaseSync(config.path, { readOnly, timeout: config.busyTimeoutMs, defensive: true, enableForeignKeyConstraints: true });
  try {
    db.exec(`${readOnly ? READER_PRAGMAS : WRITER_PRAGMAS} PRAGMA cache_size = -${config.cacheKiB}; PRAGMA mmap_size = ${config.mmapBytes};`);
    prepare(db);
    return new Cell(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

const BOTH_PRAGMAS = 'PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;';
const WRITER_PRAGMAS = `PRAGMA journal_mode = WAL; ${BOTH_PRAGMAS} PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = ${MAX_WAL_BYTES};`;
const READER_PRAGMAS = `${BOTH_PRAGMAS} PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;`;

/** Made by us rather than by SQLite, so that it never is readable for others. */
function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'wx', 0o600));
}

/** A new file is durable only once its folder is. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function refuseForeign(db: DatabaseSync): void {
  const stored = pragmaNumber(db, 'user_version');
  const applicationId = pragmaNumber(db, 'application_id');
  if (stored === 0 && applicationId === 0 && db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined) return;
  if (applicationId !== SYSTEM_APPLICATION_ID) throw new PolymniaError('storage_unavailable', 'The file system.db was not made by Polymnia.');
  const major = Math.floor(stored / MAJOR_STEP);
  if (major <= SYSTEM_MAJOR) return;
  throw new PolymniaError(
    'storage_unavailable',
    `The file system.db was made by a newer version (format ${major}; this one reads up to ${SYSTEM_MAJOR}). Start that version.`,
  );
}
