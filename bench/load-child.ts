/** The process that makes a load: commands come by IPC, and it ends with its parent. */
import { systemClock } from '../src/kernel/clock.ts';
import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { ClosedLoop } from '../src/surfaces/cli/load/closed-loop.ts';
import { HttpCaller } from '../src/surfaces/cli/load/http-caller.ts';
import { userOfKey } from '../src/surfaces/cli/load/load-user.ts';
import { parseMix } from '../src/surfaces/cli/load/mix.ts';
import { OpenLoop } from '../src/surfaces/cli/load/open-loop.ts';
import { Recorder } from '../src/surfaces/cli/load/recorder.ts';
import { createTextSource } from '../src/surfaces/cli/load/texts.ts';
import { answerParent } from './support/answer-parent.ts';
import { type LoadAnswer, type LoadCommand, loadCommand, type LoadPlan, loadPlan } from './support/load-plan.ts';

const CALL_TIMEOUT_MS = 120_000;

interface Counter {
  readonly recorder: Recorder;
  seconds: number;
  since: number | undefined;
}

class LoadWorker {
  readonly #loop: OpenLoop | ClosedLoop;
  readonly #counters = new Map<string, Counter>();
  #current: Counter | undefined;

  constructor(plan: LoadPlan) {
    const caller = new HttpCaller({ url: plan.url, maxSockets: plan.maxSockets, timeoutMs: CALL_TIMEOUT_MS });
    const random = createSeededRandom(plan.seed);
    const users = plan.keys.map((key) => userOfKey(key, caller));
    const common = { users, mix: parseMix(plan.mix), texts: createTextSource(random), random, clock: systemClock };
    const { pace } = plan;
    this.#loop =
      'lines' in pace ? new ClosedLoop({ ...common, ...pace }, new Recorder()) : new OpenLoop({ ...common, ...defined(pace) }, new Recorder());
  }

  async obey(command: LoadCommand): Promise<LoadAnswer> {
    if (command.do === 'start') this.#loop.start();
    else if (command.do === 'stop') await this.#loop.stop();
    else if (command.do === 'record') this.#record(command.name);
    const cpu = process.cpuUsage();
    const cpuMs = (cpu.user + cpu.system) / 1000;
    if (command.do !== 'collect') return { cpuMs };
    return { cpuMs, counted: [...this.#counters].map(([name, { recorder, seconds }]) => ({ name, seconds, dump: recorder.dump() })) };
  }

  #record(name: string): void {
    const now = performance.now();
    if (this.#current?.since !== undefined) this.#current.seconds += (now - this.#current.since) / 1000;
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = { recorder: new Recorder(), seconds: 0, since: undefined };
      if (name !== '') this.#counters.set(name, counter);
    }
    counter.since = now;
    this.#current = counter;
    this.#loop.recorder = counter.recorder;
  }
}

type OpenPace = Extract<LoadPlan['pace'], { callsPerSecondPerUser: number }>;

function defined({ callsPerSecondPerUser, maxInFlightPerUser, maxWaitingPerUser }: OpenPace): {
  readonly callsPerSecondPerUser: number;
  readonly maxInFlightPerUser?: number;
  readonly maxWaitingPerUser?: number;
} {
  return {
    callsPerSecondPerUser,
    ...(maxInFlightPerUser === undefined ? {} : { maxInFlightPerUser }),
    ...(maxWaitingPerUser === undefined ? {} : { maxWaitingPerUser }),
  };
}

let worker: LoadWorker | undefined;

answerParent((message): LoadAnswer | Promise<LoadAnswer> => {
  if (worker !== undefined) return worker.obey(loadCommand.parse(message));
  worker = new LoadWorker(loadPlan.parse(message));
  return { cpuMs: 0 };
});
