import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, readFile, rm, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { platform } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { orAbort } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { Check } from '../cli-deps.ts';
import { SERVER_FILE } from '../find-server.ts';
import { formatBytes } from '../human-values.ts';
import { systemCode } from '../../../kernel/errors.ts';

const NEEDED_MAJOR = 26;
const NEEDED_MINOR = 10;

/** Is this the runtime Polymnia is made for? */
export function checkRuntime(nodeVersion: string): Check {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const ok = major > NEEDED_MAJOR || (major === NEEDED_MAJOR && minor >= NEEDED_MINOR);
  return {
    name: 'runtime',
    ok,
    detail: ok
      ? `Node ${nodeVersion}`
      : `Node ${nodeVersion}; run "npm ci" in Polymnia's folder, it brings Node ${NEEDED_MAJOR}.${NEEDED_MINOR} along`,
  };
}

/** Rights of group and others. */
const SHARED_BITS = 0o077;

/** May this user write the data folder, and nobody else look into it? */
export async function checkFolder(dataDir: string): Promise<Check> {
  const name = 'data folder';
  const about = await stat(dataDir).catch(() => undefined);
  if (about === undefined) {
    const parent = await existingParent(dataDir);
    const ok = await isWritable(parent);
    return {
      name,
      ok,
      detail: ok
        ? `${dataDir} will be made at the first start`
        : `${dataDir} does not exist, and ${parent} is not writable; choose another --data-dir`,
    };
  }
  if (!about.isDirectory()) return { name, ok: false, detail: `${dataDir} is no folder; choose another --data-dir` };
  if (!(await isWritable(dataDir)))
    return { name, ok: false, detail: `${dataDir} is not writable for this user; run as its owner or change the owner` };
  const exposed = await openToOthers([dataDir, join(dataDir, SERVER_FILE)]);
  if (exposed.length > 0)
    return { name, ok: false, detail: `others on this machine can reach ${exposed.join(' and ')}; run: chmod go-rwx ${exposed.join(' ')}` };
  return { name, ok: true, detail: `${dataDir}, for this user only` };
}

async function openToOthers(paths: readonly string[]): Promise<readonly string[]> {
  const modes = await Promise.all(paths.map(async (path) => ({ path, mode: (await stat(path).catch(() => undefined))?.mode ?? 0 })));
  return platform() === 'win32' ? [] : modes.filter(({ mode }) => (mode & SHARED_BITS) !== 0).map(({ path }) => path);
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function existingParent(path: string): Promise<string> {
  const parent = dirname(path);
  const exists = await stat(parent).then(
    () => true,
    () => false,
  );
  return exists || parent === path ? parent : existingParent(parent);
}

/** Does a process hold the data folder, although no server answers? Looked for only then: a look needs the lock for a moment. */
export async function checkLock(dataDir: string, answers: boolean): Promise<Check> {
  const name = 'lock';
  if (answers) return { name, ok: true, detail: 'held by the running server' };
  const path = join(dataDir, 'lock.db');
  if (
    !(await stat(path).then(
      () => true,
      () => false,
    ))
  )
    return { name, ok: true, detail: 'never taken' };
  if (isFree(path)) return { name, ok: true, detail: 'free' };
  return {
    name,
    ok: false,
    detail: `a process holds ${dataDir}, but no server answers; wait if it is starting or stopping, else look for it with: fuser ${path}`,
  };
}

const SQLITE_BUSY = 5;

function isFree(path: string): boolean {
  try {
    using lock = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    lock.prepare('SELECT count(*) FROM sqlite_schema').get();
    return true;
  } catch (error) {
    return !(error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY);
  }
}

const MIN_FREE_BYTES = 1024 ** 3;

/** Is there room for what is to come? */
export async function checkSpace(dataDir: string): Promise<Check> {
  const folder = await existingFolder(dataDir);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const ok = free >= MIN_FREE_BYTES;
  return {
    name: 'disk space',
    ok,
    detail: `${formatBytes(free)} free${ok ? '' : `; make room on the disk of ${folder}, writes are refused when it is full`}`,
  };
}

const SYNC_ROUNDS = 15;
const SLOW_SYNC_MS = 50;

/** How long one durable write waits for the disk: the median of a few. */
export async function checkSync(dataDir: string, clock: Clock): Promise<Check> {
  const name = 'disk speed';
  const folder = await existingFolder(dataDir);
  const path = join(folder, `.doctor-${randomUUID()}`);
  try {
    const times = await syncTimes(path, clock);
    const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    const ok = median <= SLOW_SYNC_MS;
    return {
      name,
      ok,
      detail: `a durable write takes ${median.toFixed(1)} ms${ok ? '' : '; put the data folder on a local SSD, stores wait for this'}`,
    };
  } catch (error) {
    return {
      name,
      ok: false,
      detail: `no file can be written in ${folder} (${systemCode(error) ?? 'unknown error'})`,
    };
  } finally {
    await rm(path, { force: true });
  }
}

async function syncTimes(path: string, clock: Clock): Promise<readonly number[]> {
  await using handle = await open(path, 'wx', 0o600);
  const page = Buffer.alloc(4096, 1);
  const times: number[] = [];
  for (let round = 0; round < SYNC_ROUNDS; round++) {
    const startedAt = clock.monotonic();
    await handle.write(page, 0, page.length, 0);
    await handle.sync();
    times.push(clock.monotonic() - startedAt);
  }
  return times;
}

async function existingFolder(dataDir: string): Promise<string> {
  const isThere = await stat(dataDir).then(
    (about) => about.isDirectory(),
    () => false,
  );
  return isThere ? dataDir : existingParent(dataDir);
}

/** Can a server listen there? Asked only when none runs. */
export async function checkPort(host: string, port: number, signal: AbortSignal): Promise<Check> {
  const name = 'port';
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown error'));
  server.listen({ host, port, exclusive: true }, () => resolve(undefined));
  try {
    const code = await orAbort(promise, signal);
    if (code === undefined) return { name, ok: true, detail: `${host}:${port} is free` };
    const advice =
      code === 'EADDRINUSE'
        ? 'another program listens there; stop it or choose another --port'
        : `cannot be listened on (${code}); check --host and --port`;
    return { name, ok: false, detail: `${host}:${port}: ${advice}` };
  } finally {
    server.close();
  }
}

const MIN_FILES = 4096;

/** How many files a process may have open; every connection and every open space is one. Linux says it in a file. */
export async function checkOpenFiles(): Promise<Check> {
  const name = 'open files';
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const found = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1];
  if (found === undefined) return { name, ok: true, detail: 'the limit is not shown by this system; look with: ulimit -n' };
  const ok = found === 'unlimited' || Number(found) >= MIN_FILES;
  return { name, ok, detail: `at most ${found}${ok ? '' : `; allow ${MIN_FILES * 16} with: ulimit -n ${MIN_FILES * 16}`}` };
}
