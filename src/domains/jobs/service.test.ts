import { describe, expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { openJobHarness } from '../../../test/support/job-harness.ts';
import { eventually } from '../../../test/support/leaks.ts';
import { WorkerDied } from './ports.ts';
import type { JobStore } from './store.ts';

const SHORT_LEASE = 200;

describe('a job of a call', () => {
  it('is one job for all who ask for the same at once, and all get its result', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('one');
    const first = harness.call('ann', { name: 'one', unique: 'repo' });
    await harness.bench.begun('one');
    const second = harness.call('ann', { name: 'two', unique: 'repo' });
    harness.bench.release('one');
    const [a, b] = await Promise.all([first, second]);
    expect(a).toEqual(b);
    expect(harness.bench.runs).toHaveLength(1);
  });

  it('under one idempotency key happens once, also after it has ended; with another input it is refused', async () => {
    await using harness = await openJobHarness();
    const first = await harness.call('ann', { name: 'once' }, { idempotencyKey: 'k' });
    expect(await harness.call('ann', { name: 'once' }, { idempotencyKey: 'k' })).toEqual(first);
    await expect(harness.call('ann', { name: 'other' }, { idempotencyKey: 'k' })).rejects.toMatchObject({ code: 'conflict' });
    await harness.call('ben', { name: 'other' }, { idempotencyKey: 'k' });
    expect(harness.bench.runs).toHaveLength(2);
  });

  it('fails with the error of its run and its id; details stay', async () => {
    await using harness = await openJobHarness();
    harness.bench.work = () => Promise.reject(new PolymniaError('quota_exceeded', 'Full.', { details: { used: 3 } }));
    const failed = harness.call('ann', { name: 'a' });
    await expect(failed).rejects.toMatchObject({
      code: 'quota_exceeded',
      message: 'Full.',
      details: { used: 3, jobId: expect.stringMatching(/^job_/) as string },
    });
  });

  it('ends partial when its rules say so, and refuses a result that is too large', async () => {
    await using harness = await openJobHarness();
    harness.bench.work = async () => ({ made: 'half', partial: true });
    expect(await harness.call('ann', { name: 'a' })).toMatchObject({ made: 'half', job: { state: 'partial' } });
    harness.bench.work = async () => ({ made: 'x'.repeat(1024 * 1024) });
    await expect(harness.call('ann', { name: 'b' })).rejects.toMatchObject({ code: 'too_large' });
  });

  it('answers with the job as it stands when the wait is over, and goes on', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('slow');
    const answer = await harness.call('ann', { name: 'slow', wait: 0.05 });
    expect(answer).toEqual({ job: expect.objectContaining({ state: 'running' }) as unknown });
    expect(await harness.call('ann', { name: 'ben', wait: 0 })).toMatchObject({ job: { state: 'queued' } });
    expect(await harness.call('ben', { name: 'slow' }, { defaultWaitMs: 20 })).toMatchObject({
      job: { state: expect.stringMatching(/queued|running/) as string },
    });
  });

  it('tells whoever waits of its progress, which never falls within a phase', async () => {
    await using harness = await openJobHarness();
    harness.bench.work = async (_input, ctx) => {
      for (const done of [5, 3, 9]) ctx.progress({ phase: 'read', done, total: 8, unit: 'files' });
      ctx.progress({ phase: 'write', done: 1, unit: 'rows' });
      return { made: 'it' };
    };
    const told: unknown[] = [];
    const { job } = (await harness.call('ann', { name: 'a' }, { onProgress: ({ phase, done, total }) => void told.push([phase, done, total]) })) as {
      job: { id: string };
    };
    expect(told.at(0)).toEqual(['read', 5, 8]);
    expect(told.at(-1)).toEqual(['write', 1, undefined]);
    expect((await harness.store.get(job.id))?.progress).toMatchObject({ phase: 'write', done: 1 });
  });

  it('is shown with its newest progress, kept or not', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('slow');
    const id = await harness.ask('ann', { name: 'slow' });
    const ctx = await harness.bench.begun('slow');
    const look = { ms: 0, signal: new AbortController().signal };
    for (const done of [1, 2, 3]) {
      ctx.progress({ phase: 'read', done, unit: 'files' });
      expect((await harness.service.get(harness.as('ann'), id, look)).progress).toMatchObject({ done });
      expect((await harness.service.list(harness.as('ann'), {}, 1)).jobs[0]?.progress).toMatchObject({ done });
    }
    harness.bench.release('slow');
  });

  it('counts its cost in the table', async () => {
    await using harness = await openJobHarness();
    harness.bench.work = async (_input, ctx) => {
      ctx.meter.add(70);
      ctx.meter.add(7);
      return { made: 'it' };
    };
    const { job } = (await harness.call('ann', { name: 'a' })) as { job: { id: string } };
    expect((await harness.store.get(job.id))?.cost).toBe(77);
  });
});

