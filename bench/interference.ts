import { Recorder } from '../src/surfaces/cli/load/recorder.ts';
import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { loopDelayMs } from './support/chat-measure.ts';
import { openChatNoise } from './support/chat-noise.ts';
import { CODE_NOISE_OPTIONS, openCodeNoise } from './support/code-noise.ts';
import { LoadProcess, type Phase } from './support/load-process.ts';
import { cpuMsOf } from './support/machine.ts';
import { ModelProcess } from './support/model-process.ts';
import { type Disturbance, type Noise, openNoise } from './support/noise.ts';
import type { ServerProcess } from './support/server-process.ts';

const LIGHT_USERS = 200;
const ROUNDS = 3;
const FEWER_ROUNDS = 2;
/** Long enough for low-priority work beside full processors to get somewhere. */
const PHASE_MS = 30_000;
const QUICK_PHASE_MS = 5000;
const SETTLE_MS = 1500;
const MAX_RATIO = 1.5;
const MAX_EXTRA_MS = 2;
/** A noisy user that gets less than this share of what it gets alone was not let work. Two share what the light ones leave. */
const FAIR_SHARE = 0.25;
const OPERATIONS = ['retrieve', 'store'] as const;

type Opener = (server: ServerProcess, ctx: BenchContext) => Promise<Disturbance>;

/** 200 light users alone and beside an importer, an overloading searcher, three who sync, one who analyses and 50 who chat, in turn, in one run. */
export const interference: Bench = {
  name: 'interference',
  run: (ctx) => besideNoise(ctx, [openMemoryNoise, openCodeNoise, openChatNoise], ROUNDS),
};

/** The same beside the importer and the searcher alone: what is felt of work inside the server. */
export const interferenceMemory: Bench = {
  name: 'interference-memory',
  run: (ctx) => besideNoise(ctx, [openMemoryNoise]),
};

/** The same beside the syncs and the analysis alone: what is felt of the child processes. */
export const interferenceSync: Bench = {
  name: 'interference-sync',
  run: (ctx) => besideNoise(ctx, [openCodeNoise]),
};

/** The light users alone and beside what the openers open, in so many rounds. */
export async function besideNoise(ctx: BenchContext, openers: readonly Opener[], fullRounds = FEWER_ROUNDS): Promise<Row[]> {
  const stage = await ctx.stage();
  await using model = await ModelProcess.open();
  await using server = await stage.serve({ ...CODE_NOISE_OPTIONS, ...model.options });
  await using resources = new AsyncDisposableStack();
  const noises: Disturbance[] = [];
  for (const open of openers) noises.push(resources.use(await open(server, ctx)));
  const keys = stage.users.slice(0, LIGHT_USERS).map(({ key }) => key);
  const plan = { url: server.url, keys, mix: 'retrieve=70,store=30', seed: 5, maxSockets: LIGHT_USERS * 2, pace: { callsPerSecondPerUser: 1 } };
  await using load = await LoadProcess.open(plan);
  await load.start();
  const phaseMs = ctx.isQuick ? QUICK_PHASE_MS : PHASE_MS;
  const used = { alone: { cpuMs: 0, loopMs: 0 }, beside: { cpuMs: 0, loopMs: 0 } };
  await pause(SETTLE_MS * 2);
  for (let round = 0; round < (ctx.isQuick ? 2 : fullRounds); round++) {
    await measured(server, used.alone, () => load.phase('alone', phaseMs));
    await Promise.all(noises.map((noise) => noise.start('noise')));
    await pause(SETTLE_MS);
    await measured(server, used.beside, () => load.phase('beside', phaseMs));
    await Promise.all(noises.map((noise) => noise.stop()));
    await pause(SETTLE_MS);
  }
  await load.stop();
  const phases = await load.collect();
  const gotDone = await Promise.all(noises.map((noise) => noise.rows()));
  return [...lightRows(phases, keys.length, stage.memoriesEach), ...gotDone.flat(), ...serverRows(used, phases)];
}

