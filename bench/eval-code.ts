/**
 * `npm run eval:code -- FILE [--misses N]`: is the right function's file among the first? Through the running server: one folder with a
 * file per function is synced, and each query sent to `search_code`.
 * FILE: `{functions: [{id, language, code}], dev: [{id, query, gold: [function ids]}]}`, gzipped or plain; other names than `dev` will do.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { pause } from './support/bench.ts';
import { rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';

const TOP = 10;
const EXTENSIONS: Readonly<Record<string, string>> = {
  python: 'py',
  javascript: 'js',
  typescript: 'ts',
  go: 'go',
  java: 'java',
  ruby: 'rb',
  php: 'php',
};
const POLL_MS = 250;
/** The sync is what is waited for here: it need not give way. */
const LIMITS = { RATE_LIMIT_SEARCH_PER_MIN: '10000000', RATE_LIMIT_ADMIN_PER_MIN: '10000000', WORKER_NICENESS: '0' };

const queries = z.array(z.object({ id: z.string(), query: z.string(), gold: z.array(z.number()) }));
const fileSchema = z.object({ functions: z.array(z.object({ id: z.number(), language: z.string(), code: z.string() })) }).catchall(z.unknown());
type EvalFunction = z.output<typeof fileSchema>['functions'][number];
type EvalQuery = z.output<typeof queries>[number];

interface Found {
  readonly partial: boolean;
  readonly results: readonly { readonly path: string }[];
}

interface Answer {
  readonly query: string;
  /** From 0; undefined when it is not among the first ten. */
  readonly rank?: number;
  readonly ms: number;
}

async function readCases(path: string): Promise<{ readonly functions: readonly EvalFunction[]; readonly queries: readonly EvalQuery[] }> {
  const bytes = await readFile(path);
  const { functions, ...others } = fileSchema.parse(JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')));
  const lists = Object.values(others).map((value) => queries.safeParse(value));
  const cases = lists.find((parsed) => parsed.success && parsed.data.length > 0)?.data;
  if (cases === undefined) throw new Error(`${path} holds no queries`);
  return { functions, queries: cases };
}

function pathOf({ id, language }: EvalFunction): string {
  return `f${id}.${EXTENSIONS[language] ?? 'txt'}`;
}

async function writeRepository(folder: string, functions: readonly EvalFunction[]): Promise<void> {
  await mkdir(folder);
  for (const each of functions) await writeFile(join(folder, pathOf(each)), `${each.code}\n`);
}

async function sync(server: ServerProcess, folder: string): Promise<number> {
  const started = performance.now();
  const body = { source: folder, name: 'functions', background: true };
  const { job } = await rest<{ job: { id: string } }>(server, server.key, 'POST', '/repositories', body);
  for (let state = 'queued'; state !== 'succeeded'; await pause(POLL_MS)) {
    ({ state } = (await rest<{ job: { state: string } }>(server, server.key, 'GET', `/jobs/${job.id}`)).job);
    if (!['queued', 'running', 'succeeded'].includes(state)) throw new Error(`the sync ended as ${state}`);
  }
  return performance.now() - started;
}

async function ask(server: ServerProcess, { query, gold }: EvalQuery, paths: ReadonlyMap<string, number>): Promise<Answer> {
  const started = performance.now();
  const found = await rest<Found>(server, server.key, 'POST', '/code/search', { query, limit: TOP, maxTokens: 100_000 });
  const ms = performance.now() - started;
  if (found.partial) throw new Error('an answer is partial: the index is not complete');
  const rank = found.results.findIndex(({ path }) => gold.includes(paths.get(path) ?? -1));
  return { query, ms, ...(rank >= 0 && { rank }) };
}

function print(answers: readonly Answer[]): void {
  const share = (k: number): string => ((100 * answers.filter(({ rank = k }) => rank < k).length) / answers.length).toFixed(1);
  const mrr = answers.reduce((sum, { rank }) => sum + (rank === undefined ? 0 : 1 / (rank + 1)), 0) / answers.length;
  const times = answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const quantile = (q: number): string => (times[Math.floor(q * (times.length - 1))] ?? Number.NaN).toFixed(1);
  console.log('              R@1    R@5   R@10    MRR');
  console.log(`search_code  ${[share(1), share(5), share(10), (100 * mrr).toFixed(1)].map((value) => value.padStart(5)).join('  ')}`);
  console.log(`BM25, parts   23.6   46.4   56.6   34.5`);
  console.log(`\ntime per query: median ${quantile(0.5)} ms, 95th percentile ${quantile(0.95)} ms`);
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { misses: { type: 'string', default: '0' }, main: { type: 'string' } },
  });
  const [path] = positionals;
  if (path === undefined) {
    console.error('Usage: npm run eval:code -- FILE [--misses N]   (for example ../shared/data/cosqa-dev.json.gz)');
    return 2;
  }
  const { functions, queries: cases } = await readCases(path);
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-eval-code-'));
  try {
    await writeRepository(join(folder, 'functions'), functions);
    await using server = await startServerProcess(LIMITS, values.main === undefined ? {} : { main: resolve(values.main) });
    const syncMs = await sync(server, join(folder, 'functions'));
    console.log(`${functions.length} functions, one file each, synced in ${(syncMs / 1000).toFixed(1)} s; ${cases.length} queries\n`);
    const paths = new Map(functions.map((each) => [pathOf(each), each.id]));
    const answers: Answer[] = [];
    for (const each of cases) answers.push(await ask(server, each, paths));
    print(answers);
    for (const { query } of answers.filter(({ rank }) => rank === undefined).slice(0, Number(values.misses))) console.log(`missed: ${query}`);
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
