import { join } from 'node:path';
import { Recorder } from '../../src/surfaces/cli/load/recorder.ts';
import { AskedProcess } from './asked-process.ts';
import type { LoadAnswer, LoadCommand, LoadPlan } from './load-plan.ts';

const CHILD = join(import.meta.dirname, '../load-child.ts');

/** What was counted during the phases of one name, taken together. */
export interface Phase {
  readonly recorder: Recorder;
  readonly seconds: number;
}

/** A load in a process of its own, so that neither the bench nor another load delays it. Ended when disposed. */
export class LoadProcess implements AsyncDisposable {
  readonly #process = new AskedProcess<LoadPlan | LoadCommand, LoadAnswer>(CHILD);
  #cpuMs = 0;

  private constructor() {}

  static async open(plan: LoadPlan): Promise<LoadProcess> {
    const load = new LoadProcess();
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
    await this.#process[Symbol.asyncDispose]();
  }

  async #ask(message: LoadPlan | LoadCommand): Promise<LoadAnswer> {
    const answer = await this.#process.ask(message);
    this.#cpuMs = answer.cpuMs;
    return answer;
  }
}
