import { closeSync, constants, copyFileSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { PolymniaError } from '../../../kernel/errors.ts';
import { SEGMENT_VERSION } from './segment-schema.ts';

/** Of dirty and read pages, KiB. Pages are written in about the order of the rows, so that little is read again. */
const CACHE_KIB = 8192;

/**
 * A database that is written once and then only read: no journal and no syncing while it is filled, since nobody sees it before
 * it is sealed. A crash leaves a file that no manifest names.
 */
export class WriteOnceFile implements Disposable {
  readonly path: string;
  readonly #db: DatabaseSync;

  private constructor(path: string, db: DatabaseSync) {
    this.path = path;
    this.#db = db;
  }

  /** Makes the file, which must not be there yet. Errors: `storage_unavailable`. */
  static create(path: string, schema: string): WriteOnceFile {
    return attempt(path, () => {
      closeSync(openSync(path, 'wx', 0o600));
      return new WriteOnceFile(path, open(path, `pragma user_version = ${SEGMENT_VERSION}; ${schema}`));
    });
  }

  /** Begins with what another one holds; that one is left as it is. */
  static copyOf(other: string, path: string): WriteOnceFile {
    return attempt(path, () => {
      copyFileSync(other, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      return new WriteOnceFile(path, open(path, ''));
    });
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  exec(sql: string): void {
    attempt(this.path, () => this.#db.exec(sql));
  }

  /** Closes it: it can be read now, and is on disk after `syncGeneration`. */
  seal(): void {
    attempt(this.path, () => {
      this.#db.exec('commit');
      this.#db.close();
    });
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

function open(path: string, then: string): DatabaseSync {
  // A defensive connection cannot be without a journal.
  const db = new DatabaseSync(path, { defensive: false, enableForeignKeyConstraints: false });
  db.exec(
    `pragma locking_mode = exclusive; pragma journal_mode = off; pragma synchronous = off;
     pragma cache_size = -${CACHE_KIB}; pragma trusted_schema = off; begin exclusive; ${then}`,
  );
  return db;
}

/** Runs what touches an index file; its trouble is the disk's. */
export function attempt<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof PolymniaError) throw error;
    const name = path.slice(path.lastIndexOf('/') + 1);
    throw new PolymniaError('storage_unavailable', `The index file ${name} could not be read or written.`, { cause: error });
  }
}
