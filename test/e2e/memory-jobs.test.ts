import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { settingsWith } from '../../src/config/settings.ts';
import { eventually } from '../support/leaks.ts';
import { startChild } from '../support/child-server.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import { credentials } from '../support/wire.ts';

let town: Town;
let ann: Citizen;

beforeAll(async () => {
  town = await openTown();
  ann = await town.citizen('ann');
});

afterAll(() => town[Symbol.asyncDispose]());

const linesOf = (count: number, what: string): string =>
  Array.from({ length: count }, (_, n) => JSON.stringify({ content: `${what} ${n}` })).join('\n');
const spooled = async (of: Town): Promise<number> => (await readdir(join(of.dataDir, 'spool')).catch(() => [])).length;

it('an import is a job: named, listed, its file gone with it', async () => {
  const answer = await town.done(ann, 'import_memories', { data: linesOf(3, 'inline'), name: 'notes' });
  expect(answer).toMatchObject({ status: 'succeeded', created: 3, job: { state: 'succeeded', lane: 'bulk', subject: 'notes' } });
  const { jobs } = (await town.done(ann, 'list_jobs', { operation: 'import_memories', subject: 'notes' })) as { jobs: { id: string }[] };
  expect(jobs).toHaveLength(1);
  expect(await town.done(ann, 'get_job', { id: jobs[0]?.id })).toMatchObject({ result: { importId: answer['importId'], created: 3 } });
  await eventually(async () => expect(await spooled(town)).toBe(0));
});

it('says how lines are to be given, before there is a job', async () => {
  const before = ((await town.done(ann, 'list_jobs')) as { jobs: unknown[] }).jobs.length;
  expect((await town.rest(ann, 'import_memories', {})).problem).toMatchObject({ code: 'invalid_input', details: { field: 'data' } });
  expect((await town.rest(ann, 'forget_memories', { background: true })).problem?.detail).toContain('all: true');
  expect(((await town.done(ann, 'list_jobs')) as { jobs: unknown[] }).jobs).toHaveLength(before);
  await eventually(async () => expect(await spooled(town)).toBe(0));
});

it('under one idempotency key is taken once, by data and by upload; another body is a conflict', async () => {
  const caller = await town.citizen('idem');
  const ask = (data: string) => town.rest(caller, 'import_memories', { data }, { headers: { 'idempotency-key': 'once' } });
  const first = await ask(linesOf(2, 'keyed'));
  expect((await ask(linesOf(2, 'keyed'))).body).toEqual(first.body);
  expect((await ask(linesOf(3, 'keyed'))).problem?.code).toBe('conflict');
  expect(await town.done(caller, 'memory_stats')).toMatchObject({ memories: 2 });
  await eventually(async () => expect(await spooled(town)).toBe(0));
});

it('goes on in the background; cancelled, it keeps what it took, tells it, and can be taken back', async () => {
  const bea = await town.citizen('bea');
  const response = await town.send('/api/v1/memories/import?background=true', {
    method: 'POST',
    headers: { ...credentials(bea), 'content-type': 'application/x-ndjson' },
    body: linesOf(20_000, 'many'),
  });
  const { job } = (await response.json()) as { job: { id: string; state: string } };
  expect(response.status).toBe(200);
  await eventually(async () => {
    const { job: now } = (await town.done(bea, 'get_job', { id: job.id })) as { job: { progress?: { done: number; unit: string } } };
    expect(now.progress?.done).toBeGreaterThan(0);
  });
  await town.done(bea, 'cancel_job', { id: job.id });
  const ended = (await town.done(bea, 'get_job', { id: job.id })) as {
    job: { state: string };
    result: { importId: string; created: number; status: string };
  };
  expect(ended).toMatchObject({ job: { state: 'cancelled' }, result: { status: 'partial' } });
  expect(await town.done(bea, 'memory_stats')).toMatchObject({ memories: ended.result.created });
  expect(ended.result.created).toBeLessThan(20_000);
  await eventually(async () => expect(await spooled(town)).toBe(0));
  expect(await town.done(bea, 'forget_memories', { importId: ended.result.importId, dryRun: true })).toMatchObject({
    count: ended.result.created,
    dryRun: true,
  });
  const { job: forgetting } = (await town.done(bea, 'forget_memories', { importId: ended.result.importId, background: true })) as {
    job: { id: string };
  };
  const forgotten = await town.done(bea, 'get_job', { id: forgetting.id, wait: 'end' });
  expect(forgotten).toMatchObject({ job: { state: 'succeeded' }, result: { count: ended.result.created } });
  expect(await town.done(bea, 'memory_stats')).toMatchObject({ memories: 0 });
});

it('a dry run is a call: it makes no job', async () => {
  const cal = await town.citizen('cal');
  expect(await town.done(cal, 'forget_memories', { all: true, dryRun: true })).toMatchObject({ count: 0, dryRun: true });
  expect(await town.done(cal, 'list_jobs')).toEqual({ jobs: [] });
});

it('a file whose import was cancelled while it waited goes too', async () => {
  const dan = await town.citizen('dan');
  await town.done(town.admin, 'set_lane_mode', { lane: 'bulk', mode: 'paused' });
  const { job } = (await town.done(dan, 'import_memories', { data: linesOf(1, 'waits'), background: true })) as { job: { id: string } };
  expect(await spooled(town)).toBe(1);
  await town.done(dan, 'cancel_job', { id: job.id });
  await eventually(async () => expect(await spooled(town)).toBe(0));
  await town.done(town.admin, 'set_lane_mode', { lane: 'bulk', mode: 'open' });
});

it('[P3-jobs-paused] a server that was stopped for longer than the lease goes on, and every line is taken once', async () => {
  await using folder = await temporaryFolder();
  const dataDir = join(folder.path, 'data');
  const settings = { LOG_LEVEL: 'silent', JOB_LEASE: 300, STORAGE_WRITERS: 2 };
  expect(settingsWith({ ...settings, DATA_DIR: dataDir }).JOB_LEASE).toBe(300);
  await using server = await startChild({ dataDir, settings });
  const lines = linesOf(4000, 'paused');
  const { job } = (await server.rest(server.admin, 'import_memories', { data: lines, background: true })).body as { job: { id: string } };
  const look = async () => (await server.rest(server.admin, 'get_job', { id: job.id })).body as { job: { state: string; progress?: object } };
  await eventually(async () => expect((await look()).job.progress).toBeDefined());
  process.kill(server.pid, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 600));
  process.kill(server.pid, 'SIGCONT');
  const ended = (await server.rest(server.admin, 'get_job', { id: job.id, wait: 'end' })).body;
  expect(ended).toMatchObject({ job: { state: 'succeeded' }, result: { created: 4000, lines: 4000 } });
  expect((await server.rest(server.admin, 'memory_stats')).body).toMatchObject({ memories: 4000 });
}, 30_000);
