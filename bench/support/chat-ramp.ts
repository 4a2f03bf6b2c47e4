import { type BenchContext, figure, pause, type Row } from './bench.ts';
import { type ChatScene, type MeasuredTalk, measureTalk } from './chat-measure.ts';
import { MODELS } from './chat-models.ts';

/** Delay of the event loop, 99th percentile, beyond which a server is said to be full. */
const FULL_MS = 50;
const FIRST_PEOPLE = 60;
const FACTOR = 1.3;
const STEPS = 13;
const QUICK_STEPS = 5;
const GROW_MS = 2000;
const SETTLE_MS = 1000;
const STEP_MS = 5000;
const QUICK_STEP_MS = 2000;

/** One size of the crowd, and how the server took it. */
interface Step {
  readonly people: number;
  readonly measured: MeasuredTalk;
}

/** More and more people who are told 20 tokens a second each, until the server's loop is late by more than 50 ms. */
export async function rampUp(ctx: BenchContext, scene: ChatScene): Promise<Row[]> {
  const steps: Step[] = [];
  for (let n = 0; n < (ctx.isQuick ? QUICK_STEPS : STEPS) && !isFull(steps.at(-1)); n++) {
    steps.push(await measureStep(ctx, scene, Math.round(FIRST_PEOPLE * FACTOR ** n), steps.length));
  }
  await scene.chat.stop();
  return rowsOf(steps);
}

async function measureStep(ctx: BenchContext, scene: ChatScene, people: number, number: number): Promise<Step> {
  await scene.chat.talk(people, MODELS.talk, GROW_MS);
  await pause(GROW_MS + SETTLE_MS);
  const once = async (name: string): Promise<Step> => {
    const measured = await measureTalk(scene, name, ctx.isQuick ? QUICK_STEP_MS : STEP_MS);
    ctx.log(`${people} people: ${measured.rate.toFixed(0)} tokens/s, loop delay p99 ${measured.loopMs.toFixed(1)} ms`);
    return { people, measured };
  };
  const found = await once(`step ${number}`);
  // A single hitch is no end of the road.
  return isFull(found) ? once(`step ${number} again`) : found;
}

function isFull(step: Step | undefined): boolean {
  return step !== undefined && step.measured.loopMs >= FULL_MS;
}

function rowsOf(steps: readonly Step[]): Row[] {
  const [last, before] = [steps.at(-1), steps.at(-2)];
  if (last === undefined) return [];
  const { talk, rate, loopMs, lateMs, cpuMs } = last.measured;
  const how = `${last.people} people at 20 tokens/s; people and model late p99 ${lateMs.toFixed(1)} ms`;
  const reached = isFull(last);
  return [
    figure(`loop delay p99 passes ${FULL_MS} ms at`, reached ? crossing(before, last) : rate, 'tokens/s', reached ? how : `not reached: ${how}`),
    figure('loop delay p99, at the last step', loopMs, 'ms', `${rate.toFixed(0)} tokens/s`),
    figure('server CPU, at the last step', cpuMs / 1000 / talk.seconds, 'cores', `${((cpuMs * 1000) / talk.addedToken.count).toFixed(0)} µs a token`),
    figure('added to a token, p99, at the last step', talk.addedToken.quantile(0.99), 'ms'),
  ];
}

/** Where the line between two steps meets the limit. */
function crossing(before: Step | undefined, { measured: last }: Step): number {
  if (before === undefined) return last.rate;
  const { rate, loopMs } = before.measured;
  const share = (FULL_MS - loopMs) / (last.loopMs - loopMs);
  return rate + share * (last.rate - rate);
}
