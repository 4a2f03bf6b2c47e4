import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { copyCorpus } from './support/code-corpus.ts';
import { beginJob, endOfJob, type JobState } from './support/jobs.ts';
import { workerCountOf } from './support/machine.ts';
import { newUser, NO_RATES, rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';

const USERS = 10;
const MEMORIES_EACH = 10;
/** Between two memories of one user, so that they come while syncs run and not only before. */
const GAP_MS = 150;
const CORPUS_BYTES = 5_000_000;
const QUICK_BYTES = 1_000_000;
/** Syncs that run at once by default. */
const SLOTS = 3;
/** A memory call that took this share of the quickest sync may have waited for one. */
const MAX_SHARE = 0.1;
const SAMPLE_MS = 100;

/** Ten users store ten memories each: with nothing else there, then again while each also syncs a repository, all at once. */
export const tenUsers: Bench = {
  name: 'ten-users',
  async run(ctx) {
    await using corpus = await copyCorpus(ctx.corpus, ctx.isQuick ? QUICK_BYTES : CORPUS_BYTES);
    await using server = await startServerProcess(NO_RATES, { main: ctx.main });
    await rest(server, server.key, 'POST', '/admin/code-roots', { add: [corpus.base] });
    const keys: string[] = [];
    for (let n = 1; n <= USERS; n += 1) keys.push((await newUser(server, `user ${n}`)).key);
    await storeAll(server, keys);
    const alone = await storeAll(server, keys);
    return rows(alone, await besideSyncs(ctx, server, keys, corpus.source));
  },
};

interface Beside {
  readonly stores: readonly number[];
  /** From the request to the end of the job, ms, the quickest first. */
  readonly syncs: readonly number[];
  /** Syncs that had not ended when the last memory was stored. */
  readonly unfinished: number;
  /** Jobs that did not end whole, and those still listed as unfinished at the end. */
  readonly left: number;
  readonly mostWorkers: number;
}

async function besideSyncs(ctx: BenchContext, server: ServerProcess, keys: readonly string[], source: string): Promise<Beside> {
  const syncs: number[] = [];
  let left = 0;
  const startedAt = performance.now();
  const running = keys.map(async (key) => {
    const { job } = await endOfJob(server, key, await beginJob(server, key, '/repositories', { source, name: 'app' }));
    if (job.state !== 'succeeded') left += 1;
    syncs.push(performance.now() - startedAt);
  });
  const all = Promise.all(running);
  const workers = countWorkers(server.pid, all);
  const stores = await storeAll(server, keys);
  const unfinished = keys.length - syncs.length;
  await all;
  for (const key of keys) {
    const { jobs } = await rest<{ jobs: readonly JobState[] }>(server, key, 'GET', '/jobs');
    left += jobs.filter(({ state }) => state === 'queued' || state === 'running').length;
  }
  ctx.log(`all syncs had ended after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return { stores, syncs, unfinished, left, mostWorkers: await workers };
}

/** The most processes at work seen at once until the work has ended. */
async function countWorkers(pid: number, work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = work.finally(() => (isOver = true)).catch(() => {});
  let most = 0;
  while (!isOver) {
    most = Math.max(most, workerCountOf(pid));
    await Promise.race([pause(SAMPLE_MS), over]);
  }
  return most;
}

/** Every user stores its memories, one after the other, all users at once; what each call took, ms, the quickest first. */
async function storeAll(server: ServerProcess, keys: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  const store = async (key: string, n: number): Promise<void> => {
    for (let k = 1; k <= MEMORIES_EACH; k += 1) {
      const startedAt = performance.now();
      await rest(server, key, 'POST', '/memories', { content: `Note ${k} of user ${n}, taken at ${startedAt}: the deployment waits for a review.` });
      times.push(performance.now() - startedAt);
      await pause(GAP_MS);
    }
  };
  await Promise.all(keys.map(store));
  return times.toSorted((a, b) => a - b);
}

function rows(alone: readonly number[], { stores, syncs, unfinished, left, mostWorkers }: Beside): Row[] {
  const quantile = (times: readonly number[], q: number): number => times[Math.floor(q * (times.length - 1))] ?? Number.NaN;
  const [slowest, quickestSync] = [quantile(stores, 1), quantile(syncs, 0)];
  const share = slowest / quickestSync;
  return [
    figure('store p50, alone', quantile(alone, 0.5), 'ms', `${USERS} users at once, ${MEMORIES_EACH} memories each`),
    figure('store p50, beside the syncs', quantile(stores, 0.5), 'ms'),
    figure('slowest store, alone', quantile(alone, 1), 'ms'),
    figure('slowest store, beside the syncs', slowest, 'ms'),
    figure('quickest sync', quickestSync, 'ms', `from the request to the end; the last after ${(quantile(syncs, 1) / 1000).toFixed(1)} s`),
    aim('slowest store over the quickest sync', share, 'x', `<= ${MAX_SHARE}`, share <= MAX_SHARE),
    aim('syncs unfinished when all was stored', unfinished, 'syncs', '>= 1, else void', unfinished >= 1),
    aim('syncs that did not end whole, jobs left', left, 'jobs', '0', left === 0),
    aim('syncs at once, at most', mostWorkers, 'syncs', `<= ${SLOTS}`, mostWorkers <= SLOTS),
  ];
}
