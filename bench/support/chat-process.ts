import { join } from 'node:path';
import { LatencyHistogram } from '../../src/surfaces/cli/load/latency-histogram.ts';
import { AskedProcess } from './asked-process.ts';
import { pause } from './bench.ts';
import type { ChatAnswer, ChatCommand, ChatPlan } from './chat-plan.ts';

const CHILD = join(import.meta.dirname, '../chat-child.ts');

/** What was counted during the phases of one name, taken together. Times in ms. */
export interface Talk {
  readonly seconds: number;
  /** From the question to the first token, less what the model took. */
  readonly addedFirst: LatencyHistogram;
  /** From the model's sending a token to its being read by the client; as many as tokens. */
  readonly addedToken: LatencyHistogram;
  readonly answers: number;
  /** Answers that took more than 1.05 times as long as the model took for them. */
  readonly behind: number;
  /** Answers that did not come or were not whole, by what went wrong. */
  readonly failures: ReadonlyMap<string, number>;
  /** How late the process itself was. */
  readonly lateness: LatencyHistogram;
}

/** Simulated people who talk with a server, in a process of their own. Ended when disposed. */
export class ChatProcess implements AsyncDisposable {
  readonly #process = new AskedProcess<ChatPlan | ChatCommand, ChatAnswer>(CHILD);

  static async open(plan: ChatPlan): Promise<ChatProcess> {
    const chat = new ChatProcess();
    await chat.#process.ask(plan);
    return chat;
  }

  /** So many people talk with this model from now on; those who are new begin spread over `overMs`. */
  async talk(people: number, model: string, overMs: number): Promise<void> {
    await this.#process.ask({ do: 'talk', people, model, overMs });
  }

  /** All hang up, whatever they are being told. */
  async stop(): Promise<void> {
    await this.#process.ask({ do: 'stop' });
  }

  /** Counts what comes from now on under this name; an empty name counts nowhere. */
  async record(name: string): Promise<void> {
    await this.#process.ask({ do: 'record', name });
  }

  /** Counts for `ms` under this name, then nowhere. */
  async phase(name: string, ms: number): Promise<void> {
    await this.record(name);
    await pause(ms);
    await this.record('');
  }

  /** What was counted under a name. */
  async collect(name: string): Promise<Talk> {
    const { counted = [] } = await this.#process.ask({ do: 'collect' });
    const found = counted.find((each) => each.name === name);
    if (found === undefined) throw new Error(`nothing was counted as ${name}`);
    const { seconds, answers, behind, failures } = found;
    return {
      seconds,
      answers,
      behind,
      addedFirst: LatencyHistogram.from(found.addedFirst),
      addedToken: LatencyHistogram.from(found.addedToken),
      failures: new Map(Object.entries(failures)),
      lateness: LatencyHistogram.from(found.lateness),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
