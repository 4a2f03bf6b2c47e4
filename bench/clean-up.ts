import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { createTextSource } from '../src/surfaces/cli/load/texts.ts';
import { lightRows } from './interference.ts';
import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { LoadProcess } from './support/load-process.ts';
import { newUser, NO_RATES, rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';

const ACTIVE = 100;
const FULL = { users: 10_000, returning: 100, everyMs: 1000, aloneMs: 30_000, looked: 500 };
const QUICK = { users: 500, returning: 20, everyMs: 300, aloneMs: 10_000, looked: 100 };
const MEMORIES_EACH = 5;
/** One has stored as much as a usual user has after a while. */
const USUAL = 1000;
const BATCH = 100;
const AT_ONCE = 32;
/** Users who made no call for so long are archived: longer than an active one of the load ever pauses. */
const IDLE_MS = 15_000;
const MAX_RETURN_MS = 1000;
const MAX_RUN_MS = 3_600_000;
const OPTIONS: Readonly<Record<string, string>> = {
  ...NO_RATES,
  INACTIVE_AFTER: String(IDLE_MS),
  ARCHIVE_AFTER: String(IDLE_MS),
  MAX_USERS_PER_SERVICE: '100000',
  NEW_SERVICE_USERS_PER_MIN: '10000000',
};

/** Many users who have been away are archived beside 100 who work; some come back in the middle. */
export const cleanUp: Bench = {
  name: 'clean-up',
  async run(ctx) {
    const size = ctx.isQuick ? QUICK : FULL;
    await using server = await startServerProcess(OPTIONS, { main: ctx.main });
    const crowd = await fill(ctx, server, size.users - ACTIVE);
    const keys: string[] = [];
    for (let n = 0; n < ACTIVE; n += 1) keys.push((await newUser(server, `active ${n}`)).key);
    const plan = { url: server.url, keys, mix: 'retrieve=70,store=30', seed: 7, maxSockets: ACTIVE * 2, pace: { callsPerSecondPerUser: 1 } };
    await using load = await LoadProcess.open(plan);
    await load.start();
    await pause(IDLE_MS);
    await load.phase('alone', size.aloneMs);
    await load.record('beside');
    const ended = new AbortController();
    const startedAt = performance.now();
    const running = tidy(server).finally(() => ended.abort());
    const returns = await comeBack(crowd, size, ended.signal);
    const report = await running;
    const seconds = (performance.now() - startedAt) / 1000;
    await load.record('');
    await load.stop();
    const light = lightRows(await load.collect(), ACTIVE, 0);
    const usual = await timed(() => as(crowd, 'usual', 'POST', '/memories/retrieve', { query: crowd.memories[0]?.[0] }));
    const later = await look(crowd, sample(crowd.memories.length, size.looked, 11));
    return [...rowsOf(size, report, seconds, returns, later), aimAtReturn(`return of one with ${USUAL} memories`, usual), ...light];
  },
};

interface Crowd {
  readonly server: ServerProcess;
  /** Of the service that acts for them. */
  readonly key: string;
  /** What each has stored, in order. */
  readonly memories: readonly (readonly string[])[];
}

interface Report {
  readonly archived: number;
  readonly inUse: number;
  readonly failed: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** How the returns of some users went. */
interface Returns {
  readonly times: readonly number[];
  /** Those who did not find exactly what they had stored. */
  readonly lost: number;
}

/** Users a service names, with a few memories each. */
async function fill({ log }: BenchContext, server: ServerProcess, count: number): Promise<Crowd> {
  const { id } = await newUser(server, 'service');
  const { secret: key } = await rest<{ secret: string }>(server, server.key, 'POST', '/keys', {
    userId: id,
    name: 'service',
    scopes: ['on_behalf', 'memory:read', 'memory:write'],
  });
  const texts = createTextSource(createSeededRandom(3));
  const memories = Array.from({ length: count }, () => Array.from({ length: MEMORIES_EACH }, () => texts.memory()));
  const crowd = { server, key, memories };
  const startedAt = performance.now();
  let next = 0;
  const line = async (): Promise<void> => {
    for (let user = next++; user < count; user = next++) {
      await as(crowd, user, 'POST', '/memories/batch', { items: memories[user]?.map((content) => ({ content })) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  for (let stored = 0; stored < USUAL; stored += BATCH) {
    await as(crowd, 'usual', 'POST', '/memories/batch', { items: Array.from({ length: BATCH }, () => ({ content: texts.memory() })) });
  }
  log(`${count} users with ${MEMORIES_EACH} memories each in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  return crowd;
}

/** A call of the service for one of its users. */
async function as({ server, key }: Crowd, user: number | 'usual', method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'x-polymnia-user': `crowd-${user}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** One clean-up, watched to its end: an answer that takes minutes is kept alive by its progress. */
async function tidy({ url, key }: ServerProcess): Promise<Report> {
  const response = await fetch(`${url}/api/v1/admin/clean-up`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.timeout(MAX_RUN_MS),
  });
  const result = /^event: result\ndata: (.*)$/m.exec(await response.text())?.[1];
  if (result === undefined) throw new Error(`the clean-up ended with ${response.status} and no result`);
  return JSON.parse(result) as Report;
}

/** Users come back one after the other, while the clean-up runs. */
async function comeBack(crowd: Crowd, { returning, everyMs }: typeof FULL, ended: AbortSignal): Promise<Returns> {
  const users = sample(crowd.memories.length, returning, 5);
  const visits: Promise<Returns>[] = [];
  for (const user of users) {
    if (ended.aborted) break;
    visits.push(look(crowd, [user]));
    await pause(everyMs);
  }
  const all = await Promise.all(visits);
  return { times: all.flatMap(({ times }) => times), lost: all.reduce((sum, { lost }) => sum + lost, 0) };
}

/** Each of these users lists what is stored. */
async function look(crowd: Crowd, users: readonly number[]): Promise<Returns> {
  const times: number[] = [];
  let lost = 0;
  for (const user of users) {
    let results: readonly { readonly content: string }[] = [];
    times.push(await timed(async () => ({ results } = (await as(crowd, user, 'GET', '/memories?limit=50')) as { results: typeof results })));
    const found = new Set(results.map(({ content }) => content));
    const stored = new Set(crowd.memories[user]);
    if (found.size !== stored.size || !found.isSubsetOf(stored)) lost += 1;
  }
  return { times, lost };
}

/** What it took, ms. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Different numbers below `count`. */
function sample(count: number, size: number, seed: number): readonly number[] {
  const random = createSeededRandom(seed);
  const chosen = new Set<number>();
  while (chosen.size < Math.min(size, count)) chosen.add(Math.floor(random() * count));
  return [...chosen];
}

function rowsOf(size: typeof FULL, report: Report, seconds: number, returns: Returns, later: Returns): Row[] {
  const { archived, inUse, failed, bytesBefore, bytesAfter } = report;
  const idle = size.users - ACTIVE + 1;
  const returned = returns.times.length;
  return [
    figure('spaces archived', archived, 'spaces', `of ${idle} idle users, in ${seconds.toFixed(0)} s; ${inUse} were in use`),
    aim('not archived and not back', idle - archived - inUse, 'spaces', `<= ${returned}`, idle - archived - inUse <= returned && failed === 0),
    figure('share of the room they took', bytesAfter / bytesBefore, 'x', `${(bytesBefore / 1e6).toFixed(0)} MB before`),
    aim('users who came back in the middle', returned, 'users', `${size.returning}, else void`, returned === size.returning),
    aimAtReturn('slowest return in the middle', Math.max(...returns.times)),
    aimAtReturn(`slowest return of ${later.times.length} afterwards`, Math.max(...later.times)),
    aim('users who did not find all they had', returns.lost + later.lost, 'users', '0', returns.lost + later.lost === 0),
  ];
}

function aimAtReturn(name: string, ms: number): Row {
  return aim(name, ms, 'ms', `< ${MAX_RETURN_MS}`, ms < MAX_RETURN_MS);
}
