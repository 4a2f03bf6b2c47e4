import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { LoadProcess } from './support/load-process.ts';
import { rssMbOf } from './support/machine.ts';
import { rest } from './support/rest.ts';
import { startServerProcess } from './support/server-process.ts';

const SETTLE_MS = 5000;
const ACTIVE_MS = 60_000;
const SAMPLE_MS = 500;

/** Memory of the server's process at rest, and with all users of the stage calling. */
export const memory: Bench = { name: 'memory', run: async (ctx) => [await idle(ctx), ...(await active(ctx))] };

async function idle(ctx: BenchContext): Promise<Row> {
  await using server = await startServerProcess({}, { main: ctx.main });
  await rest(server, server.key, 'GET', '/whoami');
  await pause(ctx.isQuick ? 2000 : SETTLE_MS);
  const rss = rssMbOf(server.pid);
  return aim('at rest', rss, 'MB', '< 120 MB', rss < 120, 'resident, after one call');
}

async function active(ctx: BenchContext): Promise<Row[]> {
  const stage = await ctx.stage();
  await using server = await stage.serve();
  const keys = stage.users.map(({ key }) => key);
  const plan = { url: server.url, keys, mix: 'retrieve=70,store=30', seed: 11, maxSockets: keys.length, pace: { callsPerSecondPerUser: 1 } };
  await using load = await LoadProcess.open(plan);
  await load.start();
  let most = 0;
  const endAt = performance.now() + (ctx.isQuick ? 8000 : ACTIVE_MS);
  while (performance.now() < endAt) {
    await pause(SAMPLE_MS);
    most = Math.max(most, rssMbOf(server.pid));
  }
  const last = rssMbOf(server.pid);
  await load.stop();
  return [
    aim(
      `with ${keys.length} users active`,
      most,
      'MB',
      '< 500 MB',
      most < 500,
      `most seen in ${ctx.isQuick ? 8 : ACTIVE_MS / 1000} s, a call a second each`,
    ),
    figure(`with ${keys.length} users active, at the end`, last, 'MB'),
  ];
}
