import type { LatencyHistogram } from '../src/surfaces/cli/load/latency-histogram.ts';
import { besideNoise } from './interference.ts';
import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { type Crowd, inCrowd, openPeople } from './support/chat-crowd.ts';
import { loopDelayMs } from './support/chat-measure.ts';
import { MODELS } from './support/chat-models.ts';
import { openChatNoise } from './support/chat-noise.ts';
import { ChatProcess } from './support/chat-process.ts';
import { rampUp } from './support/chat-ramp.ts';
import { ModelProcess } from './support/model-process.ts';
import type { ServerProcess } from './support/server-process.ts';
import type { Stage } from './support/stage.ts';

const SETTLE_MS = 1500;
const REST_MS = 3000;
const ROUNDS = 3;
const SINGLE_MS = 4000;
const QUICK_SINGLE_MS = 1500;
/** How much longer one may wait beside another than alone. A p95 of few questions wanders more than a median. */
const SAME = [
  { q: 0.5, ratio: 1.2, extraMs: 1 },
  { q: 0.95, ratio: 1.5, extraMs: 2 },
] as const;

/** People who talk through `/v1/chat/completions` with models that take 10 to 30 s: what the server adds, and what others feel of it. */
export const chat: Bench = {
  name: 'chat',
  run: async (ctx) => [...(await talkers(ctx)), ...(await lightUsers(ctx))],
};

async function talkers(ctx: BenchContext): Promise<Row[]> {
  const stage = await ctx.stage();
  await using model = await ModelProcess.open();
  await using server = await stage.serve(model.options);
  const rows = [...(await atRest(ctx, server)), ...(await besideOne(ctx, stage, server))];
  for (const crowd of crowdsOf(ctx)) rows.push(...(await inCrowd(ctx, stage, { server, model }, crowd)));
  await using people = await openPeople(stage, server);
  return [...rows, ...(await rampUp(ctx, { server, model, chat: people }))];
}

function crowdsOf({ isQuick }: BenchContext): readonly Crowd[] {
  return [
    { people: 100, tokensPerSecond: 20, model: isQuick ? MODELS.quickTalk : MODELS.talk, maxFirstMs: 50 },
    { people: isQuick ? 250 : 1000, tokensPerSecond: 4, model: isQuick ? MODELS.quickSlow : MODELS.slow, maxFirstMs: 150 },
  ];
}

/** What the measure of the loop's delay says of a loop that does nothing. */
async function atRest(ctx: BenchContext, server: ServerProcess): Promise<Row[]> {
  await loopDelayMs(server);
  await pause(ctx.isQuick ? QUICK_SINGLE_MS : REST_MS);
  return [figure('nobody talks: loop delay p99', await loopDelayMs(server), 'ms', 'its timer of 10 ms is part of every figure of it')];
}

/** What is added to one user's first token alone, and while another is told something for half a minute, in turn. */
async function besideOne(ctx: BenchContext, { users }: Stage, { url }: ServerProcess): Promise<Row[]> {
  const [first, second] = users.map(({ key }) => key);
  if (first === undefined || second === undefined) return [];
  await using one = await ChatProcess.open({ url, keys: [first], seed: 62, pauseMs: [500, 2000] });
  await using two = await ChatProcess.open({ url, keys: [second], seed: 63, pauseMs: [5, 20] });
  const ms = ctx.isQuick ? QUICK_SINGLE_MS : SINGLE_MS;
  await two.talk(1, MODELS.brief, 0);
  await pause(SETTLE_MS);
  for (let round = 0; round < ROUNDS; round++) {
    await two.phase('alone', ms);
    await one.talk(1, MODELS.long, 0);
    await pause(SETTLE_MS);
    await two.phase('beside', ms);
    await one.stop();
    await pause(SETTLE_MS);
  }
  return besideOneRows((await two.collect('alone')).addedFirst, (await two.collect('beside')).addedFirst);
}

function besideOneRows(alone: LatencyHistogram, beside: LatencyHistogram): Row[] {
  return SAME.flatMap(({ q, ratio, extraMs }) => {
    const [before, after] = [alone.quantile(q), beside.quantile(q)];
    const limit = Math.max(ratio * before, before + extraMs);
    const name = `user 2, added to first token, p${q * 100}`;
    return [
      figure(`${name}, alone`, before, 'ms', `${alone.count} questions to a model that answers at once`),
      aim(`${name}, beside user 1`, after, 'ms', `<= ${limit.toFixed(1)} ms`, after <= limit, `${beside.count} questions during a turn of 30 s`),
    ];
  });
}

/** What users who only call memory feel of 50 who talk. */
async function lightUsers(ctx: BenchContext): Promise<Row[]> {
  const rows = await besideNoise(ctx, [openChatNoise]);
  return rows.map((row) => ({ ...row, name: row.name.startsWith('chat: ') ? row.name : `light users: ${row.name}` }));
}
