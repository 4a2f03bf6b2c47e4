import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { WorkerDied } from '../../domains/jobs/ports.ts';
import { compileCacheEnv } from '../../kernel/runtime/compile-cache.ts';
import { systemClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { LogFields } from '../../kernel/logger.ts';
import { createChildPool } from './child-pool.ts';
import type { ChildPool, ChildPoolOptions } from './child-pool.ts';
import { isAlive, readGroup, readStat } from './proc-files.ts';

const ENTRY = new URL('child-pool-test-kit.ts', import.meta.url);
/** Tests with limits in time: a machine that is busy with other things may need another try. */
const TIMED = { retry: 2 };
const IONICE = '/usr/bin/ionice';
const root = mkdtempSync(join(tmpdir(), 'child-pool-'));
const tempFolder = join(root, 'children');
afterAll(() => rmSync(root, { recursive: true, force: true }));

const warnings: LogFields[] = [];
const logger = { ...silentLogger, warn: (_message: string, fields: LogFields = {}) => void warnings.push(fields) };
/** Tasks whose first event is their child's pid. */
const LEADERS: ReadonlySet<string> = new Set(['busy', 'sleep']);
const groups = new Set<number>();

afterEach(() => {
  expect(existsSync(tempFolder) ? readdirSync(tempFolder) : []).toEqual([]);
  expect([...groups].flatMap(readGroup)).toEqual([]);
  warnings.length = 0;
});

/** Not behind everything else, unless a test is about that: it would wait for all the other tests. */
function pool(options: Partial<ChildPoolOptions> = {}): ChildPool {
  const made = createChildPool({
    niceness: 0,
    entry: ENTRY,
    maxChildren: 3,
    cpus: 2,
    memoryMb: 512,
    tempFolder,
    clock: systemClock,
    logger,
    ...options,
  });
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

/** One running task as its caller sees it. */
class Watched {
  readonly events: unknown[] = [];
  readonly times: number[] = [];
  readonly abort = new AbortController();
  readonly ended: Promise<unknown>;
  cpuMs = 0;
  endedAt = 0;
  readonly #listeners = new Set<() => void>();

  constructor(from: ChildPool, kind: string, payload: unknown, userId: string) {
    const onEvent = (event: unknown): void => {
      this.events.push(event);
      this.times.push(performance.now());
      if (typeof event === 'number' && LEADERS.has(kind)) groups.add(event);
      for (const listener of this.#listeners) listener();
    };
    const hooks = { signal: this.abort.signal, onEvent, onCpu: (ms: number) => void (this.cpuMs += ms) };
    this.ended = from.run({ kind, payload, lane: 'sync', userId, weight: 1 }, hooks).finally(() => (this.endedAt = performance.now()));
    this.ended.catch(() => {});
  }

  /** The first event. */
  async first(): Promise<unknown> {
    while (this.events.length === 0) await Promise.race([new Promise<void>((resolve) => void this.#listeners.add(resolve)), this.ended]);
    return this.events[0];
  }

  failure(): Promise<unknown> {
    return this.ended.then(
      () => new Error('did not fail'),
      (error: unknown) => error,
    );
  }
}

const start = (from: ChildPool, kind: string, payload: unknown = null, userId = 'ann'): Watched => new Watched(from, kind, payload, userId);
const alive = (pid: unknown): boolean => isAlive(readStat(Number(pid)));

describe('a task in its child', () => {
  test('has nothing but a folder of its own, a limit and low priority', async () => {
    const has = (await start(pool({ memoryMb: 400, niceness: 19 }), 'surroundings').ended) as Record<string, string> & { readonly env: object };
    const { folder } = has;
    expect(has).toMatchObject({ execArgv: ['--max-old-space-size=300'], cwd: folder, niceness: 19 });
    expect(has.env).toEqual({ PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, TMPDIR: folder, LC_ALL: 'C.UTF-8', ...compileCacheEnv() });
    expect(folder?.startsWith(tempFolder)).toBe(true);
  });

  test.skipIf(!existsSync(IONICE))('gets disk and processor only when nobody else wants them', async () => {
    const task = start(pool({ niceness: 19 }), 'sleep');
    const pid = Number(await task.first());
    expect(execFileSync(IONICE, ['-p', String(pid)], { encoding: 'utf8' })).toContain('idle');
    expect(readStat(pid)).toMatchObject({ niceness: 19, group: pid });
    const session = `/proc/${pid}/autogroup`;
    if (existsSync(session)) await expect.poll(() => readFileSync(session, 'utf8'), { timeout: 2000 }).toContain('nice 19');
    task.abort.abort();
    await task.failure();
  });

  test('answers with its last word, after its events, in order', async () => {
    const events = ['a', { kind: 'text_ready' }, 3, null, 'ä\u2028'];
    const task = start(pool(), 'events', events);
    expect(await task.ended).toBe('told');
    expect(task.events).toEqual(events);
    expect(await start(pool(), 'echo', { deep: [1, { b: 'ä' }] }).ended).toEqual({ deep: [1, { b: 'ä' }] });
  });

  test('fails with the error it threw; one that is none of ours is told to the log only', async () => {
    const ours = await start(pool(), 'refuse').failure();
    expect(ours).toBeInstanceOf(PolymniaError);
    expect(ours).toMatchObject({ code: 'too_large', message: 'Send less.', details: { limit: 7 } });
    const foreign = (await start(pool(), 'fault').failure()) as PolymniaError;
    expect(foreign).toMatchObject({ code: 'internal', cause: { name: 'TypeError' } });
    expect(foreign.message).not.toContain('secret');
    expect(await start(pool(), 'no such kind').failure()).toMatchObject({ code: 'internal' });
  });

  test('fails, and leaves no child, when its payload is no JSON', async () => {
    const payload: unknown[] = [];
    payload.push(payload);
    expect(await start(pool(), 'echo', payload).failure()).toMatchObject({ code: 'internal' });
  });

  test('pays for its children too, those that have ended included', async () => {
    const task = start(pool(), 'busy-family');
    await task.ended;
    expect(task.cpuMs).toBeGreaterThan(390);
  });

  test('may report without end: little of it arrives, the newest does, and nothing gets lost', async () => {
    const task = start(pool(), 'flood', 200_000);
    await task.ended;
    expect(task.events.length).toBeLessThan(200);
    expect(task.events.slice(-2)).toEqual([{ kind: 'progress', phase: 'flood', done: 200_000 }, { kind: 'end' }]);
  });
});

describe('the end of a child', () => {
  test('by an abort: the group is gone within 250 ms, the reason is the signal’s', TIMED, async () => {
    const task = start(pool(), 'family', { detached: false });
    const [leader, sleeper] = (await task.first()) as number[];
    const reason = new PolymniaError('cancelled', 'enough');
    const aborted = performance.now();
    task.abort.abort(reason);
    expect(await task.failure()).toBe(reason);
    expect(task.endedAt - aborted).toBeLessThan(250);
    expect([alive(leader), alive(sleeper)]).toEqual([false, false]);
  });

  test('takes those with it that left its group', async () => {
    const task = start(pool(), 'family', { detached: true });
    const [, sleeper] = (await task.first()) as number[];
    expect(readStat(Number(sleeper))?.group).toBe(sleeper);
    task.abort.abort();
    await task.failure();
    expect(alive(sleeper)).toBe(false);
  });

  test('by its own success: what it left running ends too', async () => {
    const task = start(pool(), 'leave-family');
    expect(await task.ended).toBe('done');
    expect(alive(task.events[0])).toBe(false);
  });

  test.each([
    ['exit', 'crash'],
    ['killed', 'suicide'],
    ['memory', 'eat-buffers'],
    ['memory', 'eat-heap'],
  ] as const)('without a word is its death: %s of %s', async (reason, kind) => {
    const deaths: string[] = [];
    const died = await start(pool({ memoryMb: 128, onDeath: (why) => void deaths.push(why) }), kind).failure();
    expect(died).toBeInstanceOf(WorkerDied);
    expect(died).toMatchObject({ reason });
    expect(deaths).toEqual([reason]);
  });

  test('is logged with the last it wrote, escaped', async () => {
    await start(pool(), 'crash').failure();
    const stderr = String(warnings[0]?.['stderr']);
    expect(stderr).toContain('out of the blue \\u{1b}[31m');
    expect(/[^\n\x20-\x7e]/.test(stderr)).toBe(false);
  });

  test('comes to one that shouts past its outbox', async () => {
    expect(await start(pool(), 'shout').failure()).toMatchObject({ name: 'WorkerDied', reason: 'killed' });
  });

  test('comes to one that sends what is no message', async () => {
    const crowd = pool();
    const messages = [null, 'text', { kind: 'done', cpuMs: null }, { kind: 'failed' }, { kind: 'events', events: 7 }];
    const failures = await Promise.all(messages.map((message) => start(crowd, 'babble', message).failure()));
    for (const failure of failures) expect(failure).toMatchObject({ name: 'WorkerDied', reason: 'killed' });
  });

  test('comes to one that a foreign hand has stopped, and the others go on meanwhile', TIMED, async () => {
    const crowd = pool({ cpus: 1 });
    const stopped = start(crowd, 'sleep');
    const pid = Number(await stopped.first());
    process.kill(pid, 'SIGSTOP');
    expect(await start(crowd, 'busy', 300, 'bob').ended).toBeGreaterThan(0);
    expect(readStat(pid)?.state).toBe('T');
    const aborted = performance.now();
    stopped.abort.abort();
    await stopped.failure();
    expect(stopped.endedAt - aborted).toBeLessThan(250);
    expect(alive(pid)).toBe(false);
  });
});

describe('the pool', () => {
  test('never has more children than it may, and is fair over users', async () => {
    const crowd = pool();
    const names = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'b1', 'c1', 'c2'];
    const tasks = names.map((name) => start(crowd, 'busy', 60, name[0]));
    let most = 0;
    const looking = setInterval(() => (most = Math.max(most, crowd.read().running)), 5);
    await Promise.all(tasks.map((task) => task.ended));
    clearInterval(looking);
    expect(most).toBe(3);
    // The first three places went to whoever came first; from then on everybody's first goes before a's next.
    const pid = (name: string): number => Number(tasks[names.indexOf(name)]?.events[0]);
    const started = names.toSorted((one, other) => pid(one) - pid(other));
    expect(started.slice(0, 3).toSorted()).toEqual(['a1', 'a2', 'a3']);
    expect(started.slice(3, 5).toSorted()).toEqual(['b1', 'c1']);
    expect(started.indexOf('c2')).toBeLessThan(started.indexOf('a7'));
    expect(crowd.read()).toEqual({ running: 0, waiting: 0, paused: 0, memoryBytes: 0 });
  });

  test('refuses beyond its line, and lets go of who stops waiting', async () => {
    const crowd = pool({ maxChildren: 1, maxWaiting: 2, maxWaitingPerUser: 1 });
    const first = start(crowd, 'sleep');
    const second = start(crowd, 'echo', 2);
    expect(await start(crowd, 'echo').failure()).toMatchObject({ code: 'rate_limited' });
    start(crowd, 'echo', 3, 'bob');
    expect(await start(crowd, 'echo', null, 'eve').failure()).toMatchObject({ code: 'overloaded' });
    const reason = new Error('no longer');
    second.abort.abort(reason);
    expect(await second.failure()).toBe(reason);
    expect(crowd.read().waiting).toBe(1);
    first.abort.abort();
    await first.failure();
    expect(await start(crowd, 'echo', 4, 'eve').ended).toBe(4);
  });

  test('gives one processor to three in turn, fairly, and each is heard of every second', TIMED, async () => {
    const crowd = pool({ cpus: 1 });
    const tasks = ['a', 'b', 'c'].map((user) => start(crowd, 'busy', 60_000, user));
    await Promise.all(tasks.map((task) => task.first()));
    const before = tasks.map((task) => groupCpuMs(task));
    const begun = performance.now();
    for (const task of tasks) task.times.length = 0;
    await delay(2300);
    const elapsed = performance.now() - begun;
    const used = tasks.map((task, at) => groupCpuMs(task) - Number(before[at]));
    const total = used.reduce((sum, ms) => sum + ms, 0);
    expect(total / elapsed).toBeLessThan(1.3);
    expect(Math.min(...used) / Math.max(...used)).toBeGreaterThan(0.5);
    for (const { times } of tasks) expect(longestGap([begun, ...times])).toBeLessThan(1000);
    expect(crowd.read().paused).toBe(2);
    for (const task of tasks) task.abort.abort();
    await Promise.all(tasks.map((task) => task.failure()));
    expect(tasks.map((task) => performance.now() - task.endedAt < 250)).toEqual([true, true, true]);
  });

  test('stops all at once, as often as it is told to, and then refuses', async () => {
    const crowd = pool({ maxChildren: 1 });
    const running = start(crowd, 'family', { detached: false });
    const waiting = start(crowd, 'echo');
    const [leader, sleeper] = (await running.first()) as number[];
    await Promise.all([crowd[Symbol.asyncDispose](), crowd[Symbol.asyncDispose]()]);
    expect([alive(leader), alive(sleeper)]).toEqual([false, false]);
    await crowd[Symbol.asyncDispose]();
    for (const task of [running, waiting, start(crowd, 'echo')]) expect(await task.failure()).toMatchObject({ code: 'overloaded' });
  });

  test('removes what a killed server left, and nothing else', async () => {
    const own = join(root, 'left');
    mkdirSync(join(own, 'task-dead'), { recursive: true });
    writeFileSync(join(own, 'task-dead', 'big'), 'x');
    writeFileSync(join(own, 'foreign'), 'x');
    await start(pool({ tempFolder: own }), 'echo').ended;
    expect(readdirSync(own)).toEqual(['foreign']);
  });

  test('says so when no child can be started', async () => {
    const none = pool({ entry: new URL('no-such-entry.ts', import.meta.url) });
    expect(await start(none, 'echo').failure()).toMatchObject({ name: 'WorkerDied', reason: 'exit' });
  });
});

test.each(['sleep', 'busy', 'family'])('a server that is killed takes its children and theirs with it, paused ones too: %s', async (kind) => {
  const program = `
    import { createChildPool } from ${JSON.stringify(new URL('child-pool.ts', import.meta.url).href)};
    import { systemClock } from ${JSON.stringify(new URL('../../kernel/clock.ts', import.meta.url).href)};
    import { silentLogger } from ${JSON.stringify(new URL('../../kernel/logger.ts', import.meta.url).href)};
    const pool = createChildPool({ entry: new URL(${JSON.stringify(ENTRY.href)}), maxChildren: 2, cpus: 1, memoryMb: 512, niceness: 0,
      tempFolder: process.argv[1], clock: systemClock, logger: silentLogger });
    const leader = (event) => [event].flat()[0];
    const onEvent = (event) => typeof leader(event) === 'number' && console.log(leader(event));
    for (const userId of ['a', 'b'])
      void pool.run({ kind: '${kind}', payload: ${kind === 'family' ? '{ detached: false }' : 60000}, lane: 'sync', userId, weight: 1 },
        { signal: new AbortController().signal, onEvent, onCpu() {} });
  `;
  const folder = join(root, `killed-${kind}`);
  const server = spawn(process.execPath, ['--input-type=module', '-e', program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pids: number[] = [];
  for await (const line of createInterface(server.stdout)) if (pids.push(Number(line)) === 2) break;
  expect(pids.flatMap(readGroup)).toHaveLength(kind === 'family' ? 4 : 2);
  if (kind === 'busy') await expect.poll(() => pids.filter((pid) => readStat(pid)?.state === 'T').length, { timeout: 3000, interval: 5 }).toBe(1);
  server.kill('SIGKILL');
  await once(server, 'exit');
  await expect.poll(() => pids.flatMap(readGroup), { timeout: 2000, interval: 5 }).toEqual([]);
});

function groupCpuMs(task: Watched): number {
  return readStat(Number(task.events[0]))?.cpuMs ?? 0;
}

function longestGap(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((time, at) => time - Number(times[at])));
}
