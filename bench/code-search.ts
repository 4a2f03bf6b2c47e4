import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { copyCorpus } from './support/code-corpus.ts';
import { rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';

/** About the size of Django, for which the aims are set. */
const CORPUS_BYTES = 23_000_000;
const QUICK_BYTES = 4_000_000;
const ROUNDS = 20;
const MAX_SEARCH_MS = 15;
const POLL_MS = 250;
const LIMITS = { RATE_LIMIT_SEARCH_PER_MIN: '10000000', RATE_LIMIT_ADMIN_PER_MIN: '10000000', WORKER_NICENESS: '0' };

/** What people and agents look for, by kind, in whatever source code. */
const QUERIES: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  words: [
    'how to parse a json string',
    'open a file and read its lines',
    'retry a request with backoff',
    'convert bytes to text',
    'error when the connection is closed',
  ].map((query) => ({ query, mode: 'words' })),
  names: ['parseUrl', 'read_file', 'HttpError', 'encode', 'get_default_encoding'].map((query) => ({ query, mode: 'words' })),
  exact: ['import os', 'return None', 'TypeError(', '.prototype.', 'not implemented'].map((query) => ({ query, mode: 'exact' })),
  regex: ['def \\w+_file\\(', 'TODO.*', '(get|set)[A-Z]\\w+Name', 'raise \\w+Error\\(', 'err(or)?\\s*='].map((query) => ({ query, mode: 'regex' })),
};
const SYMBOLS = ['parse', 'encode', 'open', 'Response', 'run'];

/** Look-ups in the index of one repository through the running server, one after the other, by kind. */
export const codeSearch: Bench = {
  name: 'code-search',
  async run(ctx) {
    await using corpus = await copyCorpus(undefined, ctx.isQuick ? QUICK_BYTES : CORPUS_BYTES);
    await using server = await startServerProcess(LIMITS, { main: ctx.main });
    const files = await sync(server, corpus.source);
    ctx.log(`${files} files are indexed`);
    const rows: Row[] = [];
    for (const [kind, queries] of Object.entries(QUERIES)) {
      const times = await timed(ctx, queries, (query) => rest(server, server.key, 'POST', '/code/search', query));
      rows.push(...speeds(`search by ${kind}`, times, `${files} files; HTTP included`));
    }
    const symbols = SYMBOLS.map((name) => ({ name, match: 'exact' }));
    const times = await timed(ctx, symbols, (query) => rest(server, server.key, 'POST', '/code/symbols', query));
    return [...rows, ...speeds('look-up of a definition', times, 'HTTP included')];
  },
};

async function sync(server: ServerProcess, source: string): Promise<number> {
  const body = { source, name: 'corpus', background: true };
  const { job } = await rest<{ job: { id: string } }>(server, server.key, 'POST', '/repositories', body);
  for (let state = 'queued'; state !== 'succeeded'; await pause(POLL_MS)) {
    ({ state } = (await rest<{ job: { state: string } }>(server, server.key, 'GET', `/jobs/${job.id}`)).job);
    if (!['queued', 'running', 'succeeded'].includes(state)) throw new Error(`the sync ended as ${state}`);
  }
  const { repositories } = await rest<{ repositories: readonly { index?: { files: number } }[] }>(server, server.key, 'GET', '/repositories');
  return repositories[0]?.index?.files ?? 0;
}

async function timed<T>({ isQuick }: BenchContext, queries: readonly T[], run: (query: T) => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = isQuick ? ROUNDS - 4 : 0; round <= ROUNDS; round += 1) {
    for (const query of queries) {
      const started = performance.now();
      await run(query);
      times.push(performance.now() - started);
    }
  }
  // The first round opens the index and warms the thread.
  return times.slice(queries.length).sort((a, b) => a - b);
}

function speeds(name: string, times: readonly number[], note: string): Row[] {
  const quantile = (q: number): number => times[Math.floor(q * (times.length - 1))] ?? Number.NaN;
  const p95 = quantile(0.95);
  return [figure(`${name}, p50`, quantile(0.5), 'ms'), aim(`${name}, p95`, p95, 'ms', `<= ${MAX_SEARCH_MS}`, p95 <= MAX_SEARCH_MS, note)];
}