describe('limits', () => {
  const FIVE = { max: 3, timeoutMs: 60_000, timeoutName: 'SYNC_OP_TIMEOUT', rateLimit: 5, windowMs: 3_600_000 } as const;

  it('lets ten jobs of a user be unfinished, and no eleventh', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('held');
    for (let count = 0; count < 10; count += 1) await harness.ask('ann', { name: 'held' });
    await expect(harness.ask('ann', { name: 'held' })).rejects.toMatchObject({ code: 'rate_limited', details: { limit: 'MAX_JOBS_PER_USER' } });
    await harness.ask('ben', { name: 'free' });
  });

  it('counts successful jobs of the window alone, from the table, with an exact time to come back', async () => {
    await using harness = await openJobHarness({ deps: { lanes: { bulk: FIVE, sync: FIVE, batch: FIVE } } });
    harness.bench.work = () => Promise.reject(new PolymniaError('invalid_input', 'No.'));
    for (let count = 0; count < 3; count += 1) await expect(harness.call('ann', { name: 'bad' })).rejects.toMatchObject({ code: 'invalid_input' });
    harness.bench.work = async () => ({ made: 'it' });
    for (let count = 0; count < 5; count += 1) await harness.call('ann', { name: 'good' });
    const { caller } = harness.as('ann');
    expect(await harness.service.standing(caller, 'sync')).toMatchObject({ limit: 5, remaining: 0 });
    const refused = harness.call('ann', { name: 'good' });
    await expect(refused).rejects.toMatchObject({ code: 'rate_limited', details: { lane: 'sync', limit: 5 } });
    const { retryAfterMs = 0 } = (await refused.catch((error: unknown) => error)) as PolymniaError;
    expect(retryAfterMs).toBeGreaterThan(3_590_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it('runs one job of a user at a time; the places left are for others', async () => {
    await using harness = await openJobHarness();
    for (const name of ['a', 'b', 'c']) harness.bench.hold(name);
    const [a, b] = [await harness.ask('ann', { name: 'a' }), await harness.ask('ann', { name: 'b' })];
    const c = await harness.ask('ben', { name: 'c' });
    await Promise.all([harness.until(a, 'running'), harness.until(c, 'running')]);
    expect((await harness.store.get(b))?.state).toBe('queued');
    harness.bench.release('a');
    await harness.until(b, 'running');
  });

  it('gives a place to the user with the least, however many jobs another has waiting', async () => {
    await using harness = await openJobHarness({ deps: { groups: [{ lanes: ['sync'], cap: 1 }] } });
    harness.bench.hold('first');
    const ids = [await harness.ask('ann', { name: 'first' })];
    await harness.bench.begun('first');
    for (let count = 0; count < 4; count += 1) ids.push(await harness.ask('ann', { name: `more ${count}` }));
    ids.push(await harness.ask('ben', { name: 'his' }));
    harness.bench.release('first');
    for (const id of ids) await harness.until(id, 'succeeded');
    expect(harness.bench.runs.slice(0, 3).map(({ name }) => name)).toContain('his');
  });
});

describe('whoever waits', () => {
  it('may hang up: the job goes on, and the same call joins it again', async () => {
    await using harness = await openJobHarness({ deps: { detachGraceMs: 60_000 } });
    harness.bench.hold('it');
    const controller = new AbortController();
    const call = harness.call('ann', { name: 'it', unique: 'u' }, { signal: controller.signal });
    await harness.bench.begun('it');
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    const [job] = await harness.store.list({}, 10);
    await eventually(async () => expect((await harness.store.get(job?.id ?? ''))?.unwatchedSince).toBeGreaterThan(0));
    const again = harness.call('ann', { name: 'it', unique: 'u' });
    await eventually(async () => expect((await harness.store.get(job?.id ?? ''))?.unwatchedSince).toBeUndefined());
    harness.bench.release('it');
    expect(await again).toMatchObject({ job: { id: job?.id, state: 'succeeded' } });
    expect(harness.bench.runs).toHaveLength(1);
  });

  it('must come back within the grace, or the job is cancelled; one in the background goes on', async () => {
    await using harness = await openJobHarness({ deps: { detachGraceMs: 60 } });
    harness.bench.hold('left');
    harness.bench.hold('kept');
    const kept = await harness.ask('ben', { name: 'kept' });
    const controller = new AbortController();
    const call = harness.call('ann', { name: 'left' }, { signal: controller.signal });
    const ctx = await harness.bench.begun('left');
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await eventually(() => expect(ctx.signal.aborted).toBe(true));
    const left = await harness.until(ctx.job?.id ?? '', 'cancelled');
    expect(left.cancelReason).toContain('JOB_DETACH_GRACE');
    expect((await harness.store.get(kept))?.state).toBe('running');
  });

  it('ends a job that waited too long for its start', async () => {
    await using harness = await openJobHarness({ deps: { queueTimeoutMs: 60, detachGraceMs: 50 } });
    await harness.service.admin.setLaneMode('sync', 'paused');
    const id = await harness.ask('ann', { name: 'never' });
    expect((await harness.until(id, 'cancelled')).cancelReason).toContain('JOB_QUEUE_TIMEOUT');
  });
});

describe('runs that do not end well', () => {
  it('is tried again when the failure may pass, three times, and not when it may not', async () => {
    await using harness = await openJobHarness();
    let tries = 0;
    harness.bench.work = async () => {
      if (++tries < 2) throw new PolymniaError('upstream_failed', 'Not now.');
      return { made: 'at last' };
    };
    expect(await harness.call('ann', { name: 'a' })).toMatchObject({ made: 'at last', job: { attempt: 2 } });
    tries = -100;
    await expect(harness.call('ann', { name: 'b' })).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(tries).toBe(-97);
    harness.bench.work = () => Promise.reject(new PolymniaError('conflict', 'Never.'));
    await expect(harness.call('ann', { name: 'c' })).rejects.toMatchObject({ code: 'conflict' });
    expect(harness.bench.runs.filter(({ name }) => name === 'c')).toHaveLength(1);
  });

  it('is parked when it keeps killing its workers', async () => {
    await using harness = await openJobHarness();
    harness.bench.work = () => Promise.reject(new WorkerDied('memory', 'It used more than 2048 MB.'));
    const id = await harness.ask('ann', { name: 'poison' });
    const parked = await harness.until(id, 'failed');
    expect(parked).toMatchObject({ attempt: 3, error: { details: { workerDied: 'memory', crashes: 3 } } });
    expect(parked.error?.message).toContain('2048 MB');
    await eventually(() => expect(harness.observed.parked.map((job) => job.id)).toEqual([id]));
  });

  it('stops at the time-out of its lane, which the error names', async () => {
    const lane = { max: 3, timeoutMs: 50, timeoutName: 'SYNC_OP_TIMEOUT', rateLimit: 5, windowMs: 1000 };
    await using harness = await openJobHarness({ deps: { lanes: { bulk: lane, sync: lane, batch: lane } } });
    harness.bench.hold('slow');
    await expect(harness.call('ann', { name: 'slow' })).rejects.toMatchObject({
      code: 'timed_out',
      message: expect.stringContaining('SYNC_OP_TIMEOUT') as string,
    });
  });

  it('discards the result of a run that was paused past its lease: another one took its place', async () => {
    const paused = Promise.withResolvers<void>();
    const stuck = (store: JobStore): JobStore => ({ ...store, heartbeat: () => paused.promise.then(() => []), expireLeases: async () => [] });
    await using harness = await openJobHarness({ deps: { leaseMs: SHORT_LEASE }, wrap: stuck });
    harness.bench.hold('it');
    harness.bench.work = async () => ({ made: 'by the first' });
    const id = await harness.ask('ann', { name: 'it' });
    await harness.bench.begun('it');
    const { bench } = await harness.another();
    bench.work = async () => ({ made: 'by the second' });
    const done = await harness.until(id, 'succeeded');
    expect(done).toMatchObject({ result: { made: 'by the second' }, attempt: 2 });
    harness.bench.release('it');
    await eventually(() => expect(harness.observed.lost.map((job) => job.attempt)).toEqual([1]));
    expect(await harness.store.get(id)).toEqual(done);
    paused.resolve();
  });

  it('stops a run whose lease was taken over, at its next heartbeat, and confirms nothing', async () => {
    await using harness = await openJobHarness({ deps: { leaseMs: SHORT_LEASE } });
    harness.bench.hold('it');
    const id = await harness.ask('ann', { name: 'it' });
    const ctx = await harness.bench.begun('it');
    await harness.store.expireLeases(Date.now() + 10 * SHORT_LEASE, 10, { backoffMs: () => 60_000, maxCrashes: 3, maxLosses: 3 });
    await expect(ctx.job?.confirm()).rejects.toMatchObject({ code: 'conflict' });
    await eventually(() => expect(ctx.signal.aborted).toBe(true));
    expect((await harness.store.get(id))?.state).toBe('queued');
  });

  it('goes back to the line when the server stops, without counting as an attempt, and is done after the next start', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('long');
    const id = await harness.ask('ann', { name: 'long' });
    await harness.bench.begun('long');
    await harness.service.drain(0);
    expect(await harness.store.get(id)).toMatchObject({ state: 'queued', crashes: 0 });
    const { bench } = await harness.another();
    await harness.until(id, 'succeeded');
    expect(bench.runs).toHaveLength(1);
  });

  it('may finish while the server drains, which claims nothing more', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('long');
    const [id, next] = [await harness.ask('ann', { name: 'long' }), await harness.ask('ann', { name: 'next' })];
    const waiting = harness.service.get(harness.as('ann'), next, { ms: Infinity, signal: new AbortController().signal });
    await harness.bench.begun('long');
    const drained = harness.service.drain(5000);
    await expect(waiting).rejects.toMatchObject({ code: 'overloaded', details: { jobId: next } });
    harness.bench.release('long');
    await drained;
    expect((await harness.store.get(id))?.state).toBe('succeeded');
    expect((await harness.store.get(next))?.state).toBe('queued');
  });
});

