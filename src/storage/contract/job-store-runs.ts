import { describe, expect, test } from 'vitest';
import type { Job } from '../../domains/jobs/model.ts';
import { again, claim, claimOne, enqueue, type GetStore, LATER, RULES, someJob, succeeded } from './job-store-fixture.ts';

/** Runs: leases, fencing, ends. */
export function describeJobRuns(getStore: GetStore): void {
  const started = async (fields: Parameters<typeof someJob>[1] = {}): Promise<Job> => {
    await enqueue(getStore(), someJob('a', fields));
    return claimOne(getStore());
  };

  describe('runs', () => {
    test('an end is kept once: result, progress, cost, times', async () => {
      const store = getStore();
      const job = await started();
      const progress = { phase: 'parse', done: 5, total: 5, unit: 'files', at: LATER };
      const end = { kind: 'final', state: 'partial', result: { a: [1] }, progress } as const;
      expect(await store.finish([succeeded(job, { end, cost: 12.5, now: LATER + 9 }), succeeded(job)])).toEqual([true, false]);
      const ended = await store.get(job.id);
      expect(ended).toMatchObject({ state: 'partial', result: { a: [1] }, progress, cost: 12.5, startedAt: LATER, finishedAt: LATER + 9 });
      expect(ended).not.toHaveProperty('leaseUntil');
      expect(await store.finish([succeeded(job), succeeded({ ...job, id: 'job_unknown' })])).toEqual([false, false]);
    });

    test('of many finishing at once one counts', async () => {
      const store = getStore();
      const job = await started();
      const states = ['succeeded', 'failed', 'cancelled', 'partial'] as const;
      const answers = await Promise.all(states.map((state) => store.finish([succeeded(job, { end: { kind: 'final', state } })])));
      expect(answers.flat().filter(Boolean)).toHaveLength(1);
      expect((await store.get(job.id))?.state).toBe(states[answers.findIndex(([answer]) => answer)]);
    });

    test('a result that is no JSON, and a cost that is no number, do no harm', async () => {
      const store = getStore();
      const job = await started();
      const other = await started();
      const end = { kind: 'final', state: 'succeeded', result: { n: 1n } } as const;
      expect(await store.finish([succeeded(job, { end, cost: NaN }), succeeded(other)])).toEqual([true, true]);
      expect(await store.get(job.id)).toMatchObject({ state: 'failed', cost: 0, error: { code: 'internal' } });
      expect(await store.get(other.id)).toMatchObject({ state: 'succeeded' });
    });

    test('heartbeats prolong the lease, keep progress, tell of a cancel, and answer the lost', async () => {
      const store = getStore();
      const job = await started();
      const stopped = await started();
      const progress = { phase: 'clone', done: 1, unit: 'objects', at: LATER };
      await store.cancel(stopped.id, 'a', 'not needed', LATER);
      const beat = { attempt: 1, leaseUntil: LATER + 60_000 };
      const answers = await store.heartbeat([
        { ...beat, id: job.id, progress },
        { ...beat, id: stopped.id },
        { ...beat, id: job.id, attempt: 2 },
        { ...beat, id: 'job_unknown' },
      ]);
      expect(answers).toEqual([{ kind: 'goes_on' }, { kind: 'cancel', reason: 'not needed' }, { kind: 'lost' }, { kind: 'lost' }]);
      await store.heartbeat([{ ...beat, id: job.id }]);
      expect(await store.get(job.id)).toMatchObject({ leaseUntil: LATER + 60_000, progress });
      expect(await store.expireLeases(LATER + 59_999, 10, RULES)).toEqual([]);
    });

    test('a run that lost its lease is fenced: its finish and heartbeat change nothing', async () => {
      const store = getStore();
      const job = await started();
      const [expired] = await store.expireLeases(LATER + 30_000, 10, RULES);
      expect(expired).toMatchObject({ id: job.id, state: 'queued', attempt: 1, crashes: 0, runAt: LATER + 31_000, cost: 1000 });
      expect(await store.finish([succeeded(job)])).toEqual([false]);
      expect(await claim(store, 1, { now: LATER + 30_999 })).toEqual([]);
      const second = await claimOne(store, { now: LATER + 31_000 });
      expect(second).toMatchObject({ id: job.id, attempt: 2 });
      expect(await store.finish([succeeded(job)])).toEqual([false]);
      expect(await store.heartbeat([{ id: job.id, attempt: 1, leaseUntil: LATER * 2 }])).toEqual([{ kind: 'lost' }]);
      expect(await store.finish([succeeded(second, { end: { kind: 'final', state: 'succeeded', result: 'second' } })])).toEqual([true]);
      expect(await store.get(job.id)).toMatchObject({ result: 'second', attempt: 2 });
    });

    test('a server that ends is not the fault of its jobs: attempts and crashes stay; one that ends too many is given up', async () => {
      const store = getStore();
      await enqueue(store, someJob('a', { maxAttempts: 1 }));
      let now = LATER;
      for (const wait of [1000, 2000]) {
        await claimOne(store, { now });
        now += 30_000;
        expect(await store.expireLeases(now, 10, RULES)).toMatchObject([{ state: 'queued', crashes: 0, runAt: now + wait }]);
        now += wait;
      }
      await claimOne(store, { now });
      const [parked] = await store.expireLeases(now + 30_000, 10, RULES);
      expect(parked).toMatchObject({ state: 'failed', crashes: 0, error: { code: 'internal', details: { losses: 3, attempts: 3 } } });
      expect(await claim(store, 1, { now: now + 1e9 })).toEqual([]);
      await store.retry(parked?.id ?? '', now);
      await claimOne(store, { now });
      expect(await store.expireLeases(now + 30_000, 10, RULES)).toMatchObject([{ state: 'queued' }]);
    });

    test('a run cut off without fault does not count', async () => {
      const store = getStore();
      const first = await started({ maxAttempts: 2 });
      await store.finish([again(first, { attemptCounts: false })]);
      const second = await claimOne(store);
      expect(second).toMatchObject({ attempt: 2, maxAttempts: 3 });
      await store.finish([again(second, { crashed: true })]);
      const third = await claimOne(store);
      expect(third).toMatchObject({ attempt: 3, maxAttempts: 3, crashes: 1 });
      expect(await store.expireLeases(LATER + 30_000, 10, RULES)).toMatchObject([{ state: 'queued', crashes: 1, maxAttempts: 4 }]);
    });

    test('leases end oldest first, at most so many at once, each for one of many callers', async () => {
      const store = getStore();
      for (let n = 0; n < 6; n++) {
        await enqueue(store, someJob('a'));
        await claimOne(store, { now: LATER + n });
      }
      expect(await store.expireLeases(LATER + 60_000, 2, RULES)).toMatchObject([{ startedAt: LATER }, { startedAt: LATER + 1 }]);
      const rest = await Promise.all([1, 2, 3].map(() => store.expireLeases(LATER + 60_000, 10, RULES)));
      expect(rest.flat()).toHaveLength(4);
    });
  });
}
