import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fixtureFiles, spaceKey, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { startDeadline } from '../../kernel/abort.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { SpaceFiles } from './space-files.ts';

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

beforeEach(async () => {
  A = spaceKey(spaces++);
  B = spaceKey(spaces++);
  await Promise.all([A, B].map((space) => files.write('put', storeCall(space), { key: 'first', value: 'v' })));
  await Promise.all([A, B].map((space) => files.read('count', storeCall(space), undefined, 0)));
});

afterAll(async () => {
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const count = (space: string): Promise<number> => files.read('count', storeCall(space), undefined, 0);
/** Resolves when the storage says that so many calls run. */
async function running(kind: 'readers' | 'writers', threads: number): Promise<void> {
  while (files.stats()[kind].busy < threads) await new Promise(setImmediate);
}
const endsWith = (code: string): unknown => expect.objectContaining({ status: 'rejected', reason: expect.objectContaining({ code }) });

describe('a call that is stopped', () => {
  it('ends a long statement at once, and its thread goes on', async () => {
    const deadline = startDeadline(systemClock, 100, 'MEMORY_OP_TIMEOUT');
    let busyUs = 0;
    const call = storeCall(A, 'usr_a', { signal: deadline.signal, meter: { add: (us) => (busyUs += us) } });
    await expect(files.read('endless', call, undefined, undefined)).rejects.toMatchObject({ code: 'timed_out' });
    expect(systemClock.monotonic() - deadline.at).toBeLessThan(50);
    expect(busyUs).toBeGreaterThan(20_000);
    expect(files.stats()).toMatchObject({ crashes: 0, readers: { busy: 0 } });
    expect(await count(A)).toBe(1);
  });

  it('leaves nothing of a write that has not been committed', async () => {
    const controller = new AbortController();
    const write = files.write('putThenEndless', storeCall(A, 'usr_a', { signal: controller.signal }), { key: 'k', value: 'v' });
    await running('writers', 1);
    controller.abort();
    await expect(write).rejects.toMatchObject({ code: 'cancelled' });
    expect(await count(A)).toBe(1);
  });

  it('after its part of a batch was done is taken out of the commit, the others stay', async () => {
    const controller = new AbortController();
    const holding = files.write('hold', storeCall(A), { ms: 30 });
    const stopped = files.write('put', storeCall(A, 'usr_a', { signal: controller.signal }), { key: 'stopped', value: 'v' });
    const slow = files.write('putThenSpin', storeCall(A), { key: 'slow', value: 'v', ms: 60 });
    const last = files.write('put', storeCall(A), { key: 'last', value: 'v' });
    await holding;
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    const [first] = await Promise.allSettled([stopped, slow, last]);
    expect(first).toEqual(endsWith('cancelled'));
    expect(await files.read<string | undefined>('get', storeCall(A), { key: 'stopped' }, undefined)).toBe(undefined);
    expect(await count(A)).toBe(3);
  });

  it('while it waits leaves the line at once', async () => {
    await files.read('spin', storeCall(A), { ms: 0 }, undefined);
    const blocking = [0, 1].map(() => files.read('spin', storeCall(A, 'usr_busy'), { ms: 60 }, undefined));
    const controller = new AbortController();
    const waiting = files.read('count', storeCall(A, 'usr_busy', { signal: controller.signal }), undefined, 0);
    await running('readers', 1);
    const since = performance.now();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - since).toBeLessThan(20);
    await Promise.all(blocking);
    expect(files.stats().readers.waiting).toBe(0);
  });

  it('is never started after its deadline', async () => {
    const late = { deadlineAt: systemClock.monotonic() + 20 };
    const blocking = files.write('putThenSpin', storeCall(A), { key: 'k', value: 'v', ms: 60 });
    const waiting = files.write('put', storeCall(A, 'usr_a', late), { key: 'late', value: 'v' });
    await expect(waiting).rejects.toMatchObject({ code: 'timed_out' });
    await blocking;
    await expect(files.write('put', storeCall(A, 'usr_a', { deadlineAt: 0 }), { key: 'late', value: 'v' })).rejects.toMatchObject({
      code: 'timed_out',
    });
    await expect(files.write('put', storeCall(A, 'usr_a', { signal: AbortSignal.abort() }), { key: 'late', value: 'v' })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(await count(A)).toBe(2);
  });

  it('at any moment of a storm is either whole or not there', async () => {
    const ends = await Promise.allSettled(
      Array.from({ length: 300 }, async (_, n) => {
        const controller = new AbortController();
        const write = files.write('put', storeCall(n % 2 ? A : B, `usr_${n % 7}`, { signal: controller.signal }), { key: `k${n}`, value: 'v' });
        if (n % 3 === 0) setTimeout(() => controller.abort(), n % 11);
        await write;
      }),
    );
    const kept = ends.filter(({ status }) => status === 'fulfilled').length;
    expect((await count(A)) + (await count(B))).toBe(kept + 2);
    expect(kept).toBeGreaterThanOrEqual(200);
    expect(files.stats()).toMatchObject({ crashes: 0, writers: { waiting: 0, busy: 0 } });
  });
});

describe('bounds of the line', () => {
  it('refuses one user by its own line and everybody by the common one', async () => {
    await files[Symbol.asyncDispose]();
    files = fixtureFiles(folder.path, { limits: { maxWaitingPerUser: 5, maxWaitingPerGroup: 100, maxWaiting: 8 } });
    await count(A);
    const ask = (user: string): Promise<void> => files.read('spin', storeCall(A, user), { ms: 5 }, undefined);
    const ends = await Promise.allSettled([
      ...Array.from({ length: 10 }, () => ask('usr_a')),
      ...Array.from({ length: 10 }, (_, n) => ask(`usr_${n}`)),
    ]);
    const codes = ends.map((end) => (end.status === 'rejected' ? (end.reason as { code: string }).code : 'ok'));
    expect(codes.slice(0, 10).filter((code) => code === 'rate_limited').length).toBe(4);
    expect(codes.slice(10).filter((code) => code === 'overloaded').length).toBeGreaterThan(0);
    expect(codes.slice(10)).not.toContain('rate_limited');
  });
});
