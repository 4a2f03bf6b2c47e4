import { describe, expect, test } from 'vitest';
import type { Job } from '../../domains/jobs/model.ts';
import type { JobStore } from '../../domains/jobs/store.ts';
import { again, AT, claim, claimOne, enqueue, type GetStore, idsOf, LATER, limits, someJob, succeeded, usersOf } from './job-store-fixture.ts';

/** Who goes next. */
export function describeJobLine(getStore: GetStore): void {
  const fill = async (user: string, jobs: number, fields: { weight?: number; maxRunningPerUser?: number; estimate?: number } = {}): Promise<void> => {
    const { estimate = 1000, ...rest } = fields;
    for (let n = 0; n < jobs; n++) await enqueue(getStore(), someJob(user, { estimate }), rest);
  };
  const serve = async (rounds: number, cost: (job: Job) => number): Promise<readonly string[]> => {
    const served: string[] = [];
    for (let round = 0; round < rounds; round++) served.push(await serveOne(getStore(), cost));
    return served;
  };

  describe('the line', () => {
    test('the hundredth job of one user never stands before the first of another', async () => {
      await fill('a', 100);
      await fill('b', 1);
      await fill('c', 1);
      expect(usersOf(await claim(getStore(), 4))).toEqual(['a', 'b', 'c', 'a']);
    });

    test("a user's own jobs go by priority, then age, then id", async () => {
      const store = getStore();
      const low = await enqueue(store, someJob('a', { priority: 4 }));
      const late = await enqueue(store, someJob('a', { id: 'job_b', createdAt: AT + 5000 }));
      const same = await enqueue(store, someJob('a', { id: 'job_a', createdAt: AT + 5000 }));
      const early = await enqueue(store, someJob('a', { createdAt: AT + 4000 }));
      const first = await enqueue(store, someJob('a', { priority: 1, createdAt: AT + 9000 }));
      expect(idsOf(await claim(store, 9))).toEqual(idsOf([first, early, same, late, low]));
    });

    test('shares follow the weight and the real cost, not the number of jobs', async () => {
      await fill('a', 40, { weight: 1 });
      await fill('b', 40, { weight: 3 });
      await fill('dear', 40, { weight: 1 });
      const served = await serve(50, ({ userId }) => (userId === 'dear' ? 5000 : 1000));
      const jobs = (user: string): number => served.filter((name) => name === user).length;
      expect(jobs('b') / jobs('a')).toBeGreaterThan(2.4);
      expect(jobs('b') / jobs('a')).toBeLessThan(3.6);
      expect(jobs('a') / jobs('dear')).toBeGreaterThan(3.5);
      expect(jobs('a') / jobs('dear')).toBeLessThan(7);
    });

    test('absence saves up nothing, and debts are forgotten where nobody waits', async () => {
      const store = getStore();
      await fill('a', 60);
      await serve(30, () => 1000);
      await fill('late', 10);
      const served = await serve(10, () => 1000);
      expect(served.filter((name) => name === 'late')).toHaveLength(5);
      await serve(30, () => 1000);
      expect(await claim(store)).toEqual([]);
      await fill('a', 10);
      await fill('new', 10);
      expect((await serve(10, () => 1000)).filter((name) => name === 'a')).toHaveLength(5);
    });

    test('a debt made alone is forgotten once the lane is empty; equals go in the order they came', async () => {
      const store = getStore();
      await fill('a', 1);
      await serve(1, () => 1_000_000);
      await fill('z', 3);
      await fill('a', 3);
      expect(usersOf(await claim(store, 4))).toEqual(['z', 'a', 'z', 'a']);
    });

    test('cancelled work costs nothing', async () => {
      const store = getStore();
      await fill('b', 3);
      await fill('a', 200);
      await store.cancelAll({ userId: 'a' }, 'changed my mind', LATER);
      await fill('a', 3);
      expect(usersOf(await claim(store, 4))).toEqual(['b', 'a', 'b', 'a']);
    });

    test('the caps of user and lane hold, with many claiming at once', async () => {
      const store = getStore();
      await fill('a', 20, { maxRunningPerUser: 2 });
      await fill('b', 20, { maxRunningPerUser: 2 });
      await fill('c', 20, { maxRunningPerUser: 2 });
      const claims = await Promise.all(Array.from({ length: 20 }, () => claim(store, 2, { maxRunningInLane: 5 })));
      const jobs = claims.flat();
      expect(jobs).toHaveLength(5);
      expect(new Set(idsOf(jobs)).size).toBe(5);
      for (const user of ['a', 'b', 'c']) expect(usersOf(jobs).filter((name) => name === user).length).toBeLessThanOrEqual(2);
      expect(await claim(store, 5, { maxRunningInLane: 3 })).toEqual([]);
      expect(await claim(store, 5)).toHaveLength(1);
      expect(await claim(store, 5)).toEqual([]);
    });

    test('who was held at the cap catches up a bounded part only', async () => {
      const store = getStore();
      await fill('held', 30, { maxRunningPerUser: 1 });
      const held = await claimOne(store);
      await fill('a', 120);
      await serve(80, () => 1000);
      await store.finish([succeeded(held)]);
      const served = await serve(10, () => 1000);
      expect(served.filter((name) => name === 'held').length).toBeLessThanOrEqual(7);
    });

    test('a service is one among the users, however many it acts for, and its users share what it gets', async () => {
      const store = getStore();
      const group = { maxUnfinished: 1000, rateLimit: 1000, weight: 2, maxRunning: 100 };
      const users = Array.from({ length: 20 }, (_, n) => `of service ${n}`);
      for (const user of users) for (let n = 0; n < 4; n++) await enqueue(store, someJob(user, { group: 'service' }), { group });
      await fill('alone', 40);
      const served = await serve(60, ({ userId }) => (userId === users[0] ? 3000 : 1000));
      const alone = served.filter((name) => name === 'alone').length;
      // Of the cost a third is the one user's, two thirds the service's, whose dear user has few turns.
      expect(alone).toBeGreaterThanOrEqual(20);
      expect(alone).toBeLessThanOrEqual(24);
      const turns = users.map((user) => served.filter((name) => name === user).length);
      expect(turns[0]).toBe(1);
      for (const count of turns.slice(1)) expect([1, 2, 3]).toContain(count);
      expect(await store.lines('sync', 3)).toMatchObject([{ group: expect.any(String) as string }, {}, {}]);
    });

    test('the cap of a service holds over its users, and no lower one of its own jobs lowers it', async () => {
      const store = getStore();
      const group = { maxUnfinished: 1000, rateLimit: 1000, weight: 2, maxRunning: 2 };
      for (const user of ['a', 'b', 'c']) await enqueue(store, someJob(user, { group: 'service' }), { group, maxRunningPerUser: 1 });
      await enqueue(store, someJob('service'), { maxRunningPerUser: 1 });
      const [first] = [await claimOne(store), await claimOne(store)];
      expect(await claim(store, 5)).toEqual([]);
      await enqueue(store, someJob('z'), { maxRunningPerUser: 1 });
      expect(usersOf(await claim(store, 5))).toEqual(['z']);
      await store.finish([succeeded(first)]);
      expect(await claim(store, 5)).toHaveLength(1);
    });

    test('users of a service who come and go neither save up nor lose, and are forgotten with it', async () => {
      const store = getStore();
      const group = { maxUnfinished: 1000, rateLimit: 1000, weight: 1, maxRunning: 100 };
      const ask = async (user: string, jobs: number): Promise<void> => {
        for (let n = 0; n < jobs; n++) await enqueue(store, someJob(user, { group: 'service' }), { group });
      };
      await ask('a', 40);
      await serve(20, () => 1000);
      await ask('late', 10);
      expect((await serve(10, () => 1000)).filter((name) => name === 'late')).toHaveLength(5);
      expect(await store.prune(AT, 100)).toBe(0);
      await serve(20, () => 1000);
      expect(await claim(store)).toEqual([]);
      await store.prune(LATER * 2, 1000);
      await ask('late', 5);
      await ask('a', 5);
      expect((await serve(6, () => 1000)).filter((name) => name === 'a')).toHaveLength(3);
    });

    test('lanes are apart', async () => {
      const store = getStore();
      await enqueue(store, someJob('a', { lane: 'batch' }));
      await enqueue(store, someJob('a'));
      expect(await claim(store, 5)).toHaveLength(1);
      expect(await claim(store, 5, { lane: 'bulk' })).toEqual([]);
      expect(await claim(store, 5, { lane: 'batch', maxRunningInLane: 1 })).toHaveLength(1);
    });

    test('a delayed job waits for its time, whatever else its user has', async () => {
      const store = getStore();
      const delayed = await enqueue(store, someJob('a', { runAt: LATER + 10 }));
      const now = await enqueue(store, someJob('a'));
      expect(await store.nextDueAt(LATER)).toBe(LATER + 10);
      expect(idsOf(await claim(store, 5))).toEqual([now.id]);
      expect(idsOf(await claim(store, 5, { now: LATER + 10 }))).toEqual([delayed.id]);
      expect(await store.nextDueAt(LATER + 10)).toBe(LATER + 30_000);
      expect(await store.nextDueAt(LATER + 50_000)).toBeUndefined();
    });

    test('a run that goes back to the line is served again, after its wait', async () => {
      const store = getStore();
      await fill('a', 1);
      const first = await claimOne(store);
      expect(await store.finish([again(first, { runAt: LATER + 500 })])).toEqual([true]);
      expect(await claim(store)).toEqual([]);
      expect(await claimOne(store, { now: LATER + 500 })).toMatchObject({ id: first.id, attempt: 2 });
    });

    test('what the line shows: loads, lines, modes', async () => {
      const store = getStore();
      await enqueue(store, someJob('a', { runAt: LATER - 700 }));
      await enqueue(store, someJob('b', { runAt: LATER + 700 }), { weight: 2 });
      await enqueue(store, someJob('c'), { weight: 2 });
      await claimOne(store);
      const load = (await store.load(LATER)).find(({ lane }) => lane === 'sync');
      expect(load).toMatchObject({ queued: 2, running: 1 });
      expect((await store.load(LATER)).map(({ lane }) => lane).toSorted()).toEqual(['batch', 'bulk', 'sync']);
      expect(await store.lines('sync', 10)).toMatchObject([{ userId: 'a' }, { userId: 'c', weight: 2, running: 1, queued: 0, virtualTime: 500 }]);
      expect(await store.lines('sync', 1)).toHaveLength(1);
      expect(await store.laneModes()).toEqual({ bulk: 'open', sync: 'open', batch: 'open' });
    });

    test('a paused lane starts nothing, a draining one takes nothing new', async () => {
      const store = getStore();
      await fill('a', 2);
      await store.setLaneMode('sync', 'paused');
      expect(await claim(store)).toEqual([]);
      expect(await store.enqueue(someJob('b', { idempotencyKey: 'k' }), limits())).toMatchObject({ kind: 'created' });
      await store.setLaneMode('sync', 'draining');
      expect(await store.enqueue(someJob('b'), limits())).toEqual({ kind: 'refused', reason: 'draining' });
      expect(await store.enqueue(someJob('b', { idempotencyKey: 'k' }), limits())).toMatchObject({ kind: 'joined' });
      expect(await claim(store, 5)).toHaveLength(3);
      expect((await store.laneModes()).sync).toBe('draining');
    });
  });
}

async function serveOne(store: JobStore, cost: (job: Job) => number): Promise<string> {
  const job = await claimOne(store);
  await store.finish([succeeded(job, { cost: cost(job) })]);
  return job.userId;
}
