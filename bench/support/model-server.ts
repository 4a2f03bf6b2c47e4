import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { parseJson } from '../../src/kernel/parse-json.ts';
import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import type { HistogramDump } from '../../src/surfaces/cli/load/latency-histogram.ts';
import { createTextSource } from '../../src/surfaces/cli/load/texts.ts';
import { completionRequest, errorOf, sendJson, sinkOf } from './completion-wire.ts';
import { paceOf } from './pace.ts';
import { PacedAnswer } from './paced-answer.ts';
import { machineNow } from './stamp.ts';
import { Wheel } from './wheel.ts';

const SEED = 1234;
const TEXTS = 200;
/** Connections that are kept between two answers must not be closed under a request that comes. */
const KEEP_ALIVE_MS = 120_000;
/** Each answer begins elsewhere in the same text. */
const STRIDE = 37;
/** Multiples of the golden ratio are spread evenly over 0 to 1, in whatever number. */
const GOLDEN = 0.618_033_988_75;

/** What a model server did since it was last asked. */
export interface ModelWork {
  readonly tokens: number;
  /** How much later than due tokens were sent. */
  readonly lateness: HistogramDump;
}

/**
 * A model provider in the form of the OpenAI API that thinks nothing: the name of the model says how fast it answers and for
 * how long ({@link paceOf}), the text is made up and the same in every run, but for the times stamped into its tokens.
 */
export class ModelServer implements Disposable {
  readonly #models: readonly string[];
  readonly #words = madeUpWords();
  readonly #wheel = new Wheel();
  readonly #server: Server;
  #answers = 0;
  #tokens = 0;

  /** `models` are those it lists; it answers as any other that is paced, too. */
  constructor(models: readonly string[]) {
    this.#models = models;
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => void this.#serve(request, response));
  }

  /** Listens on a free port; its base URL. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  takeWork(): ModelWork {
    const tokens = this.#tokens;
    this.#tokens = 0;
    return { tokens, lateness: this.#wheel.takeLateness().dump() };
  }

  [Symbol.dispose](): void {
    this.#wheel[Symbol.dispose]();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await text(request);
      const requestedAt = machineNow();
      if (request.method === 'GET' && request.url === '/v1/models') return sendJson(response, 200, this.#list());
      if (request.method === 'POST' && request.url === '/v1/chat/completions') return this.#complete(body, requestedAt, response);
      sendJson(response, 404, errorOf(`There is no ${request.url}.`));
    } catch {
      // The request broke off, and with it its answer.
      response.destroy();
    }
  }

  #list(): unknown {
    return { object: 'list', data: this.#models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'bench' })) };
  }

  #complete(body: string, requestedAt: number, response: ServerResponse): void {
    const parsed = completionRequest.safeParse(parseJson(body));
    if (!parsed.success) return sendJson(response, 400, errorOf('The body is no request for a completion.'));
    const pace = paceOf(parsed.data.model);
    if (pace === undefined) return sendJson(response, 404, errorOf(`No model ${parsed.data.model}: names are like paced-20x10to30after300.`));
    const number = this.#answers++;
    const [least, most] = pace.seconds;
    const seconds = least + ((number * GOLDEN) % 1) * (most - least);
    const tokens = Math.max(1, Math.round(seconds * pace.tokensPerSecond));
    const script = { pace, tokens, requestedAt, word: this.#wordsFrom(number * STRIDE), count: (sent: number) => void (this.#tokens += sent) };
    new PacedAnswer(script, sinkOf(parsed.data, `chatcmpl-${number}`, response), this.#wheel).begin();
  }

  #wordsFrom(start: number): (at: number) => string {
    return (at) => this.#words[(start + at) % this.#words.length] ?? '';
  }
}

function madeUpWords(): readonly string[] {
  const texts = createTextSource(createSeededRandom(SEED));
  return Array.from({ length: TEXTS }, () => texts.memory()).flatMap((sentence) => sentence.split(' '));
}
