import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WriteCall } from '../../src/domains/memory/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { SpaceFiles } from '../../src/storage/sqlite/space-files.ts';
import type { SpaceFilesOptions } from '../../src/storage/sqlite/space-files.ts';

const FIXTURE = new URL('storage-thread-fixture.ts', import.meta.url);

/** A new folder under the system's temporary one; it goes with all it holds at dispose. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'polymnia-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The storage engine on real files and threads, small enough that a few spaces already take turns with its open files. */
export function smallFiles(folder: string, options: Partial<SpaceFilesOptions> = {}): SpaceFiles {
  return new SpaceFiles({
    folder: join(folder, 'spaces'),
    archive: join(folder, 'archive'),
    clock: systemClock,
    logger: silentLogger,
    readers: 2,
    writers: 2,
    openFiles: 8,
    readerFiles: 8,
    cacheKiB: 512,
    mmapBytes: 0,
    busyTimeoutMs: 2000,
    idempotencyTtlMs: 60_000,
    ...options,
  });
}

/** The same with the methods of the fixture entry. */
export function fixtureFiles(folder: string, options: Partial<SpaceFilesOptions> = {}): SpaceFiles {
  return smallFiles(folder, { cacheKiB: 256, entries: { reader: FIXTURE, writer: FIXTURE }, ...options });
}

/** Key of the n-th space: n in the last digits, so that neighbours go to different writers. */
export function spaceKey(n: number): string {
  return n.toString(16).padStart(16, '0');
}

/** A call of a user on a space, with half a minute of time. */
export function storeCall(space: string, user = 'usr_a', extra: Partial<WriteCall> = {}): WriteCall {
  return {
    space,
    flow: { user, group: user, weight: 1 },
    signal: new AbortController().signal,
    deadlineAt: systemClock.monotonic() + 30_000,
    meter: { add() {} },
    now: systemClock.now(),
    ...extra,
  };
}

/** Keeps the messages it is given, by level. */
export function recordingLogger(): Logger & { readonly errors: string[] } {
  const errors: string[] = [];
  return { ...silentLogger, errors, error: (message) => void errors.push(message) };
}
