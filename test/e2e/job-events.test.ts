import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import type { OperationContext } from '../../src/kernel/operation.ts';
import { JobBench } from '../support/job-bench.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** After so long a reader that takes nothing is given up. */
const HALF_A_MINUTE = 30_000;

let town: Town;
let ann: Citizen;
let bob: Citizen;
const bench = new JobBench();

beforeAll(async () => {
  town = await openTown({
    sockets: true,
    settings: { MCP_WAIT: 150, MAX_EVENT_STREAMS_PER_USER: 3 },
    overrides: { extraOperations: [bench.operation()] },
  });
  ann = await town.citizen('ann');
  bob = await town.citizen('bob');
});

afterAll(() => town[Symbol.asyncDispose]());

async function started(name: string): Promise<string> {
  bench.hold(name);
  const { job } = (await town.done(ann, 'do_job', { name, background: true })) as { job: { id: string } };
  await bench.begun(name);
  return job.id;
}

function follow(key: string, id: string, options: { readonly after?: string; readonly signal?: AbortSignal } = {}): Promise<Response> {
  const resume = options.after === undefined ? {} : { 'last-event-id': options.after };
  const headers = { authorization: `Bearer ${key}`, ...resume };
  return fetch(`${town.server.url}/api/v1/jobs/${id}/events`, { headers, ...(options.signal === undefined ? {} : { signal: options.signal }) });
}

async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
      if (fields.has('event'))
        yield { id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? 'null') as Event['data'] };
    }
  }
}

describe('a job as events', () => {
  it('begins with the job as it stands, tells its progress, and ends with its end', async () => {
    const id = await started('watched');
    const ctx = await bench.begun('watched');
    const response = await follow(ann.key, id);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = eventsOf(response);
    expect((await events.next()).value).toMatchObject({ event: 'state', data: { id, state: 'running' } });
    ctx.progress({ phase: 'read', done: 3, total: 10, unit: 'files' });
    expect((await events.next()).value).toMatchObject({ event: 'progress', data: { phase: 'read', done: 3, total: 10, unit: 'files' } });
    bench.release('watched');
    let last: Event | undefined;
    for await (const event of events) last = event;
    expect(last).toMatchObject({ event: 'end', data: { id, state: 'succeeded' } });
  });

  it('goes on after the last event that was read', async () => {
    const id = await started('resumed');
    const ctx = await bench.begun('resumed');
    const leaving = new AbortController();
    const events = eventsOf(await follow(ann.key, id, { signal: leaving.signal }));
    const { value: first } = await events.next();
    leaving.abort();
    ctx.progress({ phase: 'read', done: 1, unit: 'files' });
    const again = eventsOf(await follow(ann.key, id, { after: (first as Event).id }));
    const { value: missed } = await again.next();
    expect(missed).toMatchObject({ event: 'progress', data: { done: 1 } });
    expect(Number((missed as Event).id)).toBeGreaterThan(Number((first as Event).id));
    bench.release('resumed');
    for await (const { event, data } of again) if (event === 'end') expect(data).toMatchObject({ state: 'succeeded' });
  });

  it('is not there for others, whatever they resume from, and not for a made-up id', async () => {
    const id = await started('private');
    for (const [key, asked] of [
      [bob.key, id],
      [ann.key, 'job_00000000000000000000000000'],
    ] as const) {
      const response = await follow(key, asked, { after: '1' });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 'not_found', detail: 'No such job.' });
    }
    expect((await fetch(`${town.server.url}/api/v1/jobs/${id}/events`)).status).toBe(401);
    expect((await follow(ann.key, id, { after: 'yesterday' })).status).toBe(400);
    bench.release('private');
  });

  it('begins with the job as it stands for a reader who claims to have seen what has not happened yet', async () => {
    const id = await started('foreseen');
    const events = eventsOf(await follow(ann.key, id, { after: String(Number.MAX_SAFE_INTEGER) }));
    expect((await events.next()).value).toMatchObject({ event: 'state', data: { id, state: 'running' } });
    bench.release('foreseen');
    for await (const { event, data } of events) if (event === 'end') expect(data).toMatchObject({ state: 'succeeded' });
  });

  it('is limited in number for one user, and a place is free again when a reader leaves', async () => {
    const id = await started('crowded');
    const leaving = new AbortController();
    const open = await Promise.all([1, 2, 3].map(() => follow(ann.key, id, { signal: leaving.signal })));
    const refused = await follow(ann.key, id);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ code: 'rate_limited', details: { limit: 'MAX_EVENT_STREAMS_PER_USER' } });
    leaving.abort();
    await Promise.all(open.map((response) => response.text().catch(() => '')));
    await expect.poll(async () => (await follow(ann.key, id)).status, { timeout: 5000 }).toBe(200);
    bench.release('crowded');
  });

  it('ends within 5 s when the key that reads it is revoked', async () => {
    const { id: keyId, secret } = await town.keyFor(ann.id);
    const id = await started('revoked');
    const events = eventsOf(await follow(secret, id));
    await events.next();
    const revokedAt = performance.now();
    await town.done(town.admin, 'revoke_key', { keyId });
    const last = await events.next();
    expect(last.value).toMatchObject({ event: 'error', data: { code: 'unauthenticated' } });
    expect(performance.now() - revokedAt).toBeLessThan(5000);
    bench.release('revoked');
  });
});

