import { describe, expect, test } from 'vitest';
import { AT, claim, claimOne, created, enqueue, type GetStore, HOUR, LATER, limits, someJob, succeeded } from './job-store-fixture.ts';

/** What is stored, what is a twin, what is refused. */
export function describeJobEnqueue(getStore: GetStore): void {
  describe('asking for jobs', () => {
    test('a job comes back as given, whatever text it holds', async () => {
      const text = `'; drop table jobs; -- "\u0000\u{1F600}\n`;
      const job = someJob('a', {
        input: { text, nested: { list: [1, 2.5, null, true] } },
        subject: text,
        priority: 2,
        uniqueKey: `u ${text}`,
        idempotencyKey: `i ${text}`,
        background: true,
        origin: { surface: 'mcp', client: text },
        upload: { spoolId: 'spool-1', bytes: 7 },
        estimate: 2.5,
      });
      const stored = { ...job, state: 'queued', attempt: 0, crashes: 0, cost: 0 };
      expect(await getStore().enqueue(job, limits())).toEqual({ kind: 'created', job: stored });
      expect(await getStore().get(job.id)).toEqual(stored);
      expect(await getStore().get('job_unknown')).toBeUndefined();
      const claimed = await claimOne(getStore());
      expect(claimed).toEqual({ ...stored, state: 'running', attempt: 1, startedAt: LATER, leaseUntil: LATER + 30_000 });
    });

    test('the same idempotency key is the same job, whether it waits, runs or has succeeded; another input is refused', async () => {
      const store = getStore();
      const first = await enqueue(store, someJob('a', { idempotencyKey: 'k' }));
      const ask = (fields: object) => store.enqueue(someJob('a', { idempotencyKey: 'k', ...fields }), limits({ maxUnfinished: 1 }));
      expect(await ask({})).toMatchObject({ kind: 'joined', by: 'idempotency', job: { id: first.id } });
      await store.finish([succeeded(await claimOne(store))]);
      expect(await ask({})).toMatchObject({ kind: 'joined', job: { id: first.id, state: 'succeeded', result: { files: 3 } } });
      const differs = { kind: 'refused', reason: 'input_differs' };
      expect(await ask({ input: { source: 'other' } })).toEqual(differs);
      expect(await ask({ spaceId: 'space_other' })).toEqual(differs);
      expect(await ask({ upload: { spoolId: 's', bytes: 1 } })).toEqual(differs);
      expect(await store.enqueue(someJob('b', { idempotencyKey: 'k' }), limits())).toMatchObject({ kind: 'created' });
      expect(await ask({ operation: 'other' })).toMatchObject({ kind: 'created' });
    });

    test('an idempotency key whose job failed or was cancelled goes to the next job, whatever its input; a refused one leaves it', async () => {
      const store = getStore();
      const ask = (fields: object, refuse = false) =>
        store.enqueue(someJob('a', { idempotencyKey: 'k', ...fields }), limits(refuse ? { maxUnfinished: 0 } : {}));
      const failed = await enqueue(store, someJob('a', { idempotencyKey: 'k' }));
      const end = { kind: 'final', state: 'failed', error: { code: 'upstream_failed', message: 'x' } } as const;
      await store.finish([succeeded(await claimOne(store), { end })]);
      expect(await ask({}, true)).toMatchObject({ kind: 'refused', reason: 'too_many' });
      expect(await store.get(failed.id)).toMatchObject({ state: 'failed', idempotencyKey: 'k' });
      const second = created(await ask({ input: { source: 'other' } }));
      expect(await store.get(failed.id)).not.toHaveProperty('idempotencyKey');
      await store.cancel(second.id, 'a', 'why', LATER);
      const third = created(await ask({}));
      expect(third).toMatchObject({ idempotencyKey: 'k', state: 'queued' });
      expect(await store.retry(failed.id, LATER)).toMatchObject({ state: 'queued' });
      await store.cancel(failed.id, 'a', 'why', LATER);
      await store.finish([succeeded(await claimOne(store), { end: { kind: 'final', state: 'partial' } })]);
      expect(await ask({})).toMatchObject({ kind: 'joined', by: 'idempotency', job: { id: third.id, state: 'partial' } });
    });

    test('the same unique key in a space is one job until it has ended', async () => {
      const store = getStore();
      const space = { spaceId: 'space_shared', uniqueKey: 'repo' };
      const first = await enqueue(store, someJob('a', space));
      expect(await store.enqueue(someJob('b', { ...space, background: true }), limits())).toMatchObject({ kind: 'joined', by: 'unique' });
      const running = await claimOne(store);
      expect(running).toMatchObject({ id: first.id, background: true });
      expect(await store.enqueue(someJob('b', space), limits())).toMatchObject({ kind: 'joined', job: { id: first.id, state: 'running' } });
      expect(await store.enqueue(someJob('b', { uniqueKey: 'repo' }), limits())).toMatchObject({ kind: 'created' });
      expect(await store.enqueue(someJob('b', { ...space, operation: 'other' }), limits())).toMatchObject({ kind: 'created' });
      await store.finish([succeeded(running)]);
      expect(await store.enqueue(someJob('b', space), limits())).toMatchObject({ kind: 'created' });
    });

    test('many asking at once for one work get one job', async () => {
      const store = getStore();
      const byKey = await Promise.all(Array.from({ length: 30 }, () => store.enqueue(someJob('a', { idempotencyKey: 'once' }), limits())));
      const byWork = await Promise.all(
        Array.from({ length: 30 }, (_, n) => store.enqueue(someJob(`u${n}`, { spaceId: 's', uniqueKey: 'once' }), limits())),
      );
      for (const outcomes of [byKey, byWork]) {
        expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
        expect(new Set(outcomes.map((outcome) => (outcome.kind === 'refused' ? '' : outcome.job.id))).size).toBe(1);
      }
    });

    test('a user has at most so many unfinished jobs over all lanes, under concurrency too', async () => {
      const store = getStore();
      const lanes = ['sync', 'batch', 'bulk'] as const;
      const asks = Array.from({ length: 12 }, (_, n) => someJob('a', { lane: lanes[n % 3] ?? 'sync' }));
      const outcomes = await Promise.all(asks.map((job) => store.enqueue(job, limits({ maxUnfinished: 5 }))));
      expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(5);
      expect(outcomes.at(-1)).toEqual({ kind: 'refused', reason: 'too_many', of: 'user' });
      await claim(store, 1);
      expect(await store.enqueue(someJob('a'), limits({ maxUnfinished: 5 }))).toMatchObject({ reason: 'too_many' });
      expect(await store.enqueue(someJob('b'), limits({ maxUnfinished: 5 }))).toMatchObject({ kind: 'created' });
    });

    test('never more than the rate in any window; what did not succeed does not count', async () => {
      const store = getStore();
      const rate = { limit: 3, windowMs: HOUR };
      const ask = (createdAt: number) => store.enqueue(someJob('a', { createdAt, runAt: createdAt }), limits({ rate }));
      for (const at of [0, 10, 20]) await ask(AT + at);
      expect(await ask(AT + HOUR - 1)).toEqual({ kind: 'refused', reason: 'rate', of: 'user', retryAt: AT + HOUR });
      expect(await store.counted('a', 'sync', AT + HOUR - 1 - HOUR, 10)).toEqual([AT, AT + 10, AT + 20]);
      expect(await store.counted('a', 'sync', AT, 1)).toEqual([AT + 20]);
      expect(await store.counted('a', 'batch', 0, 10)).toEqual([]);
      expect(await ask(AT + HOUR)).toMatchObject({ kind: 'created' });
      expect(await ask(AT + HOUR)).toEqual({ kind: 'refused', reason: 'rate', of: 'user', retryAt: AT + HOUR + 10 });
      const [first, second, third, fourth] = await claim(store, 4);
      if (!first || !second || !third || !fourth) throw new Error('four jobs');
      await store.finish([
        succeeded(first),
        succeeded(second, { end: { kind: 'final', state: 'partial' } }),
        succeeded(third, { end: { kind: 'final', state: 'failed', error: { code: 'internal', message: 'x' } } }),
        succeeded(fourth, { end: { kind: 'final', state: 'cancelled' } }),
      ]);
      expect(await store.counted('a', 'sync', 0, 10)).toEqual([AT, AT + 10]);
      const outcomes = await Promise.all([1, 2, 3, 4].map((n) => ask(AT + HOUR + 5 + n)));
      expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(2);
    });

    test('a service and its users have limits together, beside those of each; its own jobs count towards the number, not the rate', async () => {
      const store = getStore();
      const group = { maxUnfinished: 4, rateLimit: 3, weight: 2, maxRunning: 2 };
      const ask = (user: string, fields: object = {}) =>
        store.enqueue(
          someJob(user, { group: 'service', createdAt: AT, ...fields }),
          limits({ maxUnfinished: 2, rate: { limit: 2, windowMs: HOUR }, ...(user === 'service' ? {} : { group }) }),
        );
      for (const user of ['service', 'a', 'a']) expect(await ask(user)).toMatchObject({ kind: 'created' });
      expect(await ask('a')).toMatchObject({ reason: 'too_many', of: 'user' });
      expect(await ask('b')).toMatchObject({ kind: 'created' });
      expect(await ask('c')).toEqual({ kind: 'refused', reason: 'too_many', of: 'service' });
      expect(await ask('other', { group: 'other' })).toMatchObject({ kind: 'created' });
      await store.finish((await claim(store, 4)).map((job) => succeeded(job)));
      expect(await ask('c')).toEqual({ kind: 'refused', reason: 'rate', of: 'service', retryAt: AT + HOUR });
      expect(await ask('service')).toMatchObject({ kind: 'created' });
      expect(await ask('c', { createdAt: AT + HOUR })).toMatchObject({ kind: 'created' });
    });

    test('a lane holds so many queued jobs', async () => {
      const store = getStore();
      await enqueue(store, someJob('a'));
      const full = { maxQueuedInLane: 1 };
      expect(await store.enqueue(someJob('b'), limits(full))).toEqual({ kind: 'refused', reason: 'lane_full' });
      expect(await store.enqueue(someJob('b', { lane: 'batch' }), limits(full))).toMatchObject({ kind: 'created' });
      await claim(store);
      expect(await store.enqueue(someJob('b'), limits(full))).toMatchObject({ kind: 'created' });
    });
  });
}
