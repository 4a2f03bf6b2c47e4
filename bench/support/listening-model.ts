import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { parseJson } from '../../src/kernel/parse-json.ts';
import { completionRequest, errorOf, sendJson, sinkOf } from './completion-wire.ts';

const NAME = 'listener';
const request = completionRequest.extend({ messages: z.array(z.object({ content: z.string().nullish() })) });

/**
 * A model provider in the form of the OpenAI API that says nothing but which call this is: "I see. (17)". What it was given stays
 * until it is asked for by that answer, so that a prompt is matched with its question without a mark in either.
 */
export class ListeningModel implements Disposable {
  readonly #server: Server = createServer((incoming, response) => void this.#serve(incoming, response));
  readonly #prompts = new Map<string, string>();
  #calls = 0;

  /** Listens on a free port; options of a server that is to use it. */
  async listen(): Promise<Readonly<Record<string, string>>> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return { CHAT_MODEL_URL: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`, CHAT_MODEL: NAME };
  }

  /** All text of the prompt that got this answer; it is forgotten then. */
  takePrompt(answer: string): string {
    const prompt = this.#prompts.get(answer);
    if (prompt === undefined) throw new Error(`the model never said ${JSON.stringify(answer.slice(0, 100))}`);
    this.#prompts.delete(answer);
    return prompt;
  }

  [Symbol.dispose](): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const parsed = request.safeParse(parseJson(await text(incoming)));
      if (!parsed.success) return sendJson(response, 400, errorOf('The body is no request for a completion.'));
      const answer = `I see. (${this.#calls++})`;
      this.#prompts.set(answer, parsed.data.messages.map(({ content }) => content ?? '').join('\n'));
      const sink = sinkOf(parsed.data, answer, response);
      sink.send(answer);
      sink.end(1);
    } catch {
      // The request broke off, and with it its answer.
      response.destroy();
    }
  }
}
