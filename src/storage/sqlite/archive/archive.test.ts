import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, readlink, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryHarness, personalSpace } from '../../../../test/support/memory-harness.ts';
import { fixtureFiles, recordingLogger, spaceKey, storeCall, temporaryFolder } from '../../../../test/support/storage.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import type { SpaceFiles, SpaceFilesOptions } from '../space-files.ts';
import { archivePath, draftPath, spacePath } from '../threads/space-path.ts';
import { packAway } from './packing.ts';
import { SpaceArchive } from './space-archive.ts';

const A = `ab${spaceKey(1).slice(2)}`;
const B = `ab${spaceKey(2).slice(2)}`;
const { signal } = new AbortController();
const lifecycle = { holder: 'test', signal };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let files: SpaceFiles;

beforeEach(async () => {
  folder = await temporaryFolder();
  files = fixtureFiles(folder.path);
});

afterEach(async () => {
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Closes everything, changes the folder, and begins again. */
async function reopen(change: () => Promise<unknown> = async () => {}, options: Partial<SpaceFilesOptions> = {}): Promise<void> {
  await files[Symbol.asyncDispose]();
  await change();
  files = fixtureFiles(folder.path, options);
}

const put = (space: string, key: string, value = 'v', extra = {}): Promise<string> =>
  files.write('put', storeCall(space, 'usr_a', extra), { key, value });
const get = (space: string, key: string): Promise<unknown> => files.read('get', storeCall(space), { key }, undefined);
const count = (space: string): Promise<number> => files.read('count', storeCall(space), undefined, 0);
const inUse = (space: string): string => spacePath(join(folder.path, 'spaces'), space);
const packed = (space: string): string => archivePath(join(folder.path, 'archive'), space);
const names = async (part: 'spaces' | 'archive'): Promise<string[]> => {
  const found: string[] = await readdir(join(folder.path, part, 'ab')).catch(() => []);
  return found.toSorted();
};

async function archived(space: string): Promise<void> {
  expect(await files.archive(space, signal)).toEqual({ fileBytes: expect.any(Number), packedBytes: (await stat(packed(space))).size });
}

describe('an archived space', () => {
  it('is one packed file that only its owner can read, and comes back whole with the first read or write', async () => {
    const idempotency = { user: 'usr_a', operation: 'put', key: 'once', inputHash: 'h' };
    await put(A, 'k', 'of a', { idempotency });
    await put(B, 'k', 'of b');
    await Promise.all([archived(A), archived(B)]);
    expect([await names('spaces'), await names('archive')]).toEqual([[], [`${A}.db.zst`, `${B}.db.zst`]]);
    expect((await stat(packed(A))).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(packed(A)))).mode & 0o777).toBe(0o700);
    expect([files.isArchived(A), await files.exists(A), await files.fileBytes(A)]).toEqual([true, true, (await stat(packed(A))).size]);
    expect(await files.archive(A, signal)).toBe('archived');
    expect(await get(A, 'k')).toBe('of a');
    expect(await put(B, 'l', 'new')).toBe('l');
    expect([await names('archive'), files.isArchived(A)]).toEqual([[], false]);
    expect(await put(A, 'other', 'v', { idempotency })).toBe('k');
    await expect(put(A, 'k', 'v', { idempotency: { ...idempotency, inputHash: 'i' } })).rejects.toMatchObject({ code: 'conflict' });
    expect([await count(A), await count(B)]).toEqual([1, 2]);
  });

  it('knows what it knew: equal memories, threads, words', async () => {
    await using harness = await openMemoryHarness();
    const ann = harness.as('ann');
    const { key } = personalSpace('ann');
    const first = await harness.service.store({ content: 'The lighthouse is white.' }, ann);
    await harness.service.store({ content: 'Good morning.', thread: 't' }, ann);
    expect(await harness.files.archive(key, signal)).toMatchObject({ fileBytes: expect.any(Number) });
    expect(await harness.service.store({ content: 'The lighthouse is white.' }, ann)).toMatchObject({ id: first.id, created: false });
    expect(await harness.files.archive(key, signal)).toMatchObject({ fileBytes: expect.any(Number) });
    await harness.service.store({ content: 'Good morning.', thread: 't' }, ann);
    const { results } = await harness.service.retrieve({ query: 'white lighthouse', limit: 5 }, ann);
    expect(results.map(({ id }) => id)).toContain(first.id);
    expect(await harness.service.stats({}, ann)).toMatchObject({ memories: 3, threads: 1 });
  });

  it('is brought back once for all who ask, and not for one who has gone', async () => {
    await put(A, 'k', 'of a');
    await archived(A);
    const told: string[] = [];
    await reopen(undefined, { logger: { ...silentLogger, info: (message) => void told.push(message) } });
    const gone = new AbortController();
    const leaving = files.read('get', storeCall(A, 'usr_a', { signal: gone.signal }), { key: 'k' }, undefined);
    gone.abort();
    await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
    expect(await Promise.all([...Array.from({ length: 20 }, () => get(A, 'k')), put(A, 'l')])).toEqual([
      ...Array.from({ length: 20 }, () => 'of a'),
      'l',
    ]);
    expect(told).toEqual(['space brought back']);
  });

  it('is listed once, also when it moves meanwhile', async () => {
    const spaces = [A, B, `cd${spaceKey(3).slice(2)}`];
    for (const space of spaces) await put(space, 'k');
    await archived(A);
    const listed: string[] = [];
    for await (const space of files.list()) {
      listed.push(space);
      if (listed.length > 1) continue;
      await get(A, 'k');
      for (const other of spaces.slice(1)) await archived(other);
      await get(B, 'k');
    }
    expect(listed.toSorted()).toEqual(spaces);
  });

  it('is dropped with its packed file, and no late write makes it anew', async () => {
    await put(A, 'k');
    await archived(A);
    expect(await files.drop(A, lifecycle)).toBe(true);
    expect([await names('spaces'), await names('archive'), await files.exists(A), await get(A, 'k')]).toEqual([[], [], false, undefined]);
    await expect(put(A, 'k')).rejects.toMatchObject({ code: 'not_found' });
    expect(await files.drop(A, lifecycle)).toBe(false);
  });

  it('is checked without being brought back', async () => {
    await put(A, 'k');
    await archived(A);
    expect(await files.integrity(A, signal)).toEqual([]);
    await truncate(packed(A), 100);
    expect(await files.integrity(A, signal)).toEqual(['the packed file is damaged']);
    expect([await names('spaces'), await names('archive')]).toEqual([[], [`${A}.db.zst`]]);
  });

  it('that is damaged is refused and kept; a fresh file never takes its place', async () => {
    await put(A, 'k', 'x'.repeat(5000));
    await archived(A);
    const whole = await readFile(packed(A));
    const broken = Buffer.from(whole);
    broken[whole.length >> 1] = (broken[whole.length >> 1] ?? 0) ^ 1;
    for (const bytes of [broken, whole.subarray(0, -1), Buffer.alloc(0)]) {
      const logger = recordingLogger();
      await reopen(() => writeFile(packed(A), bytes), { logger });
      await expect(get(A, 'k')).rejects.toMatchObject({ code: 'storage_unavailable', message: expect.stringContaining('damaged') });
      await expect(put(A, 'k')).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(logger.errors).toHaveLength(1);
      expect([await names('spaces'), await readFile(packed(A))]).toEqual([[], bytes]);
    }
    await reopen(() => writeFile(packed(A), whole));
    expect(await get(A, 'k')).toHaveLength(5000);
  });

  it('cannot be taken for empty when the archive cannot be read', async () => {
    expect(() => fixtureFiles(folder.path, { archive: join(folder.path, 'x'.repeat(300)) })).toThrow('cannot be read');
  });
});