describe('authority', () => {
  it('ends what runs and what waits of a user that is gone', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('a');
    const [a, b] = [await harness.ask('ann', { name: 'a' }), await harness.ask('ann', { name: 'b' })];
    const ctx = await harness.bench.begun('a');
    harness.lose({ userId: 'usr_ann' });
    await Promise.all([harness.until(a, 'cancelled'), harness.until(b, 'cancelled')]);
    expect(ctx.signal.aborted).toBe(true);
  });

  it('is asked for at the claim and before anything is published', async () => {
    await using harness = await openJobHarness();
    harness.bench.hold('a');
    await harness.ask('ann', { name: 'a' });
    const ctx = await harness.bench.begun('a');
    await ctx.job?.confirm();
    harness.lose({ userId: 'usr_ann', credentialId: 'key_ann' });
    await expect(ctx.job?.confirm()).rejects.toMatchObject({ code: 'cancelled' });
    const late = await harness.ask('ann', { name: 'late' });
    await harness.until(late, 'cancelled');
    expect(harness.bench.runs.map(({ name }) => name)).toEqual(['a']);
  });

  it('shows, lists and cancels a job for its user alone, in one voice', async () => {
    await using harness = await openJobHarness();
    const id = await harness.ask('ann', { name: 'a' });
    const ben = harness.as('ben');
    const now = { ms: 0, signal: new AbortController().signal };
    await expect(harness.service.get(ben, id, now)).rejects.toMatchObject({ code: 'not_found', message: 'No such job.' });
    await expect(harness.service.get(ben, 'job_none', now)).rejects.toMatchObject({ code: 'not_found', message: 'No such job.' });
    await expect(harness.service.cancel(ben, id, now.signal)).rejects.toMatchObject({ code: 'not_found', message: 'No such job.' });
    expect((await harness.service.list(ben, {}, 10)).jobs).toEqual([]);
    const noScope = { ...harness.as('ann'), credential: { id: 'key_2', scopes: ['memory:read'] as const } };
    await expect(harness.service.get(noScope, id, now)).rejects.toMatchObject({ code: 'not_found' });
    expect((await harness.service.list(noScope, {}, 10)).jobs).toEqual([]);
  });
});