async function openMemoryNoise(server: ServerProcess, ctx: BenchContext): Promise<Disturbance> {
  const noise = await openNoise(server, ctx.isQuick ? 20_000 : 100_000, ctx.isQuick ? 2000 : 6000, ctx.log);
  return {
    start: (name) => noise.start(name),
    stop: () => noise.stop(),
    rows: () => noiseRows(noise),
    [Symbol.asyncDispose]: () => noise[Symbol.asyncDispose](),
  };
}

interface Used {
  cpuMs: number;
  /** Worst of the phases. */
  loopMs: number;
}

async function measured(server: ServerProcess, used: Used, work: () => Promise<void>): Promise<void> {
  // The delay is of the time since the last look.
  await loopDelayMs(server);
  const before = cpuMsOf(server.pid);
  await work();
  used.cpuMs += cpuMsOf(server.pid) - before;
  used.loopMs = Math.max(used.loopMs, await loopDelayMs(server));
}

export function lightRows(phases: ReadonlyMap<string, Phase>, users: number, memories: number): Row[] {
  const of = (name: string): Recorder => phases.get(name)?.recorder ?? new Recorder();
  const [alone, beside] = [of('alone'), of('beside')];
  const rows: Row[] = [];
  for (const operation of OPERATIONS) {
    const [a, b] = [alone.latency(operation), beside.latency(operation)];
    const [before, after] = [a.quantile(0.95), b.quantile(0.95)];
    const limit = Math.max(MAX_RATIO * before, before + MAX_EXTRA_MS);
    rows.push(
      figure(`${operation} p50 alone`, a.quantile(0.5), 'ms', `${users} users with ${memories} memories each, a call a second`),
      figure(`${operation} p50 beside the noise`, b.quantile(0.5), 'ms'),
      figure(`${operation} p95 alone`, before, 'ms'),
      aim(`${operation} p95 beside the noise`, after, 'ms', `<= ${limit.toFixed(1)} ms`, after <= limit),
      aim(`${operation} p95 ratio`, after / before, 'x', '<= 1.5, or 2 ms more', after <= limit),
    );
  }
  const errors = [alone, beside].map((recorder) => recorder.totals()).reduce((sum, { refused, failed }) => sum + refused + failed, 0);
  const late = Math.max(alone.lateness.quantile(0.99), beside.lateness.quantile(0.99));
  rows.push(
    aim('light users refused and failed', errors, 'calls', '0', errors === 0),
    aim('generator late, p99', late, 'ms', '<= 5 ms, else void', late <= 5),
  );
  return rows;
}

async function noiseRows(noise: Noise): Promise<Row[]> {
  const { searchesPerSecond, searchesDue, outcomes, importedPerSecond } = await noise.report();
  const served = outcomes.get('ok') ?? 0;
  const said = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  const shares = [searchesPerSecond / noise.searchesAlone, importedPerSecond / noise.importsAlone];
  const fair = `>= ${FAIR_SHARE} of alone, else void`;
  return [
    aim('searcher: offered over served', searchesDue / Math.max(1, served), 'x', '>= 3, else void', searchesDue >= 3 * served, said),
    figure(
      'searcher: served',
      searchesPerSecond,
      'searches/s',
      `alone ${noise.searchesAlone.toFixed(1)}; refusals are of its full waiting line: rates are lifted`,
    ),
    aim('searcher: share of what it gets alone', shares[0] ?? 0, 'x', fair, (shares[0] ?? 0) >= FAIR_SHARE),
    figure('importer: taken in', importedPerSecond, 'memories/s', `alone ${noise.importsAlone.toFixed(0)}`),
    aim('importer: share of what it gets alone', shares[1] ?? 0, 'x', fair, (shares[1] ?? 0) >= FAIR_SHARE),
  ];
}

function serverRows(used: Readonly<Record<'alone' | 'beside', Used>>, phases: ReadonlyMap<string, Phase>): Row[] {
  return (['alone', 'beside'] as const).flatMap((name) => [
    figure(`server CPU, ${name}`, used[name].cpuMs / 1000 / (phases.get(name)?.seconds ?? Number.NaN), 'cores', 'of all its threads'),
    figure(`server loop delay p99, ${name}`, used[name].loopMs, 'ms', 'worst phase; its timer of 10 ms is part of it'),
  ]);
}
