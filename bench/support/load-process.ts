import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Recorder } from '../../src/surfaces/cli/load/recorder.ts';
import type { LoadAnswer, LoadCommand, LoadPlan } from './load-plan.ts';

const CHILD = join(import.meta.dirname, '../load-child.ts');
const ANSWER_LIMIT_MS = 180_000;

/** What was counted during the phases of one name, taken together. */
export interface Phase {
  readonly recorder: Recorder;
  readonly seconds: number;
}

/** A load in a process of its own, so that neither the bench nor another load delays it. Ended when disposed. */
export class LoadProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #cpuMs = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(plan: LoadPlan): Promise<LoadProcess> {
    const load = new LoadProcess(fork(CHILD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    await load.#ask(plan);
    return load;
  }

  /** CPU the generator has used, in ms, as of the last command. */
  get cpuMs(): number {
    return this.#cpuMs;
  }

  async start(): Promise<void> {
    await this.#ask({ do: 'start' });
  }

  /** Resolves when every call sent has ended. */
  async stop(): Promise<void> {
    await this.#ask({ do: 'stop' });
  }

  /** Counts what falls due from now on under this name; an empty name counts nowhere. */
  async record(name: string): Promise<void> {
    await this.#ask({ do: 'record', name });
  }

  /** Counts for `ms` under this name, then nowhere. */
  async phase(name: string, ms: number): Promise<void> {
    await this.record(name);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await this.record('');
  }

  /** What was counted, by name. Complete once the load has been stopped. */
  async collect(): Promise<ReadonlyMap<string, Phase>> {
    const { counted = [] } = await this.#ask({ do: 'collect' });
    return new Map(counted.map(({ name, seconds, dump }) => [name, { seconds, recorder: new Recorder(dump) }]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #ask(message: LoadPlan | LoadCommand): Promise<LoadAnswer> {
    using listening = listen(this.#child);
    this.#child.send(message);
    const answer = await listening.answer;
    this.#cpuMs = answer.cpuMs;
    return answer;
  }
}

/** The next answer of the process; rejects when it ends or stays silent. Disposing it stops listening. */
function listen(child: ChildProcess): Disposable & { readonly answer: Promise<LoadAnswer> } {
  const { promise: answer, resolve, reject } = Promise.withResolvers<LoadAnswer>();
  const onMessage = (message: unknown): void => resolve(message as LoadAnswer);
  const onExit = (): void => reject(new Error('the load process ended'));
  const timer = setTimeout(() => reject(new Error('the load process does not answer')), ANSWER_LIMIT_MS);
  child.once('message', onMessage).once('exit', onExit);
  return {
    answer,
    [Symbol.dispose]() {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
    },
  };
}
