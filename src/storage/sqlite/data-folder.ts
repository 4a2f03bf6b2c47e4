import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PolymniaError, systemCode } from '../../kernel/errors.ts';
import { syncFolder } from './sync-to-disk.ts';
import { sqliteFamily } from './threads/translate-error.ts';

/** How clients on the same machine find and enter the running server. */
export interface ServerFile {
  readonly pid: number;
  readonly url: string;
  /** Key of the local command line. Secret: the file is readable by its owner only. */
  readonly key: string;
}

const SQLITE_BUSY = 5;

/**
 * The folder that holds everything stored, owned by one process: an exclusive lock on `lock.db`, held from `open` to dispose
 * by the operating system, so that a killed owner leaves nothing to clean up.
 */
export class DataFolder implements AsyncDisposable {
  /** Absolute. */
  readonly path: string;
  #lock: DatabaseSync | undefined;
  #published = false;

  private constructor(path: string, lock: DatabaseSync) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder if need be (for its owner only) and takes the lock. Errors: `conflict` naming the process and address
   * of the owner when there is one; `storage_unavailable` when the folder cannot be written.
   */
  static async open(path: string): Promise<DataFolder> {
    const folder = resolve(path);
    try {
      await makeFolder(folder);
      await makeLockFile(join(folder, 'lock.db'));
    } catch (error) {
      throw notWritable(folder, error);
    }
    const lock = await takeLock(folder);
    try {
      await rm(join(folder, 'server.json'), { force: true });
      for (const name of ['spaces', 'archive', 'repos', 'spool', 'tmp']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
      await syncFolder(folder);
    } catch (error) {
      lock.close();
      throw notWritable(folder, error);
    }
    return new DataFolder(folder, lock);
  }

  get systemDb(): string {
    return join(this.path, 'system.db');
  }

  get spaces(): string {
    return join(this.path, 'spaces');
  }

  /** Packed files of spaces whose users have been away for long. */
  get archive(): string {
    return join(this.path, 'archive');
  }

  /** Import uploads that wait to be read. */
  get spool(): string {
    return join(this.path, 'spool');
  }

  /** Code indexes and bare clones. Made from sources, so no backup holds them. */
  get repos(): string {
    return join(this.path, 'repos');
  }

  get tmp(): string {
    return join(this.path, 'tmp');
  }

  /** Writes `server.json`, whole or not at all, readable by its owner only. It goes at dispose. */
  async publish(server: ServerFile): Promise<void> {
    const path = join(this.path, 'server.json');
    const draft = `${path}.${server.pid}.tmp`;
    await rm(draft, { force: true });
    {
      await using handle = await open(draft, 'wx', 0o600);
      await handle.writeFile(`${JSON.stringify(server)}\n`);
      await handle.sync();
    }
    await rename(draft, path);
    await syncFolder(this.path);
    this.#published = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    if (this.#published) await rm(join(this.path, 'server.json'), { force: true });
    this.#published = false;
    lock?.close();
  }
}

/** What the running server of a data folder published; undefined when there is nothing, or nothing that can be read as that. */
export async function readServerFile(dataFolder: string): Promise<ServerFile | undefined> {
  let text: string;
  try {
    text = await readFile(join(dataFolder, 'server.json'), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw new PolymniaError('storage_unavailable', `The file server.json in ${dataFolder} cannot be read.`, { cause: error });
  }
  return parseServerFile(text);
}

function parseServerFile(text: string): ServerFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, url, key } = value as Partial<Record<keyof ServerFile, unknown>>;
  return typeof pid === 'number' && typeof url === 'string' && typeof key === 'string' ? { pid, url, key } : undefined;
}

/** With what is missing above it. Not `recursive`: under a folder that exists but takes none, such as /proc, that never ends. */
async function makeFolder(folder: string): Promise<void> {
  const failure = await tryMakeFolder(folder);
  if (failure === 'ENOENT' && dirname(folder) !== folder) {
    await makeFolder(dirname(folder));
    await mkdir(folder, { mode: 0o700 });
  }
}

async function tryMakeFolder(folder: string): Promise<'ENOENT' | undefined> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return undefined;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return code;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}

/** An existing one must not be opened outside SQLite: closing it would drop every lock this process has on it (POSIX). */
async function makeLockFile(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

/** Journal mode DELETE: in WAL mode an exclusive transaction would not keep others from opening the file. */
async function takeLock(folder: string): Promise<DatabaseSync> {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 });
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    throw sqliteFamily(error) === SQLITE_BUSY ? await alreadyOwned(folder, error) : notWritable(folder, error);
  }
}

async function alreadyOwned(folder: string, cause: unknown): Promise<PolymniaError> {
  const owner = await readServerFile(folder).catch(() => undefined);
  const who = owner === undefined ? 'another process' : `process ${owner.pid}, which answers at ${owner.url}`;
  const details = owner === undefined ? {} : { details: { pid: owner.pid, url: owner.url } };
  return new PolymniaError('conflict', `The data folder ${folder} is in use by ${who}. Use that server, stop it, or choose another DATA_DIR.`, {
    ...details,
    cause,
  });
}

function notWritable(folder: string, cause: unknown): PolymniaError {
  const code = cause instanceof Error && 'errstr' in cause ? cause.errstr : cause instanceof Error && 'code' in cause ? cause.code : 'unknown error';
  const reason = code === 'ENOSPC' ? 'its disk is full' : `${String(code)}: DATA_DIR must name a folder this process may write`;
  return new PolymniaError('storage_unavailable', `The data folder ${folder} cannot be written (${reason}).`, { cause });
}
