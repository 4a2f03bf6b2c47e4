import { describe, expect, test } from 'vitest';
import type { Job } from '../../domains/jobs/model.ts';
import type { JobFilter } from '../../domains/jobs/store.ts';
import { again, AT, claim, claimOne, enqueue, type GetStore, idsOf, LATER, RULES, someJob, succeeded } from './job-store-fixture.ts';

/** What is done to jobs from outside, and how they are listed. */
export function describeJobChanges(getStore: GetStore): void {
  describe('cancelling', () => {
    test('a queued job ends at once, a running one is told, an ended one stays', async () => {
      const store = getStore();
      const queued = await enqueue(store, someJob('a'));
      expect(await store.cancel(queued.id, 'a', 'why', LATER)).toMatchObject({ state: 'cancelled', cancelReason: 'why', finishedAt: LATER });
      const other = await enqueue(store, someJob('a'));
      const running = await claimOne(store);
      expect(running.id).toBe(other.id);
      expect(await store.cancel(running.id, undefined, 'first', LATER)).toMatchObject({ state: 'running', cancelReason: 'first' });
      expect(await store.cancel(running.id, 'a', 'second', LATER)).toMatchObject({ cancelReason: 'first' });
      await store.finish([succeeded(running)]);
      expect(await store.cancel(running.id, 'a', 'late', LATER)).toMatchObject({ state: 'succeeded', cancelReason: 'first' });
      expect(await claim(store)).toEqual([]);
    });

    test("another user's job is as one that does not exist", async () => {
      const store = getStore();
      const job = await enqueue(store, someJob('a'));
      expect(await store.cancel(job.id, 'b', 'why', LATER)).toBeUndefined();
      expect(await store.cancel('job_unknown', undefined, 'why', LATER)).toBeUndefined();
      expect(await store.get(job.id)).toEqual(job);
    });

    test('what is unfinished of an operation in a space is found, and nothing else', async () => {
      const store = getStore();
      const keyed = { operation: 'index', uniqueKey: 'x' };
      const job = await enqueue(store, someJob('a', keyed));
      await enqueue(store, someJob('a', { operation: 'index' }));
      await enqueue(store, someJob('a', { ...keyed, operation: 'other' }));
      await enqueue(store, someJob('b', { ...keyed, spaceId: 'space_elsewhere' }));
      expect(idsOf(await store.unfinished(job.spaceId, 'index'))).toEqual([job.id]);
      await store.cancel(job.id, 'a', 'why', LATER);
      expect(await store.unfinished(job.spaceId, 'index')).toEqual([]);
    });

    test('a cancel that races with the end leaves one end', async () => {
      const store = getStore();
      for (let n = 0; n < 10; n++) {
        await enqueue(store, someJob('a'));
        const job = await claimOne(store);
        const [answer, [counts]] = await Promise.all([store.cancel(job.id, 'a', 'why', LATER), store.finish([succeeded(job)])]);
        expect(counts).toBe(true);
        expect(['running', 'succeeded']).toContain(answer?.state);
        expect((await store.get(job.id))?.state).toBe('succeeded');
      }
    });

    test('a job to be cancelled is not run again, whether its run gives it back or dies', async () => {
      const store = getStore();
      await enqueue(store, someJob('a'));
      await enqueue(store, someJob('a'));
      const [back, dead] = await claim(store, 2);
      if (!back || !dead) throw new Error('two jobs');
      await store.cancelAll({ userId: 'a' }, 'gone', LATER);
      await store.finish([again(back)]);
      expect(await store.get(back.id)).toMatchObject({ state: 'cancelled', cancelReason: 'gone' });
      expect(await store.expireLeases(LATER + 30_000, 10, RULES)).toMatchObject([{ id: dead.id, state: 'cancelled' }]);
    });

    test('all of a user, of a space, of a user in a space; of nobody none', async () => {
      const store = getStore();
      const shared = { spaceId: 'space_shared' };
      const jobs = [];
      for (const user of ['a', 'b']) for (const fields of [shared, {}, shared]) jobs.push(await enqueue(store, someJob(user, fields)));
      expect(await store.cancelAll({}, 'x', LATER)).toEqual([]);
      const both = await store.cancelAll({ userId: 'a', spaceId: 'space_shared' }, 'x', LATER);
      expect(idsOf(both).toSorted()).toEqual(idsOf([jobs[0], jobs[2]].filter((job) => job !== undefined)).toSorted());
      expect(await store.cancelAll({ spaceId: 'space_shared' }, 'x', LATER)).toHaveLength(2);
      expect(await store.cancelAll({ userId: 'b' }, 'x', LATER)).toHaveLength(1);
      expect(await store.cancelAll({ userId: 'a' }, 'x', LATER)).toHaveLength(1);
      expect((await store.load(LATER)).find(({ lane }) => lane === 'sync')).toMatchObject({ queued: 0, running: 0 });
    });
  });

  describe('changing', () => {
    test('priority changes while queued only', async () => {
      const store = getStore();
      await enqueue(store, someJob('a'));
      const urgent = await enqueue(store, someJob('a'));
      expect(await store.setPriority(urgent.id, 1)).toMatchObject({ priority: 1 });
      expect((await claimOne(store)).id).toBe(urgent.id);
      expect(await store.setPriority(urgent.id, 4)).toBeUndefined();
      expect(await store.setPriority('job_unknown', 4)).toBeUndefined();
    });

    test('retry: a failed or cancelled job runs again with fresh attempts, never beside its twin', async () => {
      const store = getStore();
      const job = await enqueue(store, someJob('a', { maxAttempts: 1, uniqueKey: 'u' }));
      expect(await store.retry(job.id, LATER)).toBeUndefined();
      const end = { kind: 'final', state: 'failed', error: { code: 'internal', message: 'x' } } as const;
      await store.finish([succeeded(await claimOne(store), { end })]);
      const twin = await enqueue(store, someJob('a', { uniqueKey: 'u' }));
      await expect(store.retry(job.id, LATER)).rejects.toMatchObject({ code: 'conflict', details: { job: twin.id } });
      await store.cancel(twin.id, 'a', 'x', LATER);
      const retried = await store.retry(job.id, LATER + 40_000);
      expect(retried).toMatchObject({ state: 'queued', attempt: 1, maxAttempts: 2, crashes: 0, runAt: LATER + 40_000 });
      for (const gone of ['error', 'finishedAt', 'cancelReason', 'result']) expect(retried).not.toHaveProperty(gone);
      const again2 = await claimOne(store, { now: LATER + 40_000 });
      expect(again2).toMatchObject({ id: job.id, attempt: 2 });
      await store.finish([succeeded(again2)]);
      expect(await store.retry(job.id, LATER)).toBeUndefined();
    });

    test('who nobody waits for, and who has waited too long', async () => {
      const store = getStore();
      const [watched, left, background] = [
        await enqueue(store, someJob('a')),
        await enqueue(store, someJob('a')),
        await enqueue(store, someJob('a', { background: true })),
      ];
      await store.setUnwatched([watched.id, left.id, background.id, 'job_unknown'], AT);
      await store.setUnwatched([watched.id], undefined);
      expect(idsOf(await store.abandoned(AT + 1, 10))).toEqual([left.id]);
      expect(await store.abandoned(AT, 10)).toEqual([]);
      expect(await store.waitedTooLong(LATER, 10)).toHaveLength(3);
      expect(await store.waitedTooLong(LATER, 2)).toHaveLength(2);
      expect(await store.waitedTooLong(AT, 10)).toEqual([]);
      await store.finish((await claim(store, 3)).map((job) => succeeded(job)));
      await store.setUnwatched([left.id], AT);
      expect([...(await store.abandoned(LATER, 10)), ...(await store.waitedTooLong(LATER, 10))]).toEqual([]);
    });

    test('ended jobs go after their time, some at once; unfinished ones stay', async () => {
      const store = getStore();
      for (let n = 0; n < 5; n++) await enqueue(store, someJob('a', { idempotencyKey: `k${n}` }));
      const jobs = await claim(store, 4);
      await store.finish(jobs.map((job, n) => succeeded(job, { now: LATER + n })));
      expect(await store.prune(LATER + 3, 2)).toBe(2);
      expect(await store.prune(LATER + 3, 2)).toBe(1);
      expect(await store.prune(LATER + 3, 2)).toBe(0);
      expect(idsOf(await store.list({}, 10)).length).toBe(2);
      expect(await store.get(jobs[0]?.id ?? '')).toBeUndefined();
      expect(await claim(store)).toHaveLength(1);
    });
  });

  describe('lists', () => {
    test('newest first, page by page, each once, without results', async () => {
      const store = getStore();
      const jobs: Job[] = [];
      for (let n = 0; n < 7; n++) jobs.push(await enqueue(store, someJob(n % 2 === 0 ? 'a' : 'b', { createdAt: AT + Math.floor(n / 3) })));
      await store.finish([succeeded(await claimOne(store))]);
      const newest = jobs.toSorted((x, y) => y.createdAt - x.createdAt || (x.id < y.id ? 1 : -1));
      for (const filter of [{}, { userId: 'a' }, { spaceId: 'space_b' }]) {
        const fitting = newest.filter(({ userId, spaceId }) => userId === (filter.userId ?? userId) && spaceId === (filter.spaceId ?? spaceId));
        const seen: Job[] = [];
        for (let page = await store.list(filter, 2); page.length > 0; page = await store.list(filter, 2, seen.at(-1))) seen.push(...page);
        expect(idsOf(seen)).toEqual(idsOf(fitting));
        for (const job of seen) expect(job).not.toHaveProperty('result');
      }
    });

    test('filters, alone and together', async () => {
      const store = getStore();
      const one = await enqueue(store, someJob('a', { subject: 'repo_1' }));
      const two = await enqueue(store, someJob('a', { lane: 'batch', operation: 'batch_analyze', subject: 'repo_1' }));
      const three = await enqueue(store, someJob('b', { spaceId: 'space_a' }));
      await store.cancel(one.id, 'a', 'x', LATER);
      const listed = async (filter: JobFilter): Promise<readonly string[]> => idsOf(await store.list(filter, 10));
      expect(await listed({ subject: 'repo_1' })).toEqual([two.id, one.id]);
      expect(await listed({ lane: 'sync' })).toEqual([three.id, one.id]);
      expect(await listed({ operations: ['batch_analyze', 'other'] })).toEqual([two.id]);
      expect(await listed({ states: ['cancelled'] })).toEqual([one.id]);
      expect(await listed({ states: ['queued', 'running'], spaceId: 'space_a' })).toEqual([three.id, two.id]);
      expect(await listed({ userId: 'a', spaceId: 'space_a', lane: 'batch', states: ['queued'], operations: ['batch_analyze'] })).toEqual([two.id]);
      expect(await listed({ userId: 'b', subject: 'repo_1' })).toEqual([]);
      expect(await listed({ states: [] })).toEqual([]);
      expect(await listed({ userId: 'a', states: [] })).toEqual([]);
    });
  });
}
