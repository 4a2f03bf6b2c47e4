import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { HttpCaller } from '../src/surfaces/cli/load/http-caller.ts';
import { LOAD_OPERATIONS, type WireRequest } from '../src/surfaces/cli/load/mix.ts';
import { createTextSource, type TextSource } from '../src/surfaces/cli/load/texts.ts';
import { aim, type Bench, figure, type Row } from './support/bench.ts';
import { cpuMsOf } from './support/machine.ts';
import { type McpRevision, toolCall } from './support/mcp-call.ts';
import { newUser, NO_RATES } from './support/rest.ts';
import { startServerProcess } from './support/server-process.ts';
import { importBody, importMemories } from './support/stage.ts';

const MEMORIES = 1000;
const ROUNDS = 6;
const CALLS = 800;
const LINES = 4;
const MAX_RATIO = 2.5;

interface Way {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  request(texts: TextSource): WireRequest;
  cpuMs: number;
  calls: number;
}

/** The server's CPU for `retrieve_memory`, asked by MCP and by REST in turn. */
export const mcpCost: Bench = {
  name: 'mcp-cost',
  async run(ctx) {
    await using server = await startServerProcess(NO_RATES, { main: ctx.main });
    const { key } = await newUser(server, 'asker');
    await importMemories(server, key, importBody(MEMORIES, createTextSource(createSeededRandom(8))));
    using caller = new HttpCaller({ url: server.url, maxSockets: LINES, timeoutMs: 60_000 });
    const ways = [restWay(key), mcpWay(key, '2025-11-25'), mcpWay(key, '2026-07-28')];
    const texts = createTextSource(createSeededRandom(6));
    const calls = ctx.isQuick ? 300 : CALLS;
    for (let round = -1; round < (ctx.isQuick ? 2 : ROUNDS); round++) {
      for (const way of ways) {
        const before = cpuMsOf(server.pid);
        await ask(caller, way, texts, calls);
        // The first round warms the server up.
        if (round < 0) continue;
        way.cpuMs += cpuMsOf(server.pid) - before;
        way.calls += calls;
      }
    }
    return rowsOf(ways);
  },
};

function restWay(key: string): Way {
  return { name: 'REST', headers: { authorization: `Bearer ${key}` }, request: LOAD_OPERATIONS.retrieve, cpuMs: 0, calls: 0 };
}

function mcpWay(key: string, revision: McpRevision): Way {
  const { headers, request } = toolCall(revision, key);
  return {
    name: `MCP ${revision}`,
    headers: headers('retrieve_memory'),
    request: (texts) => request('retrieve_memory', { query: texts.query(), limit: 10 }),
    cpuMs: 0,
    calls: 0,
  };
}

async function ask(caller: HttpCaller, way: Way, texts: TextSource, calls: number): Promise<void> {
  const line = async (): Promise<void> => {
    for (let call = 0; call < calls / LINES; call++) {
      const outcome = await new Promise<string>((resolve) => caller.call(way.request(texts), way.headers, resolve));
      if (outcome !== 'ok') throw new Error(`a call by ${way.name} ended with ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: LINES }, line));
}

function rowsOf(ways: readonly Way[]): Row[] {
  const cost = ({ cpuMs, calls }: Way): number => (cpuMs * 1000) / calls;
  const [rest, ...mcp] = ways;
  if (rest === undefined) return [];
  const base = cost(rest);
  return [
    figure(`${rest.name}: server CPU`, base, 'µs/call', `${rest.calls} calls, ${MEMORIES} memories, all threads`),
    ...mcp.flatMap((way) => [
      figure(`${way.name}: server CPU`, cost(way), 'µs/call'),
      aim(`${way.name} over REST`, cost(way) / base, 'x', `<= ${MAX_RATIO}`, cost(way) / base <= MAX_RATIO),
    ]),
  ];
}