describe('a reader that does not read', () => {
  const LARGE = 'x'.repeat(64 * 1024);
  /** Many times what sockets and buffers hold. */
  const REPORTS = 600;

  /** The response, of which nothing is taken from the socket before it is read. */
  async function pausedReader(of: Town, key: string, id: string): Promise<IncomingMessage> {
    const asking = get(`${of.server.url}/api/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${key}` }, agent: false });
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    return response.pause();
  }

  /** Reports that are told at once, each being of another phase. */
  async function report(ctx: OperationContext): Promise<void> {
    for (let n = 0; n < REPORTS; n++) {
      ctx.progress({ phase: `phase ${n}`, done: n, unit: 'files', message: LARGE });
      await turn();
    }
  }

  async function rest(response: IncomingMessage): Promise<readonly Event[]> {
    return Array.fromAsync(eventsOf({ body: Readable.toWeb(response) } as unknown as Response));
  }

  it('is told so when it reads again, in order to the last, and goes on with the job as it stands', async () => {
    const id = await started('slow');
    const response = await pausedReader(town, ann.key, id);
    await report(await bench.begun('slow'));
    const events = await rest(response);
    expect(events.at(-1)).toMatchObject({ event: 'error', data: { code: 'overloaded' } });
    const told = events.slice(0, -1);
    expect(told.length).toBeLessThan(REPORTS);
    const ids = told.map((event) => Number(event.id));
    expect(ids).toEqual(ids.map((_, n) => (ids[0] ?? 0) + n));
    const again = eventsOf(await follow(ann.key, id, { after: told.at(-1)?.id ?? '' }));
    const { value: first } = await again.next();
    expect(first).toMatchObject({ event: 'state', data: { id, state: 'running' } });
    expect(Number((first as Event).id)).toBeGreaterThan(ids.at(-1) ?? 0);
    bench.release('slow');
    expect((await Array.fromAsync(again)).at(-1)).toMatchObject({ event: 'end', data: { state: 'succeeded' } });
  });

  it('is cut off when it takes nothing for half a minute, and may come back', async () => {
    const own = new JobBench();
    const hurried = (ms: number, run: () => void): (() => void) => systemClock.after(ms === HALF_A_MINUTE ? 300 : ms, run);
    await using hasty = await openTown({
      sockets: true,
      settings: { MEMORY_OP_TIMEOUT: 60_000, ADMIN_OP_TIMEOUT: 60_000, SEARCH_OP_TIMEOUT: 60_000, DRAIN_TIMEOUT: 60_000 },
      overrides: { extraOperations: [own.operation()], clock: { ...systemClock, after: hurried } },
    });
    const eve = await hasty.citizen('eve');
    own.hold('stalled');
    const { job } = (await hasty.done(eve, 'do_job', { name: 'stalled', background: true })) as { job: { id: string } };
    const ctx = await own.begun('stalled');
    const response = await pausedReader(hasty, eve.key, job.id);
    await report(ctx);
    await expect.poll(() => hasty.server.jobs.openStreams, { timeout: 10_000 }).toBe(0);
    await expect(rest(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
    own.release('stalled');
    const headers = { authorization: `Bearer ${eve.key}`, 'last-event-id': '1' };
    const back = await fetch(`${hasty.server.url}/api/v1/jobs/${job.id}/events`, { headers });
    expect((await Array.fromAsync(eventsOf(back))).at(-1)).toMatchObject({ event: 'end', data: { state: 'succeeded' } });
  });
});

describe('an MCP call of a job', () => {
  const requestInit = (): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${ann.key}` } });

  async function newClient(): Promise<Client> {
    const client = new Client({ name: 'job-test', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${town.server.url}/mcp`), { requestInit: requestInit() }));
    return client;
  }

  async function oldClient(): Promise<OldClient> {
    const client = new OldClient({ name: 'job-test', version: '1.0.0' });
    await client.connect(new OldTransport(new URL(`${town.server.url}/mcp`), { requestInit: requestInit() }));
    return client;
  }

  const jobIn = (answer: unknown): { readonly id: string; readonly state: string } =>
    (answer as { structuredContent: { job: { id: string; state: string } } }).structuredContent.job;

  it.each([
    ['new', newClient],
    ['old', oldClient],
  ])('answers with the job when it takes longer than the wait, and get_job brings the end (%s client)', async (name, open) => {
    const work = `long ${name}`;
    bench.hold(work);
    const client = await open();
    const answer = jobIn(await client.callTool({ name: 'do_job', arguments: { name: work } }));
    expect(answer.state).toBe('running');
    const waiting = client.callTool({ name: 'get_job', arguments: { id: answer.id, wait: 'end' } });
    bench.release(work);
    expect(await waiting).toMatchObject({ structuredContent: { job: { state: 'succeeded' }, result: { made: `${work} 1` } } });
    await client.close();
  });

  it('waits to the end when asked to, and tells the progress to a client that gave a token', async () => {
    bench.hold('told');
    const client = await newClient();
    const steps: number[] = [];
    const calling = client.callTool(
      { name: 'do_job', arguments: { name: 'told', wait: 'end' } },
      { onprogress: ({ progress }) => void steps.push(progress) },
    );
    const ctx = await bench.begun('told');
    ctx.progress({ phase: 'read', done: 4, total: 8, unit: 'files' });
    await expect.poll(() => steps, { timeout: 3000 }).toContain(4);
    bench.release('told');
    expect(jobIn(await calling).state).toBe('succeeded');
    await client.close();
  });
});
