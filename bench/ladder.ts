import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { LoadProcess, type Phase } from './support/load-process.ts';
import type { ServerProcess } from './support/server-process.ts';
import type { Stage } from './support/stage.ts';

const STEPS = [1, 20, 50, 100, 1000];
const WARM_UP_MS = 3000;
const MAX_SOCKETS = 1000;

/** 1 to 1,000 users at once, each a call a second, 70 % retrieve and 30 % store, open loop. */
export const ladder: Bench = {
  name: 'ladder',
  async run(ctx) {
    const stage = await ctx.stage();
    await using server = await stage.serve();
    const rows: Row[] = [];
    for (const users of STEPS) rows.push(...(await step(ctx, stage, server, users)));
    return rows;
  },
};

async function step(ctx: BenchContext, stage: Stage, server: ServerProcess, users: number): Promise<Row[]> {
  // With little data there are fewer users; the calls of the rest are made by those there are.
  const keys = Array.from({ length: users }, (_, at) => stage.users[at % stage.users.length]?.key ?? '');
  const plan = { url: server.url, keys, mix: 'retrieve=70,store=30', seed: users, maxSockets: MAX_SOCKETS, pace: { callsPerSecondPerUser: 1 } };
  await using load = await LoadProcess.open(plan);
  await load.start();
  await pause(ctx.isQuick ? 1000 : WARM_UP_MS);
  await load.phase('calls', ctx.isQuick ? 4000 : users < 50 ? 60_000 : 30_000);
  await load.stop();
  const phase = (await load.collect()).get('calls');
  return phase === undefined ? [] : rowsOf(users, phase, stage);
}

function rowsOf(users: number, { recorder, seconds }: Phase, stage: Stage): Row[] {
  const name = (what: string): string => `${users} users, ${what}`;
  const latency = recorder.latency();
  const { ok, refused, failed } = recorder.totals();
  const [p50, p95, p99, late] = [latency.quantile(0.5), latency.quantile(0.95), latency.quantile(0.99), recorder.lateness.quantile(0.99)];
  const isTop = users === 1000;
  const aimed = (what: string, value: number, limit: number): Row =>
    isTop ? aim(name(what), value, 'ms', `< ${limit} ms`, value < limit) : figure(name(what), value, 'ms');
  return [
    figure(name('answered'), ok / seconds, 'calls/s', `${stage.memoriesEach} memories each, of ${Math.min(users, stage.users.length)} people`),
    figure(name('p50'), p50, 'ms'),
    aimed('p95', p95, 50),
    aimed('p99', p99, 100),
    figure(name('retrieve p95'), recorder.latency('retrieve').quantile(0.95), 'ms'),
    figure(name('store p95'), recorder.latency('store').quantile(0.95), 'ms'),
    aim(name('refused and failed'), refused + failed, 'calls', '0', refused + failed === 0),
    aim(name('generator late, p99'), late, 'ms', '<= 5 ms, else void', late <= 5),
  ];
}
