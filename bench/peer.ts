/**
 * What a user would otherwise take: the reference memory server of the Model Context Protocol, `@modelcontextprotocol/server-memory`,
 * doing the same stores and searches. It is fetched into a scratch folder when the bench runs; nothing of ours depends on it.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { LatencyHistogram } from '../src/surfaces/cli/load/latency-histogram.ts';
import { createTextSource, type TextSource } from '../src/surfaces/cli/load/texts.ts';
import { aim, type Bench, type BenchContext, figure, type Row } from './support/bench.ts';
import { toolCall } from './support/mcp-call.ts';
import { newUser, NO_RATES, rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';
import { importBody, importMemories } from './support/stage.ts';
import { StdioTools } from './support/stdio-tools.ts';

const PACKAGE = '@modelcontextprotocol/server-memory@2026.8.31';
const PROGRAM = 'node_modules/@modelcontextprotocol/server-memory/dist/index.js';
const CLIENTS = [1, 8, 32];
/** What is there before the clients begin. */
const MEMORIES = 1000;
const CALLS = 40;
const SEED = 77;

/** One client of one of the servers. */
interface Caller {
  store(content: string, name: string): Promise<unknown>;
  search(query: string): Promise<unknown>;
}

interface Measured {
  readonly stores: LatencyHistogram;
  readonly searches: LatencyHistogram;
  readonly acknowledged: number;
  readonly failed: number;
  readonly seconds: number;
}

export const peer: Bench = {
  name: 'peer',
  async run(ctx) {
    const folder = await mkdtemp(join(tmpdir(), 'polymnia-peer-'));
    try {
      await promisify(execFile)('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', PACKAGE], { timeout: 120_000 });
      const rows: Row[] = [];
      for (const clients of ctx.isQuick ? CLIENTS.slice(0, 2) : CLIENTS) {
        rows.push(...rowsOf(`${clients} clients, Polymnia`, await ours(ctx, clients), true));
        rows.push(...rowsOf(`${clients} clients, peer, a process each`, await peers(folder, clients, clients), false));
        if (clients > 1) rows.push(...rowsOf(`${clients} clients, peer, one process`, await peers(folder, clients, 1), false));
      }
      return rows;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function rowsOf(
  who: string,
  { stores, searches, acknowledged, failed, seconds, lost }: Measured & { readonly lost: number },
  isOurs: boolean,
): Row[] {
  const note = `${acknowledged} stores acknowledged, ${failed} calls failed`;
  return [
    figure(`${who}: calls`, (stores.count + searches.count) / seconds, 'calls/s', `half stores, half searches, ${MEMORIES} memories there before`),
    figure(`${who}: store p50`, stores.quantile(0.5), 'ms'),
    figure(`${who}: store p95`, stores.quantile(0.95), 'ms'),
    figure(`${who}: search p95`, searches.quantile(0.95), 'ms'),
    isOurs ? aim(`${who}: lost`, lost, 'memories', '0', lost === 0 && failed === 0, note) : figure(`${who}: lost`, lost, 'memories', note),
  ];
}

/** Every client calls, one call after the other, until all have made theirs. */
async function drive(callers: readonly Caller[]): Promise<Measured> {
  const stores = new LatencyHistogram();
  const searches = new LatencyHistogram();
  let failed = 0;
  const timed = async (histogram: LatencyHistogram, call: () => Promise<unknown>): Promise<void> => {
    const startedAt = performance.now();
    try {
      await call();
      histogram.record(performance.now() - startedAt);
    } catch {
      failed++;
    }
  };
  const startedAt = performance.now();
  await Promise.all(
    callers.map(async (caller, at) => {
      const texts = createTextSource(createSeededRandom(SEED + at));
      for (let call = 0; call < CALLS; call++) {
        await timed(stores, () => caller.store(texts.memory(), `new ${at} ${call}`));
        await timed(searches, () => caller.search(texts.query()));
      }
    }),
  );
  return { stores, searches, acknowledged: stores.count, failed, seconds: (performance.now() - startedAt) / 1000 };
}

/** `processes` is 1, or as many as clients, all on the one file, as several assistants of one person would have it. */
async function peers(folder: string, clients: number, processes: number): Promise<Measured & { readonly lost: number }> {
  const file = join(folder, `memory-${clients}-${processes}.jsonl`);
  await writeFile(file, peerFile(createTextSource(createSeededRandom(SEED - 1))));
  await using stack = new AsyncDisposableStack();
  const tools: StdioTools[] = [];
  for (let process = 0; process < processes; process++)
    tools.push(stack.use(await StdioTools.open(join(folder, PROGRAM), { MEMORY_FILE_PATH: file })));
  const callers = Array.from({ length: clients }, (_, at) => peerCaller(tools[at % tools.length]));
  const measured = await drive(callers);
  const found = (await readFile(file, 'utf8')).split('\n').filter((line) => line.includes('"name":"new ')).length;
  return { ...measured, lost: measured.acknowledged - found };
}

function peerFile(texts: TextSource): string {
  const line = (_: unknown, at: number): string =>
    JSON.stringify({ type: 'entity', name: `old ${at}`, entityType: 'note', observations: [texts.memory()] });
  return Array.from({ length: MEMORIES }, line).join('\n');
}

function peerCaller(tools: StdioTools | undefined): Caller {
  if (tools === undefined) throw new Error('no server');
  return {
    store: (content, name) => tools.call('create_entities', { entities: [{ name, entityType: 'note', observations: [content] }] }),
    // It looks for the text as it stands; a single word is what it can find.
    search: (query) => tools.call('search_nodes', { query: query.split(' ')[0] ?? query }),
  };
}

/** The same by MCP over HTTP: each client a user of its own. */
async function ours(ctx: BenchContext, clients: number): Promise<Measured & { readonly lost: number }> {
  await using server = await startServerProcess(NO_RATES, { main: ctx.main });
  const keys: string[] = [];
  for (let client = 0; client < clients; client++) {
    const { key } = await newUser(server, `client ${client}`);
    await importMemories(server, key, importBody(MEMORIES, createTextSource(createSeededRandom(SEED - 1))));
    keys.push(key);
  }
  const agent = new Agent({ keepAlive: true });
  const measured = await drive(keys.map((key) => ourCaller(server, key, agent)));
  agent.destroy();
  let found = 0;
  for (const key of keys) found += (await rest<{ memories: number }>(server, key, 'GET', '/memories/stats')).memories - MEMORIES;
  return { ...measured, lost: measured.acknowledged - found };
}

function ourCaller(server: ServerProcess, key: string, agent: Agent): Caller {
  const { headers, request } = toolCall('2025-11-25', key);
  const call = async (tool: string, input: object): Promise<void> => {
    const { path, method, body = '' } = request(tool, input);
    const length = String(Buffer.byteLength(body));
    const options = {
      agent,
      method,
      headers: { ...headers(tool), 'content-type': 'application/json', 'content-length': length },
      signal: AbortSignal.timeout(120_000),
    };
    const outgoing = httpRequest(server.url + path, options).end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const answer = await text(response);
    if (response.statusCode !== 200 || answer.includes('"isError":true')) throw new Error(`${tool}: ${response.statusCode} ${answer.slice(0, 200)}`);
  };
  return { store: (content) => call('store_memory', { content }), search: (query) => call('retrieve_memory', { query, limit: 10 }) };
}
