import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixtureFiles, recordingLogger, spaceKey, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import type { SpaceFiles } from './space-files.ts';

const A = spaceKey(0);
const B = spaceKey(1);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let files: SpaceFiles;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const put = (space: string, key: string, value = 'v'): Promise<unknown> => files.write('put', storeCall(space), { key, value });
const count = (space: string): Promise<number> => files.read('count', storeCall(space), undefined, 0);

describe('a thread that dies', () => {
  it('fails only what it ran; waiting and later calls are served by a new one', async () => {
    const logger = recordingLogger();
    files = fixtureFiles(folder.path, { logger });
    await Promise.all([put(A, 'k'), put(B, 'k')]);
    const crash = files.write('exit', storeCall(A), undefined);
    const ends = await Promise.allSettled([crash, put(A, 'waiting'), put(B, 'other thread')]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    await expect(crash).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect([await count(A), await count(B)]).toEqual([2, 2]);
    expect(files.stats().crashes).toBe(1);
    expect(logger.errors).toHaveLength(1);
  });

  it('of an uncaught error or while it read: the same', async () => {
    files = fixtureFiles(folder.path);
    await put(A, 'k');
    await expect(files.read('exit', storeCall(A), undefined, 0)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await files.read('throwOutside', storeCall(A), undefined, undefined);
    await expect.poll(() => files.stats().crashes, { interval: 5 }).toBe(2);
    expect(await Promise.all([count(A), count(A), count(A)])).toEqual([1, 1, 1]);
  });

  it('before it was ready is left alone for a while', async () => {
    const broken = new URL('data:text/javascript,process.exit(1)');
    files = fixtureFiles(folder.path, { entries: { reader: broken, writer: broken }, writers: 1 });
    await expect(put(A, 'k')).rejects.toMatchObject({ code: 'storage_unavailable', retryAfterMs: undefined });
    await expect(put(A, 'k')).rejects.toMatchObject({ code: 'storage_unavailable', retryAfterMs: expect.any(Number) });
    expect(files.stats().crashes).toBe(1);
  });
});

/** A file system of 3 MB; undefined where this process may not mount one. */
async function smallDisk(at: string): Promise<AsyncDisposable | undefined> {
  await mkdir(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', at], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return {
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['-l', at], { stdio: 'ignore' });
    },
  };
}

describe('a full disk', () => {
  it('refuses writes by name, lets reads go on, and is over once space has been freed', async ({ skip }) => {
    const disk = join(folder.path, 'disk');
    await using mounted = await smallDisk(disk);
    if (mounted === undefined) skip('mounting a small file system needs root');
    files = fixtureFiles(disk);
    await Promise.all([put(A, 'k'), put(B, 'k')]);
    await Promise.all([count(A), count(B)]);
    const ballast = join(disk, 'ballast');
    await writeFile(ballast, Buffer.alloc(4 * 1024 * 1024)).catch(() => {});
    const big = 'x'.repeat(200_000);
    const together = await Promise.allSettled([put(A, 'a', big), put(A, 'b', big), put(A, 'c', big), put(spaceKey(7), 'new space', big)]);
    for (const end of together) {
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'storage_unavailable', message: expect.stringContaining('disk is full') } });
    }
    expect([await count(A), await count(B)]).toEqual([1, 1]);
    await rm(ballast);
    await Promise.all([put(A, 'after', big), put(spaceKey(7), 'new space')]);
    expect([await count(A), await count(spaceKey(7))]).toEqual([2, 1]);
    expect(await files.integrity(A, new AbortController().signal)).toEqual([]);
    expect(files.stats().crashes).toBe(0);
    await files[Symbol.asyncDispose]();
  });
});
