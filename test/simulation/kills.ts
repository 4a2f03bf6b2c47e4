import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ChildServer, startChild } from '../support/child-server.ts';
import { childrenOf } from '../support/children.ts';
import { manySources, writeSources } from '../support/sources.ts';
import { temporaryFolder } from '../support/storage.ts';

const FILES = 150;
/** Kills of a server that one job has to outlive; each makes its next run wait longer. */
const KILLS_PER_JOB = 3;
const SETTINGS = {
  JOB_LEASE: 500,
  WORKER_NICENESS: 0,
  RATE_LIMIT_MEMORY_PER_MIN: 100_000,
  RATE_LIMIT_SYNC_PER_HOUR: 1000,
  RATE_LIMIT_SEARCH_PER_MIN: 100_000,
} as const;
const LOOK_MS = 10;
const LIMIT_MS = 60_000;

interface JobView {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly progress?: object;
}

/** A data folder with one repository, and the server that works in it now. Each step throws when something that must hold does not. */
class Yard {
  readonly #dataDir: string;
  readonly #sources: string;
  #server: ChildServer | undefined;
  /** Of the published index, as far as this side knows. */
  #generation = 0;
  /** All children there have been, each the leader of a group. */
  readonly #leaders = new Set<number>();

  constructor(dataDir: string, sources: string) {
    this.#dataDir = dataDir;
    this.#sources = sources;
  }