describe('lists', () => {
  it('show everything once, newest first, page by page, past what the credential may not see', async () => {
    await using harness = await openJobHarness();
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      ids.unshift(await harness.ask('ann', { name: `of ann ${count}` }));
      await harness.ask('ben', { name: 'of ben' });
      await harness.until(ids[0] ?? '', 'succeeded');
    }
    const seen: string[] = [];
    let after: { createdAt: number; id: string } | undefined;
    do {
      const page = await harness.service.list(harness.as('ann'), {}, 2, after);
      seen.push(...page.jobs.map(({ id }) => id));
      after = page.last;
    } while (after !== undefined);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    const { jobs } = await harness.service.list(
      harness.as('ann'),
      { subject: 'of ann 3', states: ['succeeded'], lane: 'sync', operations: ['do_job'] },
      10,
    );
    expect(jobs.map(({ id }) => id)).toEqual([ids[1]]);
  });
});

describe('administration', () => {
  it('pauses a lane, drains it, and opens it again', async () => {
    await using harness = await openJobHarness();
    const { admin } = harness.service;
    await admin.setLaneMode('sync', 'paused');
    const id = await harness.ask('ann', { name: 'a' });
    expect((await admin.lanes(10)).find(({ lane }) => lane === 'sync')).toMatchObject({ mode: 'paused', queued: 1, running: 0 });
    await admin.setLaneMode('sync', 'draining');
    await harness.until(id, 'succeeded');
    await expect(harness.ask('ann', { name: 'b' })).rejects.toMatchObject({ code: 'overloaded' });
    await admin.setLaneMode('sync', 'open');
    await harness.call('ann', { name: 'c' });
  });

  it('ranks queued jobs of a user, and runs failed ones once more', async () => {
    await using harness = await openJobHarness();
    const { admin } = harness.service;
    harness.bench.hold('first');
    await harness.ask('ann', { name: 'first' });
    await harness.bench.begun('first');
    const [low, high] = [await harness.ask('ann', { name: 'low' }), await harness.ask('ann', { name: 'high' })];
    await admin.setPriority(high, 1);
    harness.bench.release('first');
    await Promise.all([harness.until(low, 'succeeded'), harness.until(high, 'succeeded')]);
    expect(harness.bench.runs.map(({ name }) => name)).toEqual(['first', 'high', 'low']);
    await expect(admin.setPriority(high, 2)).rejects.toMatchObject({ code: 'conflict' });
    await expect(admin.retry(high)).rejects.toMatchObject({ code: 'conflict' });
    harness.bench.work = () => Promise.reject(new PolymniaError('invalid_input', 'No.'));
    const failed = await harness.ask('ann', { name: 'failed' });
    await harness.until(failed, 'failed');
    harness.bench.work = async () => ({ made: 'it' });
    await admin.retry(failed);
    await harness.until(failed, 'succeeded');
  });
});
