import { mkdir, open, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fixtureFiles, recordingLogger, spaceKey, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import type { PolymniaError } from '../../kernel/errors.ts';
import type { SpaceFiles, SpaceFilesOptions } from './space-files.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let files: SpaceFiles;
let spaces = 0;
/** Two spaces of the test's own, in different writers. */
let A: string;
let B: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  files = fixtureFiles(folder.path);
});

beforeEach(() => {
  A = `ab${spaceKey(++spaces).slice(2)}`;
  B = `cd${spaceKey(++spaces).slice(2)}`;
});

afterAll(async () => {
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Closes everything and begins again on the same folder. */
async function reopen(options: Partial<SpaceFilesOptions> = {}): Promise<void> {
  await files[Symbol.asyncDispose]();
  files = fixtureFiles(folder.path, options);
}

const put = (space: string, key: string, value = 'v', extra = {}): Promise<string> =>
  files.write('put', storeCall(space, 'usr_a', extra), { key, value });
const get = (space: string, key: string): Promise<string | undefined> => files.read<string | undefined>('get', storeCall(space), { key }, undefined);
const count = (space: string): Promise<number> => files.read('count', storeCall(space), undefined, 0);

/** Handles of database files that this process has open; 0 where the system does not tell. */
async function openHandles(under: string): Promise<number> {
  const handles = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(under) && target.endsWith('.db')).length;
}
const lifecycle = { holder: 'test', signal: new AbortController().signal };

describe('reading and writing', () => {
  it('reads what was just written, on whichever reader', async () => {
    for (let n = 0; n < 20; n++) {
      await put(A, 'k', `value ${n}`);
      expect(await Promise.all([get(A, 'k'), get(A, 'k')])).toEqual([`value ${n}`, `value ${n}`]);
    }
  });

  it('answers for a space without a file, and makes none by reading', async () => {
    expect(await files.read('count', storeCall(A), undefined, -1)).toBe(-1);
    expect(await files.write('put', storeCall(A), { key: 'k', value: 'v' }, { absent: { answer: 'nothing' } })).toBe('nothing');
    expect(await files.exists(A)).toBe(false);
    expect(await files.fileBytes(A)).toBe(0);
  });

  it('finds a file nobody has yet or a whole one, however it reads into its making', async () => {
    for (let n = 0; n < 150; n++) {
      const space = `ef${spaceKey(++spaces).slice(2)}`;
      const made = put(space, 'k');
      const reads: Promise<number>[] = [];
      for (let turn = 0; turn < 8; turn++) {
        reads.push(count(space));
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const found of await Promise.all(reads)) expect([0, 1]).toContain(found);
      await made;
    }
  });

  it('keeps spaces apart and lists those that have a file', async () => {
    await Promise.all([put(A, 'k', 'of a'), put(B, 'k', 'of b')]);
    expect([await get(A, 'k'), await get(B, 'k')]).toEqual(['of a', 'of b']);
    const listed = await Array.fromAsync(files.list());
    expect(listed).toEqual(expect.arrayContaining([A, B]));
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('makes files that only their owner can read, in folders by the first digits', async () => {
    await put(A, 'k');
    const path = join(folder.path, 'spaces', A.slice(0, 2));
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(path)) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
  });

  it('opens files as the design says', async () => {
    await put(A, 'k');
    const pragma = { synchronous: 2, foreign_keys: 1, trusted_schema: 0, busy_timeout: 2000, cache_size: -256, mmap_size: 0 };
    for (const [name, value] of Object.entries(pragma)) {
      expect(await files.read('pragma', storeCall(A), { name }, -1), name).toBe(value);
      expect(await files.write('pragma', storeCall(A), { name }), name).toBe(value);
    }
    expect(await files.write('pragma', storeCall(A), { name: 'secure_delete' })).toBe(1);
    expect(await files.read('pragma', storeCall(A), { name: 'query_only' }, -1)).toBe(1);
    await expect(files.read('writes', storeCall(A), undefined, -1)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('refuses a key that is no space key', async () => {
    await expect(files.read('count', storeCall('../../etc'), undefined, 0)).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('writes that wait together', () => {
  it('are committed together', async () => {
    await put(A, 'first');
    const before = files.stats();
    await Promise.all(Array.from({ length: 200 }, (_, n) => put(A, `k${n}`)));
    const { commits, committedCalls } = files.stats();
    expect(committedCalls - before.committedCalls).toBe(200);
    expect(commits - before.commits).toBeLessThan(50);
    expect(await count(A)).toBe(201);
  });

  it('fail alone', async () => {
    await put(A, 'first');
    const { commits } = files.stats();
    const calls = Array.from({ length: 30 }, (_, n) => {
      const method = ['put', 'putThenFail', 'putThenBreak'][n % 3] ?? '';
      return files.write(method, storeCall(A), { key: `k${n}`, value: 'v' });
    });
    const ends = await Promise.allSettled(calls);
    const codes = ends.map((end) => (end.status === 'fulfilled' ? 'ok' : (end.reason as PolymniaError).code));
    expect(codes).toEqual(Array.from({ length: 30 }, (_, n) => ['ok', 'conflict', 'internal'][n % 3]));
    expect(await count(A)).toBe(11);
    expect(files.stats().commits - commits).toBeLessThan(10);
  });

  it('keep details of a failure, and never show content of an unexpected one', async () => {
    await expect(files.write('putThenFail', storeCall(A), { key: 'k', value: 'v' })).rejects.toMatchObject({
      message: 'as asked',
      details: { key: 'k' },
    });
    const error = await files.write('putThenBreak', storeCall(A), { key: 'k', value: 'secret text' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'internal', cause: expect.stringContaining('SQL logic error') });
    expect(inspect(error)).not.toContain('secret text');
  });
});

describe('idempotency', () => {
  const idempotency = { user: 'usr_a', operation: 'put', key: 'once', inputHash: 'h1' };

  it('answers the same key and input as the first time, without doing it again', async () => {
    expect(await put(A, 'one', 'v', { idempotency })).toBe('one');
    expect(await put(A, 'two', 'v', { idempotency })).toBe('one');
    expect(await count(A)).toBe(1);
  });

  it('does it once, however many ask at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put(A, `k${n}`, 'v', { idempotency })));
    expect(new Set(answers).size).toBe(1);
    expect(await count(A)).toBe(1);
  });

  it('refuses the key with another input, and leaves other users and operations alone', async () => {
    await put(A, 'one', 'v', { idempotency });
    await expect(put(A, 'two', 'v', { idempotency: { ...idempotency, inputHash: 'h2' } })).rejects.toMatchObject({ code: 'conflict' });
    await put(A, 'three', 'v', { idempotency: { ...idempotency, user: 'usr_b', inputHash: 'h2' } });
    await put(A, 'four', 'v', { idempotency: { ...idempotency, operation: 'other', inputHash: 'h2' } });
    expect(await count(A)).toBe(3);
  });

  it('forgets after its time, and keeps nothing of a write that failed', async () => {
    await files.write('nothing', storeCall(A, 'usr_a', { idempotency }), undefined);
    expect(await put(A, 'one', 'v', { idempotency })).toBe(undefined);
    const later = Date.now() + 61_000;
    expect(await put(A, 'two', 'v', { idempotency, now: later })).toBe('two');
    const other = { ...idempotency, key: 'failing' };
    await expect(files.write('putThenFail', storeCall(A, 'usr_a', { idempotency: other }), { key: 'x', value: '' })).rejects.toThrow('as asked');
    expect(await put(A, 'three', 'v', { idempotency: other })).toBe('three');
  });
});

describe('the life of a file', () => {
  it('is closed everywhere and deleted with its log, and no late write makes it anew', async () => {
    await put(A, 'k');
    await Promise.all([get(A, 'k'), get(A, 'k')]);
    expect(await files.drop(A, lifecycle)).toBe(true);
    expect((await readdir(join(folder.path, 'spaces', 'ab'))).filter((name) => name.startsWith(A))).toEqual([]);
    expect(await get(A, 'k')).toBe(undefined);
    expect(await files.drop(A, lifecycle)).toBe(false);
    await expect(put(A, 'k', 'new')).rejects.toMatchObject({ code: 'not_found' });
    expect(await files.exists(A)).toBe(false);
  });

  it('is not dropped under a running call, and calls that come later see it gone', async () => {
    await put(A, 'k');
    const running = files.read('spin', storeCall(A), { ms: 50 }, undefined);
    const dropped = files.drop(A, lifecycle);
    const later = get(A, 'k');
    await running;
    expect(await dropped).toBe(true);
    expect(await later).toBe(undefined);
  });

  it('ends with all files closed and nothing left in a log', async () => {
    await Promise.all([put(A, 'k'), put(B, 'k')]);
    await Promise.all([get(A, 'k'), get(B, 'k')]);
    await files[Symbol.asyncDispose]();
    const left = await readdir(join(folder.path, 'spaces', 'ab'));
    expect(left.filter((name) => name.startsWith(A))).toEqual([`${A}.db`]);
    for (const name of left.filter((other) => other.endsWith('-wal'))) expect((await stat(join(folder.path, 'spaces', 'ab', name))).size).toBe(0);
    await expect(put(A, 'k')).rejects.toMatchObject({ code: 'overloaded' });
    await reopen();
    expect(await count(A)).toBe(1);
  });

  it('never has more files open than asked', async () => {
    await reopen({ openFiles: 4, readerFiles: 4 });
    const many = Array.from({ length: 30 }, (_, n) => spaceKey(n));
    await Promise.all(many.map((space) => put(space, 'k')));
    await Promise.all(many.map((space) => get(space, 'k')));
    const { readers, writers } = files.stats();
    expect(readers.openFiles).toBeLessThanOrEqual(8);
    expect(writers.openFiles).toBeLessThanOrEqual(8);
    // SQLite keeps the handle of a closed connection while another of this process has locks on the same file.
    expect(await openHandles(folder.path)).toBeLessThanOrEqual(8 * 3);
  });

  it('keeps the log short, and empties it when nothing is left to do', async () => {
    await files.write('putAll', storeCall(A), { rows: 300, bytes: 40_000 });
    await put(A, 'after');
    expect(files.stats().walBytes).toBeLessThan(5 * 1024 * 1024);
    await expect.poll(() => files.stats().walBytes, { timeout: 5000, interval: 20 }).toBe(0);
  });
});

const path = (space: string): string => join(folder.path, 'spaces', space.slice(0, 2), `${space}.db`);

async function change(space: string, sql: string): Promise<void> {
  await put(space, 'k');
  await files[Symbol.asyncDispose]();
  using db = new DatabaseSync(path(space));
  db.exec(sql);
}

async function refusal(space: string): Promise<readonly string[]> {
  const logger = recordingLogger();
  await reopen({ logger });
  await expect(put(space, 'k')).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(get(space, 'k')).rejects.toMatchObject({ code: 'storage_unavailable' });
  return logger.errors;
}

describe('files that are not right', () => {
  it('of another space: refused and reported', async () => {
    await change(A, `UPDATE meta SET value = '${B}' WHERE key = 'space'`);
    expect(await refusal(A)).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('belongs to another space')));
  });

  it('of a newer major version: refused with a sentence', async () => {
    await change(A, 'PRAGMA user_version = 3001');
    expect((await refusal(A))[0]).toContain('newer version (format 3; this one reads up to 2)');
  });

  it('of another program, and no database at all: refused', async () => {
    await change(A, 'PRAGMA application_id = 1');
    expect((await refusal(A))[0]).toContain('not made by Polymnia');
    await files[Symbol.asyncDispose]();
    await mkdir(join(folder.path, 'spaces', B.slice(0, 2)), { recursive: true });
    await writeFile(path(B), 'x'.repeat(8192));
    expect((await refusal(B))[0]).toContain('no database');
  });

  it('of a later version of the same major: served', async () => {
    await change(A, 'PRAGMA user_version = 2099; CREATE TABLE later (x)');
    await reopen();
    expect(await get(A, 'k')).toBe('v');
    await put(A, 'k', 'w');
    expect(await get(A, 'k')).toBe('w');
  });

  it('of an earlier version: brought up to date by the first call, be it a read', async () => {
    await change(A, 'PRAGMA user_version = 2001; DROP TABLE items');
    await reopen();
    expect(await count(A)).toBe(0);
    await files[Symbol.asyncDispose]();
    using db = new DatabaseSync(path(A));
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2002 });
  });

  it('sound ones pass the integrity check, damaged ones do not', async () => {
    await reopen();
    await files.write('putAll', storeCall(A), { rows: 200, bytes: 500 });
    const { signal } = lifecycle;
    expect(await files.integrity(A, signal)).toEqual([]);
    expect(await files.integrity(B, signal)).toEqual([]);
    await files[Symbol.asyncDispose]();
    {
      await using handle = await open(path(A), 'r+');
      await handle.write(Buffer.alloc(4096 * 6, 0xff), 0, 4096 * 6, 4096 * 8);
    }
    await reopen();
    expect((await files.integrity(A, signal)).length).toBeGreaterThan(0);
  });
});
