import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { HttpCaller } from '../src/surfaces/cli/load/http-caller.ts';
import { LatencyHistogram } from '../src/surfaces/cli/load/latency-histogram.ts';
import { userOfKey } from '../src/surfaces/cli/load/load-user.ts';
import { LOAD_OPERATIONS } from '../src/surfaces/cli/load/mix.ts';
import { createTextSource } from '../src/surfaces/cli/load/texts.ts';
import { aim, type Bench, figure } from './support/bench.ts';
import { folderBytes } from './support/machine.ts';
import { newUser, NO_RATES } from './support/rest.ts';
import { startServerProcess } from './support/server-process.ts';
import { importBody, importMemories } from './support/stage.ts';

const SMALL = 1000;
const ROUNDS = 60;
const CALLS = 25;
const MAX_RATIO = 1.1;

/** A small user's search on an empty server and beside what many others have stored, in turn. */
export const growth: Bench = {
  name: 'growth',
  async run(ctx) {
    const stage = await ctx.stage();
    await using empty = await startServerProcess(NO_RATES, { main: ctx.main });
    await using full = await stage.serve();
    const sides = await Promise.all(
      [empty, full].map(async (server) => {
        const { key } = await newUser(server, `small ${performance.now()}`);
        await importMemories(server, key, importBody(SMALL, createTextSource(createSeededRandom(8))));
        return { key, caller: new HttpCaller({ url: server.url, maxSockets: 1, timeoutMs: 60_000 }), latency: new LatencyHistogram() };
      }),
    );
    const texts = createTextSource(createSeededRandom(9));
    for (let round = -5; round < (ctx.isQuick ? 12 : ROUNDS); round++) {
      const requests = Array.from({ length: CALLS }, () => LOAD_OPERATIONS.retrieve(texts));
      for (const { key, caller, latency } of round % 2 === 0 ? sides : sides.toReversed()) {
        const { headers } = userOfKey(key, caller);
        for (const request of requests) {
          const startedAt = performance.now();
          const outcome = await new Promise((resolve) => caller.call(request, headers, resolve));
          if (outcome !== 'ok') throw new Error(`a search ended with ${String(outcome)}`);
          if (round >= 0) latency.record(performance.now() - startedAt);
        }
      }
    }
    for (const { caller } of sides) caller[Symbol.dispose]();
    const [none, many] = sides.map(({ latency }) => latency);
    if (none === undefined || many === undefined) return [];
    const others = stage.users.length * stage.memoriesEach;
    const gigabytes = (await folderBytes(full.dataDir)) / 2 ** 30;
    const ratio = (q: number): number => many.quantile(q) / none.quantile(q);
    return [
      figure('others have stored', others, 'memories', `${gigabytes.toFixed(2)} GB on disk`),
      figure('search p50, nobody else', none.quantile(0.5), 'ms', `${none.count} searches in ${SMALL} memories, one after the other`),
      figure('search p50, beside them', many.quantile(0.5), 'ms'),
      aim('p50 ratio', ratio(0.5), 'x', `<= ${MAX_RATIO}`, ratio(0.5) <= MAX_RATIO),
      aim('p95 ratio', ratio(0.95), 'x', `<= ${MAX_RATIO}`, ratio(0.95) <= MAX_RATIO),
    ];
  },
};
