import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../../app/operations.ts';
import { type RunningServer, startServer } from '../../../app/server.ts';
import { settingsWith } from '../../../config/settings.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import type { CliHooks } from '../cli-deps.ts';
import { runCli } from '../run-cli.ts';
import type { LoadReport } from './load-report.ts';
import { LOAD_TAG } from './mix.ts';

let dataDir: string;
let server: RunningServer;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'polymnia-load-'));
  server = await startServer(settingsWith({ DATA_DIR: dataDir, PORT: 0 }), silentLogger);
});

afterAll(async () => {
  await server.stop(0);
  await rm(dataDir, { recursive: true, force: true });
});

const refuse = (): never => {
  throw new Error('a load starts nothing');
};
const hooks: CliHooks = { serve: refuse, spawnServer: refuse, restore: refuse, inspectOffline: refuse, checkModels: refuse, checkRedis: refuse };

function sink(): { readonly stream: Writable; text(): string } {
  let text = '';
  return { stream: new Writable({ write: (chunk, _encoding, done) => ((text += String(chunk)), done()) }), text: () => text };
}

async function load(
  key: string,
  flags: readonly string[],
  signal = new AbortController().signal,
): Promise<{ code: number; out: string; notes: string }> {
  const [out, notes] = [sink(), sink()];
  const code = await runCli({
    argv: ['load', '--url', server.url, ...flags],
    env: { POLYMNIA_KEY: key },
    cwd: dataDir,
    stdin: Readable.from([]),
    stdout: out.stream,
    stderr: notes.stream,
    isTty: false,
    signal,
    clock: systemClock,
    version: '0.0.0',
    nodeVersion: process.version,
    operations,
    hooks,
  });
  return { code, out: out.text(), notes: notes.text() };
}

async function call<T>(key: string, method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<T> {
  const init = { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers } };
  const response = await fetch(`${server.url}/api/v1${path}`, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function newKey(name: string, scopes: readonly string[]): Promise<string> {
  const { user } = await call<{ user: { id: string } }>(server.localKey, 'POST', '/users', { name });
  return (await call<{ secret: string }>(server.localKey, 'POST', '/keys', { userId: user.id, name, scopes })).secret;
}

const SHORT = ['--seconds', '0.5', '--spawn-rate', '1000'];
const tagged = async (key: string, headers?: Record<string, string>): Promise<number> =>
  (await call<{ results: unknown[] }>(key, 'GET', `/memories?tagsAny=${LOAD_TAG}`, undefined, headers)).results.length;

describe('polymnia load, against a real server', () => {
  it('with an administrator’s key makes temporary users, measures, and leaves nobody behind', async () => {
    const { out, notes } = await load(server.localKey, [...SHORT, '--users', '8', '--rate', '25', '--json']);
    expect(notes).toBe('');
    const report = JSON.parse(out) as LoadReport;
    expect(report.users).toContain('8 temporary users');
    expect(report.operations.map(({ operation }) => operation)).toEqual(['retrieve', 'store']);
    const [retrieve, store] = report.operations;
    expect((retrieve?.ok ?? 0) + (store?.ok ?? 0)).toBeGreaterThan(40);
    expect(retrieve?.ok).toBeGreaterThan(store?.ok ?? 0);
    expect(store?.p95).toBeLessThanOrEqual(store?.max ?? 0);
    expect({ ...report.refusals, ...report.errors }).toEqual({});
    const { users } = await call<{ users: { name: string }[] }>(server.localKey, 'GET', '/users');
    expect(users.map(({ name }) => name)).toEqual(['owner']);
  });

  it('with a service’s key acts for its users, and forgets what they stored', async () => {
    const key = await newKey('chat', ['memory:read', 'memory:write', 'on_behalf']);
    await call(key, 'POST', '/memories', { content: 'Their own.' }, { 'x-polymnia-user': 'load-1' });
    const { out } = await load(key, [...SHORT, '--users', '4', '--rate', '20', '--mix', 'store=1', '--json']);
    expect((JSON.parse(out) as LoadReport).operations[0]?.ok).toBeGreaterThan(10);
    for (const user of ['load-1', 'load-4']) expect(await tagged(key, { 'x-polymnia-user': user })).toBe(0);
    const { memories } = await call<{ memories: number }>(key, 'GET', '/memories/stats', undefined, { 'x-polymnia-user': 'load-1' });
    expect(memories).toBe(1);
  });

  it('with any other key is one user, whose own rate refuses the rest', async () => {
    const key = await newKey('one', ['memory:read', 'memory:write']);
    const { out } = await load(key, [...SHORT, '--users', '50', '--rate', '10', '--mix', 'retrieve=1', '--json']);
    const report = JSON.parse(out) as LoadReport;
    expect(report.users).toContain('one user, whose own rate limit holds for all calls');
    expect(report.operations[0]?.ok).toBeGreaterThan(0);
    expect(report.operations[0]?.ok).toBeLessThanOrEqual(100);
    expect(report.refusals['rate_limited']).toBeGreaterThan(0);
    expect(report.errors).toEqual({});
  });

  it('prints a table and a verdict for people', async () => {
    const { out } = await load(await newKey('reader', ['memory:read', 'memory:write']), [...SHORT, '--users', '2', '--rate', '20']);
    expect(out).toMatch(/operation\s+ok\s+refused\s+failed\s+p50 ms/);
    expect(out).toMatch(/(Valid|Void): the generator was late by/);
  });

  it('an interrupt ends it early, with the report of what was measured and nothing left behind', async () => {
    const key = await newKey('hasty', ['memory:read', 'memory:write']);
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 800);
    const { code, out } = await load(key, ['--seconds', '60', '--users', '2', '--rate', '20', '--mix', 'store=1', '--json'], abort.signal);
    expect(code).toBe(10);
    const report = JSON.parse(out) as LoadReport;
    expect(report.seconds).toBeLessThan(5);
    expect(report.operations[0]?.ok).toBeGreaterThan(0);
    expect(await tagged(key)).toBe(0);
  });

  it.each(['--users=0', '--users=1.5', '--seconds=x', '--mix=drop=1'])('refuses %s', async (flag) => {
    const { code, notes } = await load(server.localKey, [flag]);
    expect(code).toBe(2);
    expect(notes).toMatch(/must be a|is no part of a mix/);
  });
});
