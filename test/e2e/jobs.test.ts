import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PolymniaError } from '../../src/kernel/errors.ts';
import { JobBench } from '../support/job-bench.ts';
import { eventually, expectIdle } from '../support/leaks.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

interface View {
  readonly id: string;
  readonly state: string;
}

let town: Town;
let ann: Citizen;
const bench = new JobBench();

beforeAll(async () => {
  town = await openTown({ overrides: { extraOperations: [bench.operation()] } });
  ann = await town.citizen('ann');
});

afterAll(() => town[Symbol.asyncDispose]());

const jobOf = (answer: Record<string, unknown>): View => answer['job'] as View;

it('runs, and answers with the result and the job', async () => {
  const answer = await town.done(ann, 'do_job', { name: 'plain', amount: 3 });
  expect(answer).toMatchObject({ made: 'plain 3', job: { state: 'succeeded', operation: 'do_job', subject: 'plain', attempt: 1 } });
});

it('in the background answers at once; get_job waits for the end', async () => {
  bench.hold('slow');
  const { id } = jobOf(await town.done(ann, 'do_job', { name: 'slow', background: true }));
  await bench.begun('slow');
  expect(jobOf(await town.done(ann, 'get_job', { id })).state).toBe('running');
  const listed = (await town.done(ann, 'list_jobs', { state: 'running' }))['jobs'] as View[];
  expect(listed.map((job) => job.id)).toEqual([id]);
  const waiting = town.done(ann, 'get_job', { id, wait: 'end' });
  bench.release('slow');
  expect(await waiting).toMatchObject({ job: { id, state: 'succeeded' }, result: { made: 'slow 1' } });
});

it('[P4-jobs-cancel] is cancelled, and its work told', async () => {
  bench.hold('endless');
  const { id } = jobOf(await town.done(ann, 'do_job', { name: 'endless', background: true }));
  const ctx = await bench.begun('endless');
  const waiting = town.rest(ann, 'get_job', { id, wait: 'end' });
  const begun = performance.now();
  expect(await town.done(ann, 'cancel_job', { id })).toMatchObject({ job: { state: 'cancelled' } });
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(ctx.signal.aborted).toBe(true);
  expect((await waiting).body).toMatchObject({ job: { state: 'cancelled' } });
});

it('[jobs-idempotency] a key whose job failed or was cancelled tries anew; one whose job succeeded brings it again', async () => {
  const ask = (): ReturnType<Town['rest']> => town.rest(ann, 'do_job', { name: 'keyed' }, { headers: { 'idempotency-key': 'one work' } });
  const { work } = bench;
  bench.work = () => Promise.reject(new PolymniaError('invalid_input', 'Not yet.'));
  expect((await ask()).problem).toMatchObject({ code: 'invalid_input', detail: 'Not yet.' });
  bench.work = work;
  bench.hold('keyed');
  bench.again('keyed');
  const second = ask();
  const { job } = await bench.begun('keyed');
  await town.done(ann, 'cancel_job', { id: job?.id });
  expect((await second).problem?.code).toBe('cancelled');
  bench.release('keyed');
  const third = await ask();
  expect(third.body).toMatchObject({ made: 'keyed 1', job: { state: 'succeeded' } });
  expect(jobOf(third.body).id).not.toBe(job?.id);
  expect((await ask()).body).toEqual(third.body);
});

it('over MCP answers the same, with the job beside the result', async () => {
  const answer = await town.mcp(ann, 'do_job', { name: 'by a model' });
  expect(answer.body).toMatchObject({ made: 'by a model 1', job: { state: 'succeeded' } });
});

it('[P4-jobs-hang-up] a hang-up of the client ends the wait, not the job', async () => {
  bench.hold('hung up');
  const controller = new AbortController();
  const call = town.rest(ann, 'do_job', { name: 'hung up', unique: 'hung' }, { signal: controller.signal });
  const ctx = await bench.begun('hung up');
  controller.abort();
  await call.catch(() => {});
  expect(ctx.signal.aborted).toBe(false);
  const waiting = async (): Promise<number> => ((await town.done(ann, 'whoami')) as { limits: { waiting: number } }).limits.waiting;
  await eventually(async () => expect(await waiting()).toBe(0));
  const again = town.done(ann, 'do_job', { name: 'hung up', unique: 'hung' });
  await eventually(async () => expect(await waiting()).toBe(1));
  bench.release('hung up');
  expect(jobOf(await again)).toMatchObject({ id: ctx.job?.id, state: 'succeeded' });
});

