import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aim, type Bench, type BenchContext, figure } from './support/bench.ts';
import { median } from './support/machine.ts';
import { rest } from './support/rest.ts';
import { startServerProcess } from './support/server-process.ts';

const RUNS = 7;

/** From starting the process to its first answer to a call that needs a credential. */
export const coldStart: Bench = {
  name: 'cold-start',
  async run(ctx) {
    const runs = ctx.isQuick ? 3 : RUNS;
    const kept = await mkdtemp(join(tmpdir(), 'polymnia-cold-'));
    try {
      const first: number[] = [];
      const again: number[] = [];
      await startMs(ctx, kept);
      for (let run = 0; run < runs; run++) {
        first.push(await startMs(ctx));
        again.push(await startMs(ctx, kept));
      }
      return [
        aim(
          'start on an empty folder',
          median(first),
          'ms',
          '< 1,000 ms',
          median(first) < 1000,
          `median of ${runs}, slowest ${Math.max(...first).toFixed(0)}`,
        ),
        figure('start on a folder in use', median(again), 'ms', `median of ${runs}, slowest ${Math.max(...again).toFixed(0)}`),
      ];
    } finally {
      await rm(kept, { recursive: true, force: true });
    }
  },
};

async function startMs(ctx: BenchContext, dataDir?: string): Promise<number> {
  const startedAt = performance.now();
  await using server = await startServerProcess({}, { main: ctx.main, ...(dataDir === undefined ? {} : { dataDir }) });
  await rest(server, server.key, 'GET', '/whoami');
  return performance.now() - startedAt;
}