/** With so much that packing it takes far longer than to be told of its middle. */
async function fill(rows = 6): Promise<void> {
  for (let n = 0; n < rows; n++) await put(A, `k${n}`, randomBytes(3_000_000).toString('base64'));
}

/** Archiving in its middle: one that was over before it was seen is tried again. */
async function underWay(stop = signal): Promise<{ readonly archiving: ReturnType<SpaceFiles['archive']> }> {
  for (;;) {
    let isOver = false;
    const archiving = files.archive(A, stop);
    const over = archiving.finally(() => (isOver = true)).catch(() => {});
    while (!isOver && !existsSync(draftPath(packed(A)))) await turn();
    if (!isOver) return { archiving };
    await over;
    await count(A);
  }
}

describe('archiving', () => {
  it('leaves what is not there, and what is in use', async () => {
    expect(await files.archive(A, signal)).toBe('absent');
    await put(A, 'k');
    const running = files.read('spin', storeCall(A), { ms: 150 }, undefined);
    expect(await files.archive(A, signal)).toBe('in_use');
    await running;
    const twice = await Promise.all([files.archive(A, signal), files.archive(A, signal)]);
    expect(twice).toEqual([{ fileBytes: expect.any(Number), packedBytes: expect.any(Number) }, 'in_use']);
  });

  it('gives way at once to whoever comes in its middle, and leaves nothing behind', async () => {
    await fill(2);
    const ways: readonly (() => Promise<unknown>)[] = [
      () => get(A, 'k1'),
      () => put(A, 'new'),
      () => files.backupTo(A, join(folder.path, 'copy'), signal),
    ];
    for (const come of ways) {
      const { archiving } = await underWay();
      const cameAt = performance.now();
      await come();
      const waitedMs = performance.now() - cameAt;
      expect(await archiving).toBe('in_use');
      expect(waitedMs).toBeLessThan(1000);
      expect([await names('archive'), files.isArchived(A), await count(A)]).toEqual([[], false, expect.any(Number)]);
    }
    expect(await openFilesUnder(join(folder.path, 'archive'))).toEqual([]);
    await archived(A);
    expect(await count(A)).toBe(3);
  });

  it('is stopped by its signal and by the end of everything', async () => {
    await fill();
    const controller = new AbortController();
    const { archiving } = await underWay(controller.signal);
    controller.abort();
    await expect(archiving).rejects.toMatchObject({ code: 'cancelled' });
    const again = await underWay();
    await reopen();
    expect(await again.archiving).toBe('in_use');
    expect([await names('archive'), await count(A)]).toEqual([[], 6]);
  });

  it('gives way to a drop', async () => {
    await fill();
    const { archiving } = await underWay();
    expect(await files.drop(A, lifecycle)).toBe(true);
    expect(await archiving).toBe('in_use');
    expect([await names('spaces'), await names('archive')]).toEqual([[], []]);
  });

  it('takes along what a crash has left in the log', async () => {
    await put(A, 'k', 'folded in');
    await reopen();
    await put(A, 'l', 'in the log');
    await cp(dirname(inUse(A)), join(folder.path, 'copy'), { recursive: true });
    expect((await stat(join(folder.path, 'copy', `${A}.db-wal`))).size).toBeGreaterThan(0);
    await reopen(async () => {
      for (const name of [`${A}.db`, `${A}.db-wal`]) await cp(join(folder.path, 'copy', name), join(dirname(inUse(A)), name));
    });
    await archived(A);
    expect(await names('spaces')).toEqual([]);
    expect([await get(A, 'k'), await get(A, 'l')]).toEqual(['folded in', 'in the log']);
  });

  it('that fails leaves the space as it was', async () => {
    await put(A, 'k', 'of a');
    await mkdir(join(folder.path, 'archive'));
    await writeFile(dirname(packed(A)), 'in the way');
    await expect(files.archive(A, signal)).rejects.toThrow('EEXIST');
    expect([await get(A, 'k'), files.isArchived(A)]).toEqual(['of a', false]);
  });

  it('whose thread dies leaves the space in use or archived, whatever it had done', async () => {
    const [from, to] = [inUse(A), packed(A)];
    await mkdir(dirname(from), { recursive: true });
    const dying = { pack: async (): Promise<never> => Promise.reject(new Error('died')) };
    const deaths: readonly (readonly [isArchived: boolean, does: () => Promise<unknown>])[] = [
      [false, () => writeFile(draftPath(to), 'half')],
      [false, () => cp(from, to)],
      [true, () => packAway(from, to, () => {})],
    ];
    for (const [isArchived, does] of deaths) {
      await writeFile(from, 'some bytes');
      const archive = new SpaceArchive({
        folder: join(folder.path, 'archive'),
        spaces: join(folder.path, 'spaces'),
        packer: dying,
        logger: silentLogger,
      });
      await mkdir(dirname(to), { recursive: true });
      dying.pack = () => does().then(() => Promise.reject(new Error('died')));
      await expect(archive.put(A, signal)).rejects.toThrow('died');
      expect([archive.has(A), await names('spaces'), await names('archive')]).toEqual(
        isArchived ? [true, [], [`${A}.db.zst`]] : [false, [`${A}.db`], []],
      );
    }
  });

  it('closes files; a release alone does too, but not under a call', async () => {
    await put(A, 'k');
    await Promise.all([get(A, 'k'), get(A, 'k')]);
    const running = files.read('spin', storeCall(A), { ms: 60 }, undefined);
    expect(await files.release(A, signal)).toBe(false);
    await running;
    expect(await files.release(A, signal)).toBe(true);
    const { readers, writers } = files.stats();
    expect([readers.openFiles, writers.openFiles, await openFilesUnder(folder.path)]).toEqual([0, 0, []]);
    expect(await files.release(A, signal)).toBe(false);
    expect(await count(A)).toBe(1);
  });
});