it('counts in its own lane for whoami and RateLimit, from the table, and in no other', async () => {
  const own = await openTown({ realRates: true, overrides: { extraOperations: [bench.operation()] } });
  await using _town = own;
  const cid = await own.citizen('cid');
  bench.work = () => Promise.reject(new PolymniaError('invalid_input', 'No.'));
  await own.rest(cid, 'do_job', { name: 'fails' });
  bench.work = async () => ({ made: 'it' });
  for (let count = 0; count < 4; count += 1) await own.done(cid, 'do_job', { name: 'counts' });
  const { limits } = (await own.done(cid, 'whoami')) as { limits: { rates: { lane: string; remaining: number }[] } };
  expect(limits.rates.find(({ lane }) => lane === 'sync')).toMatchObject({ limit: 5, remaining: 1 });
  expect(limits.rates.find(({ lane }) => lane === 'memory')).toMatchObject({ remaining: 95 });
  await own.done(cid, 'do_job', { name: 'counts' });
  const refused = await own.rest(cid, 'do_job', { name: 'one too many' });
  expect(refused.problem).toMatchObject({ code: 'rate_limited', details: { lane: 'sync', limit: 5, of: 'user' } });
  expect(refused.problem?.retryAfterMs).toBeGreaterThan(3_500_000);
});

describe('authority that goes', () => {
  const shared = async (name: string): Promise<{ member: Citizen; space: string }> => {
    const member = await town.citizen(name);
    return { member, space: await town.sharedSpace(ann, `of ${name}`, [[member, 'editor']]) };
  };

  it('[P4-jobs-authority] ends the jobs of a user that is disabled, of a member that is removed or made a reader, and of a space that is deleted', async () => {
    const ways: readonly (readonly [string, (member: Citizen, space: string) => Promise<unknown>])[] = [
      ['disabled', ({ id }) => town.done(town.admin, 'update_user', { userId: id, status: 'disabled' })],
      ['removed', ({ id }, space) => town.done(ann, 'remove_member', { spaceId: space, userId: id })],
      ['made a reader', ({ id }, space) => town.done(ann, 'set_member', { spaceId: space, userId: id, role: 'reader' })],
      ['without a space', (_member, space) => town.done(ann, 'delete_space', { spaceId: space })],
    ];
    for (const [name, lose] of ways) {
      const { member, space } = await shared(name);
      bench.hold(name);
      const { id } = jobOf(await town.done(member, 'do_job', { name, space, background: true }));
      const waiting = jobOf(await town.done(member, 'do_job', { name, space, background: true }));
      const ctx = await bench.begun(name);
      const begun = performance.now();
      await lose(member, space);
      await eventually(() => expect(ctx.signal.aborted, name).toBe(true));
      expect(performance.now() - begun).toBeLessThan(5000);
      await eventually(async () => {
        const { jobs } = (await town.done(town.admin, 'list_all_jobs', { userId: member.id })) as { jobs: View[] };
        expect(jobs.map((job) => [job.id, job.state])).toEqual([
          [waiting.id, 'cancelled'],
          [id, 'cancelled'],
        ]);
      });
    }
  });

  it('ends a wait when its key is revoked; the job goes on, since it belongs to the user', async () => {
    const key = await town.keyFor(ann.id, { scopes: ['memory:write'] });
    bench.hold('of a key');
    const call = town.rest({ key: key.secret }, 'do_job', { name: 'of a key' });
    const ctx = await bench.begun('of a key');
    await town.done(town.admin, 'revoke_key', { keyId: key.id });
    expect((await call).problem?.code).toBe('unauthenticated');
    expect(ctx.signal.aborted).toBe(false);
    bench.release('of a key');
    expect(await town.done(ann, 'get_job', { id: ctx.job?.id, wait: 5 })).toMatchObject({ job: { state: 'succeeded' } });
  });
});

