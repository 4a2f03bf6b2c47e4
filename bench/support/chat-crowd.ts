import { trend } from '../soak.ts';
import { aim, type BenchContext, figure, pause, type Row } from './bench.ts';
import { type ChatScene, type MeasuredTalk, measureTalk } from './chat-measure.ts';
import { ChatProcess } from './chat-process.ts';
import type { ServerProcess } from './server-process.ts';
import type { Stage } from './stage.ts';

/** People begin spread over this time, about half an answer. */
const START_MS = 10_000;
const QUICK_START_MS = 3000;
/** Until answers of all lengths have come to their end, and the server's heap has taken its size: its old part is collected once in 40 s. */
const WARM_UP_MS = 60_000;
const QUICK_WARM_UP_MS = 1500;
const SETTLE_MS = 1500;
const PHASE_MS = 90_000;
const QUICK_PHASE_MS = 8000;
const MAX_LOOP_MS = 50;
const MAX_LATE_MS = 5;
/** The part of a phase at its beginning that says nothing of whether memory grows. */
const UNSETTLED_SHARE = 0.3;
/** Over the rest, as a share of what was there. */
const MAX_GROWTH = 0.1;

/** Many people who talk at the same time, each at the pace of the model. */
export interface Crowd {
  readonly people: number;
  readonly tokensPerSecond: number;
  readonly model: string;
  /** Limit of the server's own time to the first token, 95th percentile. */
  readonly maxFirstMs: number;
}

/** The users of the stage, who are to talk. With little data there are fewer users; some of them then talk in several conversations at once. */
export function openPeople({ users }: Stage, { url }: ServerProcess): Promise<ChatProcess> {
  return ChatProcess.open({ url, keys: users.map(({ key }) => key), seed: 61, pauseMs: [500, 2000] });
}

/** Lets a crowd talk and measures what the server adds to what the model takes. */
export async function inCrowd(ctx: BenchContext, stage: Stage, { server, model }: Omit<ChatScene, 'chat'>, crowd: Crowd): Promise<Row[]> {
  await using people = await openPeople(stage, server);
  const startMs = ctx.isQuick ? QUICK_START_MS : START_MS;
  await people.talk(crowd.people, crowd.model, startMs);
  await pause(startMs + (ctx.isQuick ? QUICK_WARM_UP_MS : WARM_UP_MS));
  const measured = await measureTalk({ server, model, chat: people }, 'crowd', ctx.isQuick ? QUICK_PHASE_MS : PHASE_MS);
  await people.stop();
  await pause(SETTLE_MS);
  return crowdRows(crowd, measured);
}

function crowdRows({ people, tokensPerSecond, maxFirstMs }: Crowd, measured: MeasuredTalk): Row[] {
  const { talk, rate, loopMs, cpuMs, memory, lateMs } = measured;
  const { addedFirst, addedToken, answers, behind, failures } = talk;
  const name = (what: string): string => `${people} × ${tokensPerSecond}/s: ${what}`;
  const p95 = addedFirst.quantile(0.95);
  const steady = memory.slice(Math.floor(memory.length * UNSETTLED_SHARE));
  const { growth } = trend(steady);
  const resident = `${steady[0]?.[1].toFixed(0)} MB, then ${steady.at(-1)?.[1].toFixed(0)} MB`;
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  return [
    figure(name('tokens read'), rate, 'tokens/s', `${talk.seconds.toFixed(0)} s; ${addedFirst.count} answers begun, ${answers} ended`),
    figure(name('added to first token, p50'), addedFirst.quantile(0.5), 'ms'),
    aim(name('added to first token, p95'), p95, 'ms', `< ${maxFirstMs} ms`, p95 < maxFirstMs),
    figure(name('added to first token, p99'), addedFirst.quantile(0.99), 'ms'),
    figure(name('added to a token, p50'), addedToken.quantile(0.5), 'ms'),
    figure(name('added to a token, p99'), addedToken.quantile(0.99), 'ms'),
    aim(name('answers behind their pace'), behind, 'answers', '0', behind === 0 && answers > 0, `of ${answers}; by more than 5 %`),
    aim(name('answers failed'), failed, 'answers', '0', failed === 0, [...failures].map((entry) => entry.join(' ')).join(', ')),
    aim(name('loop delay p99'), loopMs, 'ms', `< ${MAX_LOOP_MS} ms`, loopMs < MAX_LOOP_MS),
    aim(name('resident memory, growth'), growth * 100, '%', `<= ${MAX_GROWTH * 100} %`, growth <= MAX_GROWTH, resident),
    figure(name('server CPU'), cpuMs / 1000 / talk.seconds, 'cores', `${((cpuMs * 1000) / addedToken.count).toFixed(0)} µs a token, all threads`),
    aim(name('people, model late, p99'), lateMs, 'ms', `<= ${MAX_LATE_MS} ms, else void`, lateMs <= MAX_LATE_MS),
  ];
}
