import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Cell } from '../cell/cell.ts';
import { type FileSchema, MAJOR_STEP, migrate, pragmaNumber } from '../migrations.ts';
import { syncNow } from '../sync-to-disk.ts';
import type { ThreadConfig } from './protocol.ts';
import { filesOf, spacePath } from './space-path.ts';
import { FileRefused } from './translate-error.ts';

/** A log longer than this is cut to nothing, and every checkpoint keeps at most so much of it on disk. */
const MAX_WAL_BYTES = 4 * 1024 * 1024;

/** What opening needs beside the space's key. */
export interface OpenContext {
  readonly config: ThreadConfig;
  readonly schema: FileSchema;
  /** Throws once the running call has been stopped; statements call it as `alive()`. */
  readonly alive: () => void;
  /** Told by how much the log of an open file has grown (or, below 0, shrunk), in bytes. */
  readonly onWalGrowth: (bytes: number) => void;
}

/** A space's file, open in a storage thread. Owned by the thread's cache. */
export class OpenCell implements Disposable {
  readonly cell: Cell;
  readonly space: string;
  readonly #path: string;
  readonly #writes: boolean;
  readonly #busyTimeoutMs: number;
  readonly #onWalGrowth: OpenContext['onWalGrowth'];
  #walBytes = 0;

  constructor(db: DatabaseSync, space: string, path: string, { config, onWalGrowth }: OpenContext) {
    this.cell = new Cell(db);
    this.space = space;
    this.#path = path;
    this.#writes = config.role === 'writer';
    this.#busyTimeoutMs = config.busyTimeoutMs;
    this.#onWalGrowth = onWalGrowth;
  }

  get walBytes(): number {
    return this.#walBytes;
  }

  /** Gives the memory of all pages back that no statement uses. The file is read again when it is needed. */
  releasePages(): void {
    this.cell.db.exec('PRAGMA shrink_memory');
  }

  /** To be called after commits. */
  measureWal(): void {
    this.#noteWal(sizeOf(`${this.#path}-wal`));
  }

  get walTooLong(): boolean {
    return this.#walBytes > MAX_WAL_BYTES;
  }

  /** Moves the log into the file and cuts it to nothing. Does not wait for readers: what they still need stays for the next time. */
  truncateWal(): void {
    if (this.#walBytes === 0) return;
    const { db } = this.cell;
    db.exec('PRAGMA busy_timeout = 0');
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      db.exec(`PRAGMA busy_timeout = ${this.#busyTimeoutMs}`);
    }
    this.measureWal();
  }

  [Symbol.dispose](): void {
    try {
      if (this.#writes && !this.cell.db.isTransaction) this.truncateWal();
    } catch {
      // A full or failing disk: what is committed stays in the log, which the next opening reads.
    }
    this.#noteWal(0);
    this.cell.db.close();
  }

  #noteWal(bytes: number): void {
    this.#onWalGrowth(bytes - this.#walBytes);
    this.#walBytes = bytes;
  }
}

/**
 * Opens a space's file. A writer makes it when asked to and runs the migrations it lacks; a reader never changes anything:
 * `absent` when there is no file (or none that a migration has finished), `stale` when migrations are due.
 * Refuses a file that is not ours, belongs to another space, or was made by a newer major version.
 */
export function openCell(space: string, create: boolean, context: OpenContext): OpenCell | 'absent' | 'stale' {
  const { config } = context;
  const path = spacePath(config.folder, space);
  const makes = config.role === 'writer' && create;
  const isNew = !existsSync(path);
  if (isNew && !makes) return 'absent';
  if (isNew) createFile(path);
  try {
    const opened = openExisting(space, path, makes, context);
    // A new file is durable only once the folders that name it are.
    if (isNew) for (const folder of [dirname(path), config.folder]) syncNow(folder);
    return opened;
  } catch (error) {
    if (isNew) for (const file of filesOf(path)) rmSync(file, { force: true });
    throw error;
  }
}

function openExisting(space: string, path: string, makes: boolean, context: OpenContext): OpenCell | 'absent' | 'stale' {
  const db = connect(path, context);
  let state: FileState | undefined;
  try {
    state = inSnapshot(db, () => stateOf(db, space, context.schema));
    if (state === 'current') return new OpenCell(db, space, path, context);
    if (context.config.role === 'writer' && (state === 'stale' || makes)) {
      migrate(db, context.schema, () => void db.prepare("INSERT INTO meta(key, value) VALUES ('space', ?)").run(space));
      state = 'current';
      return new OpenCell(db, space, path, context);
    }
    return state === 'empty' ? 'absent' : 'stale';
  } finally {
    if (state !== 'current') db.close();
  }
}

/** Made by us rather than by SQLite, so that it never is readable for others. */
function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'wx', 0o600));
}

function connect(path: string, { config, alive }: OpenContext): DatabaseSync {
  const reads = config.role === 'reader';
  const db = new DatabaseSync(path, {
    readOnly: reads,
    timeout: config.busyTimeoutMs,
    defensive: true,
    enableForeignKeyConstraints: true,
    allowExtension: config.vectorExtension !== undefined,
  });
  try {
    if (config.vectorExtension !== undefined) {
      db.loadExtension(config.vectorExtension);
      db.enableLoadExtension(false);
    }
    db.exec(`${reads ? READER_PRAGMAS : WRITER_PRAGMAS} PRAGMA cache_size = -${config.cacheKiB}; PRAGMA mmap_size = ${config.mmapBytes};`);
    db.function('alive', { directOnly: true }, () => {
      alive();
      return 1;
    });
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const BOTH_PRAGMAS = 'PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;';
/** The connection's time-out is set before: changing the journal mode may have to wait. */
const WRITER_PRAGMAS = `PRAGMA journal_mode = WAL; ${BOTH_PRAGMAS} PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = ${MAX_WAL_BYTES};`;
/** Readers leave checkpoints to the one writer. */
const READER_PRAGMAS = `${BOTH_PRAGMAS} PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;`;

type FileState = 'current' | 'stale' | 'empty';

/** A writer may be making the file at this moment: seen half before and half after its commit, it would look like somebody else's. */
function inSnapshot<T>(db: DatabaseSync, look: () => T): T {
  db.exec('BEGIN');
  try {
    return look();
  } finally {
    db.exec('COMMIT');
  }
}

function stateOf(db: DatabaseSync, space: string, schema: FileSchema): FileState {
  const stored = pragmaNumber(db, 'user_version');
  const applicationId = pragmaNumber(db, 'application_id');
  if (stored === 0 && applicationId === 0 && db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined) return 'empty';
  if (applicationId !== schema.applicationId) throw new FileRefused('The file of the space was not made by Polymnia.');
  const major = Math.floor(stored / MAJOR_STEP);
  if (major > schema.major) {
    throw new FileRefused(
      `The file of the space was made by a newer version (format ${major}; this one reads up to ${schema.major}). Start that version.`,
    );
  }
  const owner = db.prepare("SELECT value FROM meta WHERE key = 'space'").get()?.['value'];
  if (owner !== space) throw new FileRefused('The file of the space belongs to another space.');
  return stored < latestOf(schema) ? 'stale' : 'current';
}

function latestOf({ major, migrations }: FileSchema): number {
  return major * MAJOR_STEP + (migrations.at(-1)?.version ?? 0);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