describe('a service', () => {
  it('[jobs-service] has limits for all its users together, told as its own, and leaves a place of each lane to the others', async () => {
    const own = new JobBench();
    await using place = await openTown({
      realRates: true,
      settings: { SERVICE_SHARE: 2, MAX_JOBS_PER_USER: 2, RATE_LIMIT_SYNC_PER_HOUR: 2, MAX_CONCURRENT_SYNC_OPS: 2, CODE_WORKERS: 2 },
      overrides: { extraOperations: [own.operation()] },
    });
    const { key } = await place.citizen('service', { scopes: ['memory:write', 'memory:read', 'on_behalf'] });
    const bob = await place.citizen('bob');
    const ask = (user: string, name: string): ReturnType<Town['rest']> => place.rest({ key, onBehalfOf: user }, 'do_job', { name, background: true });
    own.hold('of the service');
    for (const user of ['u1', 'u1', 'u2', 'u3']) expect((await ask(user, 'of the service')).ok).toBe(true);
    expect((await ask('u1', 'more')).problem).toMatchObject({ code: 'rate_limited', details: { limit: 'MAX_JOBS_PER_USER', of: 'user' } });
    const refused = await ask('u4', 'more');
    expect(refused.problem).toMatchObject({ code: 'rate_limited', details: { limit: 'MAX_JOBS_PER_USER', of: 'service' } });
    expect(refused.problem?.detail).toContain('Your service has 4 jobs');
    await own.begun('of the service');
    // Three of its users wait; the second place is bob's all the same.
    expect(await place.done(bob, 'do_job', { name: "bob's" })).toMatchObject({ job: { state: 'succeeded' } });
    expect(own.runs.map(({ name }) => name)).toEqual(['of the service', "bob's"]);
    own.release('of the service');
    await eventually(() => expect(own.runs).toHaveLength(5));
    await eventually(() => expect(place.server.jobs.running).toBe(0));
    const rate = await ask('u4', 'more');
    expect(rate.problem).toMatchObject({ code: 'rate_limited', details: { lane: 'sync', limit: 4, of: 'service' } });
  });
});

describe('lanes that share CODE_WORKERS', () => {
  it('never run more together, and neither waits for the other to be empty', async () => {
    const [syncs, batches] = [new JobBench(), new JobBench()];
    const order: string[] = [];
    let running = 0;
    let most = 0;
    for (const [name, each] of [['sync', syncs] as const, ['batch', batches] as const]) {
      each.work = async () => {
        order.push(name);
        most = Math.max(most, ++running);
        await delay(5);
        running -= 1;
        return { made: 'it' };
      };
    }
    await using own = await openTown({
      settings: { CODE_WORKERS: 2, MAX_CONCURRENT_BATCH_OPS: 2 },
      overrides: { extraOperations: [syncs.operation('sync', 'do_sync'), batches.operation('batch', 'do_batch')] },
    });
    const users = await Promise.all(Array.from({ length: 4 }, (_, n) => own.citizen(`user ${n}`)));
    await own.done(own.admin, 'set_lane_mode', { lane: 'sync', mode: 'paused' });
    await own.done(own.admin, 'set_lane_mode', { lane: 'batch', mode: 'paused' });
    const ask = (operation: string): Promise<unknown> =>
      Promise.all(users.flatMap((user) => [1, 2, 3, 4].map(() => own.done(user, operation, { name: 'it', background: true }))));
    // All syncs have waited longer than any analysis.
    await ask('do_sync');
    await ask('do_batch');
    await own.done(own.admin, 'set_lane_mode', { lane: 'sync', mode: 'open' });
    await own.done(own.admin, 'set_lane_mode', { lane: 'batch', mode: 'open' });
    await eventually(() => expect(order).toHaveLength(32), 20_000);
    expect(most).toBe(2);
    const firstHalf = order.slice(0, 16).filter((name) => name === 'batch').length;
    expect(firstHalf).toBeGreaterThanOrEqual(5);
    expect(firstHalf).toBeLessThanOrEqual(11);
  }, 30_000);
});