  get server(): ChildServer {
    if (this.#server === undefined) throw new Error('no server runs');
    return this.#server;
  }

  async open(): Promise<void> {
    await writeSources(this.#sources, manySources(FILES));
    await this.start();
    await this.call('sync_repository', { source: this.#sources, name: 'app' });
    await this.expectServing();
  }

  async start(): Promise<void> {
    this.#server = await startChild({ dataDir: this.#dataDir, settings: SETTINGS });
  }

  /** `kill -9`; nothing the server started outlives it. */
  async killServer(): Promise<void> {
    await this.server.kill();
    this.#server = undefined;
    await until('nothing of a killed server is left', () => this.#processes().length === 0);
  }

  async close(): Promise<void> {
    await this.#server?.kill();
  }

  async call(name: string, input: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const answer = await this.server.rest(this.server.admin, name, input);
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  async beginSync(): Promise<string> {
    const { job } = await this.call('sync_repository', { name: 'app', mode: 'full', background: true });
    return (job as JobView).id;
  }

  async job(id: string, wait?: 'end'): Promise<JobView> {
    return (await this.call('get_job', { id, ...(wait !== undefined && { wait }) }))['job'] as JobView;
  }

  /** The children at work on this attempt, once it has told of some progress. */
  async atWork(id: string, attempt: number): Promise<readonly number[]> {
    await until(`attempt ${attempt} is at work`, async () => {
      const job = await this.job(id);
      ensure(job.state === 'queued' || job.state === 'running', `the job is unfinished, not ${job.state}`);
      return job.attempt === attempt && job.state === 'running' && childrenOf(this.server.pid).length > 0;
    });
    const children = childrenOf(this.server.pid);
    for (const pid of children) this.#leaders.add(pid);
    const seen = this.#processes();
    ensure(
      children.every((pid) => seen.includes(pid)),
      'children are among the processes that are looked for',
    );
    return children;
  }

  #processes(): readonly number[] {
    return processesIn(this.#dataDir, this.#leaders);
  }

  /** The published index is there and answers. */
  async expectServing(): Promise<void> {
    const found = await this.call('search_code', { query: 'step_3_2' });
    ensure(((found['results'] as unknown[] | undefined)?.length ?? 0) > 0, 'the published index answers');
    const { repositories } = (await this.call('list_repositories', {})) as { repositories: { state: string; index?: { generation: number } }[] };
    const generation = repositories[0]?.index?.generation ?? 0;
    ensure(generation >= this.#generation && generation > 0, `generation ${generation} is no older than ${this.#generation}`);
    this.#generation = generation;
  }

  /** The job has succeeded, at this attempt and at no other, and there is one published generation and nothing else of any run. */
  async expectEndedOnce(id: string, attempt: number, jobs: number): Promise<void> {
    const before = this.#generation;
    const ended = await this.job(id, 'end');
    ensure(ended.state === 'succeeded' && ended.attempt === attempt, `succeeded at attempt ${attempt}: ${JSON.stringify(ended)}`);
    await this.expectServing();
    ensure(this.#generation > before, 'a new generation is published');
    const listed = (await this.call('list_jobs', { limit: 100 }))['jobs'] as JobView[];
    ensure(listed.filter(({ state }) => state === 'succeeded').length === jobs, `${jobs} jobs ended: ${JSON.stringify(listed)}`);
    await until('no child is left', () => this.#processes().every((pid) => pid === this.server.pid));
    await until('no folder of a task is left', async () => (await readdir(join(this.#dataDir, 'tmp/children'))).length === 0);
    await until('the published generation is the only one', async () => {
      const folders = (await readdir(join(this.#dataDir, 'repos'), { recursive: true })).filter((path) => /^[^/]+\/\d+$/.test(path));
      return folders.length === 1 && folders[0]?.endsWith(`/${this.#generation}`) === true;
    });
  }
}

/** Kills the server in the middle of a sync, again and again during the same job; throws when something is lost, doubled, parked or orphaned. */
export async function killServers(rounds: number): Promise<void> {
  await inYard(async (yard) => {
    let id = '';
    let attempt = 1;
    let jobs = 1;
    for (let round = 0; round < rounds; round += 1) {
      if (id === '') id = await yard.beginSync();
      await yard.atWork(id, attempt);
      await yard.expectServing();
      await yard.killServer();
      await yard.start();
      await yard.expectServing();
      attempt += 1;
      if (attempt <= KILLS_PER_JOB && round + 1 < rounds) continue;
      await yard.expectEndedOnce(id, attempt, ++jobs);
      id = '';
      attempt = 1;
    }
  });
}

/** Kills the child in the middle of a sync, one job a round. */
export async function killChildren(rounds: number): Promise<void> {
  await inYard(async (yard) => {
    for (let round = 0; round < rounds; round += 1) {
      const id = await yard.beginSync();
      const children = await yard.atWork(id, 1);
      for (const pid of children) process.kill(pid, 'SIGKILL');
      await yard.expectServing();
      await yard.expectEndedOnce(id, 2, round + 2);
    }
  });
}

async function inYard(work: (yard: Yard) => Promise<void>): Promise<void> {
  await using home = await temporaryFolder();
  await using sources = await temporaryFolder();
  const yard = new Yard(join(home.path, 'data'), sources.path);
  try {
    await yard.open();
    await work(yard);
  } finally {
    await yard.close();
  }
}

/** Processes that work in the folder or below, or were started with its name: server, children and git; and the guards of these groups. */
function processesIn(folder: string, leaders: ReadonlySet<number>): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        if (pid === process.pid || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return false;
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const isGuard = args[0] === '/bin/sh' && leaders.has(Number(args.at(-2)));
        return isGuard || args.some((arg) => arg.includes(folder)) || readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
      } catch {
        // It has ended, or is another user's.
        return false;
      }
    });
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + LIMIT_MS; !(await holds()); await delay(LOOK_MS)) {
    ensure(performance.now() < end, what);
  }
}

function ensure(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

/** `node test/simulation/kills.ts --rounds 20` */
if (import.meta.main) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });
  const rounds = Number(values.rounds);
  const began = performance.now();
  await killServers(rounds);
  await killChildren(rounds);
  process.stdout.write(`${rounds} kills of a server, ${rounds} of a child: all held, ${Math.round((performance.now() - began) / 1000)} s\n`);
}