/** What a crash can leave, step by step, of a space that holds `k`; afterwards it holds that, and nothing else lies about. */
describe('after a crash', () => {
  const asItWas = { preserveTimestamps: true };
  const states: readonly (readonly [string, (original: string) => Promise<unknown>])[] = [
    [
      'while packing',
      async (original) => {
        await rename(packed(A), draftPath(packed(A)));
        await cp(original, inUse(A), asItWas);
      },
    ],
    ['with both files named, packing or unpacking', (original) => cp(original, inUse(A), asItWas)],
    ['while unpacking', () => writeFile(draftPath(inUse(A)), 'half')],
    ['beside a file that was never written to', () => writeFile(inUse(A), '')],
  ];

  it.each(states)('%s', async (_when, leave) => {
    await put(A, 'k', 'of a');
    await put(B, 'k', 'of b');
    const original = join(folder.path, 'original.db');
    await reopen(() => cp(inUse(A), original, asItWas));
    await archived(A);
    await archived(B);
    await reopen(() => leave(original));
    expect([await get(A, 'k'), await count(A), await get(B, 'k')]).toEqual(['of a', 1, 'of b']);
    await files[Symbol.asyncDispose]();
    const left = (await names('spaces')).filter((name) => !/-(wal|shm)$/.test(name));
    expect([left, await names('archive')]).toEqual([[`${A}.db`, `${B}.db`], []]);
  });

  it('with the unpacked file named and the packed one not gone: the same', async () => {
    await put(A, 'k', 'of a');
    await archived(A);
    const kept = join(folder.path, 'kept');
    await cp(packed(A), kept, asItWas);
    expect(await get(A, 'k')).toBe('of a');
    await reopen(() => cp(kept, packed(A), asItWas));
    expect([await get(A, 'k'), await names('archive')]).toEqual(['of a', []]);
  });

  it('nothing is removed that is not the same: a file another program made counts, the packed one is put aside until the space goes', async () => {
    await put(A, 'k', 'of a');
    await archived(A);
    const old = join(folder.path, 'old');
    for (const round of [1, 2]) {
      await reopen(() => rename(join(folder.path, 'archive'), old));
      await put(A, 'k', 'newer');
      const logger = recordingLogger();
      await reopen(() => rename(old, join(folder.path, 'archive')), { logger });
      expect(await get(A, 'k')).toBe('newer');
      expect([logger.errors.length, await names('archive')]).toEqual([1, Array.from({ length: round }, (_, n) => `${A}.db.zst.kept-${n + 1}`)]);
      await archived(A);
    }
    expect(await files.drop(A, lifecycle)).toBe(true);
    expect(await names('archive')).toEqual([]);
  });
});

async function openFilesUnder(path: string): Promise<readonly string[]> {
  const handles = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(path));
}
