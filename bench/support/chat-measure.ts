import { pause } from './bench.ts';
import type { ChatProcess, Talk } from './chat-process.ts';
import { cpuMsOf, rssMbOf } from './machine.ts';
import type { ModelProcess } from './model-process.ts';
import { scrape } from './rest.ts';
import type { ServerProcess } from './server-process.ts';

const SAMPLE_MS = 500;
const MS_PER_SECOND = 1000;
const MS_PER_MINUTE = 60_000;

/** A server, the model behind it, and people in front of it. */
export interface ChatScene {
  readonly server: ServerProcess;
  readonly model: ModelProcess;
  readonly chat: ChatProcess;
}

/** What a phase of talking was like. */
export interface MeasuredTalk {
  readonly talk: Talk;
  /** Tokens a second that people read. */
  readonly rate: number;
  /** Delay of the server's event loop, 99th percentile. */
  readonly loopMs: number;
  /** CPU the server used, all its threads. */
  readonly cpuMs: number;
  /** Its resident memory over time. */
  readonly memory: readonly (readonly [minute: number, mb: number])[];
  /** How late the processes of the bench were, 99th percentile: people and model, the worse of both. */
  readonly lateMs: number;
}

/** Lets people talk for `ms` and measures them, the server and the model meanwhile. Each name once. */
export async function measureTalk({ server, model, chat }: ChatScene, name: string, ms: number): Promise<MeasuredTalk> {
  await model.takeWork();
  // The delay is of the time since the last look.
  await loopDelayMs(server);
  const cpuBefore = cpuMsOf(server.pid);
  await chat.record(name);
  const memory = await watchMemory(server.pid, ms);
  await chat.record('');
  const cpuMs = cpuMsOf(server.pid) - cpuBefore;
  const loopMs = await loopDelayMs(server);
  const talk = await chat.collect(name);
  const { lateness } = await model.takeWork();
  const lateMs = Math.max(talk.lateness.quantile(0.99), lateness.quantile(0.99));
  return { talk, rate: talk.addedToken.count / talk.seconds, loopMs, cpuMs, memory, lateMs };
}

async function watchMemory(pid: number, ms: number): Promise<MeasuredTalk['memory']> {
  const samples: [minute: number, mb: number][] = [];
  const startedAt = performance.now();
  for (let now = startedAt; now - startedAt < ms; now = performance.now()) {
    samples.push([(now - startedAt) / MS_PER_MINUTE, rssMbOf(pid)]);
    await pause(Math.min(SAMPLE_MS, startedAt + ms - now));
  }
  return samples;
}

/** 99th percentile since this was last asked of the server. */
export async function loopDelayMs(server: ServerProcess): Promise<number> {
  const lag = (await scrape(server)).get('polymnia_event_loop_lag_seconds');
  if (lag === undefined) throw new Error('the server does not tell the delay of its event loop');
  return lag * MS_PER_SECOND;
}