describe('administrators', () => {
  it('see all jobs and lanes, pause and open a lane, and cancel any job', async () => {
    const ben = await town.citizen('ben');
    await town.done(town.admin, 'set_lane_mode', { lane: 'sync', mode: 'paused' });
    const { id } = jobOf(await town.done(ben, 'do_job', { name: 'paused', background: true }));
    const { jobs: lanes } = (await town.done(town.admin, 'show_lanes')) as { jobs: unknown[] };
    expect(lanes).toContainEqual(
      expect.objectContaining({ lane: 'sync', mode: 'paused', queued: 1, users: [expect.objectContaining({ user: ben.id, queued: 1 })] }),
    );
    expect(await town.done(town.admin, 'list_all_jobs', { userId: ben.id })).toMatchObject({ jobs: [{ id, userId: ben.id }] });
    await town.done(town.admin, 'set_job_priority', { id, priority: 1 });
    expect(await town.done(town.admin, 'cancel_job', { id })).toMatchObject({
      job: { state: 'cancelled', reason: expect.stringContaining('administrator') as string },
    });
    await town.done(town.admin, 'retry_job', { id });
    await town.done(town.admin, 'set_lane_mode', { lane: 'sync', mode: 'open' });
    expect(await town.done(ben, 'get_job', { id, wait: 'end' })).toMatchObject({ job: { state: 'succeeded' } });
  });

  it('read what jobs do from the metrics, without names of users', async () => {
    const response = await town.send('/metrics', { headers: { authorization: `Bearer ${town.admin.key}` } });
    const text = await response.text();
    expect(text).toContain('polymnia_jobs{lane="sync",state="queued"} 0');
    expect(text).toMatch(/polymnia_job_seconds_count\{operation="do_job",state="succeeded"\} [1-9]/);
    expect(text).toContain('polymnia_event_streams 0');
    expect(text).not.toContain('user_');
  });

  it('run, pause and list what the server does by itself', async () => {
    expect(await town.done(town.admin, 'run_schedule', { name: 'prune_jobs' })).toEqual({ name: 'prune_jobs', outcome: 'removed 0 jobs' });
    await town.done(town.admin, 'pause_schedule', { name: 'prune_jobs' });
    const listed = (await town.done(town.admin, 'list_schedules')) as { schedules: unknown[] };
    expect(listed.schedules).toContainEqual(
      expect.objectContaining({
        name: 'prune_jobs',
        paused: true,
        owner: 'server',
        lastOutcome: 'removed 0 jobs',
        lastRunAt: expect.any(String) as string,
      }),
    );
    expect((await town.rest(town.admin, 'run_schedule', { name: 'no such' })).problem).toMatchObject({ code: 'not_found' });
    await town.done(town.admin, 'pause_schedule', { name: 'prune_jobs', paused: false });
  });
});

describe('events', () => {
  const principalOf = (citizen: Citizen) => town.server.gate.authenticate({ authorization: `Bearer ${citizen.key}` });

  it('come in order, end with the job, and resume after any of them', async () => {
    bench.hold('watched');
    bench.work = async (_input, ctx) => {
      ctx.progress({ phase: 'read', done: 1, unit: 'files' });
      ctx.progress({ phase: 'write', done: 1, unit: 'files' });
      return { made: 'it' };
    };
    const { id } = jobOf(await town.done(ann, 'do_job', { name: 'watched', background: true }));
    await bench.begun('watched');
    const { signal } = new AbortController();
    const watching = Array.fromAsync(town.server.jobs.watch(await principalOf(ann), id, { signal }));
    await eventually(() => expect(town.server.jobs.openStreams).toBe(1));
    bench.release('watched');
    const events = await watching;
    bench.work = async () => ({ made: 'it' });
    expect(events.map((event) => (event.kind === 'progress' ? event.progress.phase : event.job.state))).toEqual([
      'running',
      'read',
      'write',
      'succeeded',
    ]);
    const seqs = events.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
    const [, second] = seqs;
    const rest = await Array.fromAsync(town.server.jobs.watch(await principalOf(ann), id, { signal, after: second ?? 0 }));
    expect(rest).toEqual(events.slice(2));
    expect(await Array.fromAsync(town.server.jobs.watch(await principalOf(ann), id, { signal, after: seqs.at(-1) ?? 0 }))).toEqual([]);
    expect(town.server.jobs.openStreams).toBe(0);
  });

  it('are for the job’s user alone, few at a time, and end with the authority', async () => {
    const eve = await town.citizen('eve');
    bench.hold('private');
    const { id } = jobOf(await town.done(eve, 'do_job', { name: 'private', background: true }));
    const { signal } = new AbortController();
    await expect(Array.fromAsync(town.server.jobs.watch(await principalOf(ann), id, { signal }))).rejects.toMatchObject({
      code: 'not_found',
      message: 'No such job.',
    });
    const principal = await principalOf(eve);
    const streams = Array.from({ length: 8 }, () =>
      Array.fromAsync(town.server.jobs.watch(principal, id, { signal })).catch((error: unknown) => error),
    );
    await eventually(() => expect(town.server.jobs.openStreams).toBe(8));
    await expect(Array.fromAsync(town.server.jobs.watch(principal, id, { signal }))).rejects.toMatchObject({ code: 'rate_limited' });
    await town.done(town.admin, 'update_user', { userId: eve.id, status: 'disabled' });
    for (const ended of await Promise.all(streams)) expect(ended).toMatchObject({ code: 'unauthenticated' });
    expect(town.server.jobs.openStreams).toBe(0);
  });
});

it('leaves nothing behind', async () => {
  await expectIdle(town.server);
  await eventually(() => expect(town.server.jobs.running).toBe(0));
});
