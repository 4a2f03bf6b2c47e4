import { join } from 'node:path';
import { z } from 'zod';
import { LatencyHistogram } from '../../src/surfaces/cli/load/latency-histogram.ts';
import { AskedProcess } from './asked-process.ts';
import { modelOptions } from './chat-models.ts';
import type { ModelWork } from './model-server.ts';

const CHILD = join(import.meta.dirname, '../model-child.ts');

/** Asked of a model process, in order; each is answered. */
export const modelCommand = z.object({ do: z.enum(['listen', 'work']) });
type ModelCommand = z.output<typeof modelCommand>;

export interface ModelAnswer {
  readonly url?: string;
  readonly work?: ModelWork;
}

/** A model server in a process of its own. Ended when disposed. */
export class ModelProcess implements AsyncDisposable {
  readonly #process = new AskedProcess<ModelCommand, ModelAnswer>(CHILD);
  #url = '';

  static async open(): Promise<ModelProcess> {
    const model = new ModelProcess();
    const { url = '' } = await model.#process.ask({ do: 'listen' });
    model.#url = url;
    return model;
  }

  /** Options of a server that is to use it. */
  get options(): Readonly<Record<string, string>> {
    return modelOptions(this.#url);
  }

  /** What it did since this was last asked. */
  async takeWork(): Promise<{ readonly tokens: number; readonly lateness: LatencyHistogram }> {
    const { work } = await this.#process.ask({ do: 'work' });
    if (work === undefined) throw new Error('the model process does not say what it did');
    return { tokens: work.tokens, lateness: LatencyHistogram.from(work.lateness) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
