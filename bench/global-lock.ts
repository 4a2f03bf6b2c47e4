import { join } from 'node:path';
import { Recorder } from '../src/surfaces/cli/load/recorder.ts';
import { aim, type Bench, type BenchContext, figure, pause } from './support/bench.ts';
import { LoadProcess } from './support/load-process.ts';
import { openNoise } from './support/noise.ts';
import type { ServerProcess } from './support/server-process.ts';
import type { Stage } from './support/stage.ts';

const LOCKED_MAIN = join(import.meta.dirname, 'global-lock-server.ts');
const LIGHT_USERS = 200;
const LOAD_MS = 30_000;
const MIN_GAIN = 10;
/** What a call may be waiting for when it is not answered in time. */
const TIME_OUT_MS = 30_000;
/** How SQLite and the product name a lock that was not got; none may reach a caller. */
const LOCK_FAILURES = ['internal', 'storage_unavailable', 'conflict'];

interface Outcome {
  readonly recorder: Recorder;
  readonly unloadedMs: number;
}

/** The same load on the product and on the product behind one global lock. */
export const globalLock: Bench = {
  name: 'global-lock',
  async run(ctx) {
    const stage = await ctx.stage();
    const product = await measure(ctx, stage, ctx.main);
    const locked = await measure(ctx, stage, LOCKED_MAIN);
    const waits = [product, locked].map((outcome) => waitingSeconds(outcome));
    const [own = 0, behind = 0] = waits;
    const trouble = [...product.recorder.outcomes()]
      .filter(([outcome]) => LOCK_FAILURES.includes(outcome))
      .reduce((sum, [, count]) => sum + count, 0);
    const note = ({ recorder }: Outcome): string => [...recorder.outcomes()].map((entry) => entry.join(' ')).join(', ');
    return [
      figure('waiting in all, the product', own, 's', note(product)),
      figure('waiting in all, one global lock', behind, 's', `${note(locked)}; a call that timed out counts ${TIME_OUT_MS / 1000} s`),
      aim('one global lock over the product', behind / own, 'x', `>= ${MIN_GAIN}`, behind >= MIN_GAIN * own),
      figure('p95, the product', product.recorder.latency().quantile(0.95), 'ms'),
      figure('p95, one global lock', locked.recorder.latency().quantile(0.95), 'ms'),
      aim('busy, locked and deadlock errors, the product', trouble, 'calls', '0', trouble === 0),
    ];
  },
};

/** The light users beside the noise; before it, their calls with nobody else there, for what a call takes without waiting. */
async function measure(ctx: BenchContext, stage: Stage, main: string): Promise<Outcome> {
  await using server = await stage.serve({}, main);
  const memories = ctx.isQuick ? 10_000 : 100_000;
  await using noise = await openNoise(server, memories, ctx.isQuick ? 1500 : 4000, ctx.log);
  const unloadedMs = await unloaded(server, stage);
  const keys = stage.users.slice(0, LIGHT_USERS).map(({ key }) => key);
  const plan = {
    url: server.url,
    keys,
    mix: 'retrieve=70,store=30',
    seed: 31,
    maxSockets: 1000,
    pace: { callsPerSecondPerUser: 1, maxInFlightPerUser: 64 },
  };
  await using load = await LoadProcess.open(plan);
  await noise.start('noise');
  await load.start();
  await load.phase('light', ctx.isQuick ? 6000 : LOAD_MS);
  await load.stop();
  await noise.stop();
  const phase = (await load.collect()).get('light');
  return { recorder: phase?.recorder ?? new Recorder(), unloadedMs };
}

async function unloaded(server: ServerProcess, stage: Stage): Promise<number> {
  const plan = {
    url: server.url,
    keys: [stage.users[0]?.key ?? ''],
    mix: 'retrieve=70,store=30',
    seed: 32,
    maxSockets: 1,
    pace: { lines: 1, restMs: 0 },
  };
  await using load = await LoadProcess.open(plan);
  await load.start();
  await pause(500);
  await load.phase('unloaded', 1500);
  await load.stop();
  return (await load.collect()).get('unloaded')?.recorder.latency().quantile(0.5) ?? 0;
}

/** Time the light users' calls took beyond what one takes alone, summed. */
function waitingSeconds({ recorder, unloadedMs }: Outcome): number {
  const latency = recorder.latency();
  const { refused, failed } = recorder.totals();
  return (Math.max(0, latency.sumMs - latency.count * unloadedMs) + (refused + failed) * TIME_OUT_MS) / 1000;
}
