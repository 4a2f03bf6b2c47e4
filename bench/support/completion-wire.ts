import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { AnswerSink } from './paced-answer.ts';

/** What counts of the body of `POST /v1/chat/completions`. */
export const completionRequest = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
});
type CompletionRequest = z.output<typeof completionRequest>;

/** Parts of an answer that stay the same. */
interface WireHead {
  readonly id: string;
  /** UTC seconds. */
  readonly created: number;
  readonly model: string;
}

/** Sends an answer the way it was asked for: in chunks, or whole at its end. */
export function sinkOf({ model, stream, stream_options: options }: CompletionRequest, id: string, response: ServerResponse): AnswerSink {
  const head = { id, created: Math.floor(Date.now() / 1000), model };
  return stream === true ? new ChunkSink(response, head, options?.include_usage === true) : new WholeSink(response, head);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** An error in the form OpenAI clients read. */
export function errorOf(message: string): unknown {
  return { error: { message, type: 'invalid_request_error', param: null, code: null } };
}

class ChunkSink implements AnswerSink {
  readonly #response: ServerResponse;
  readonly #head: object;
  readonly #wantsUsage: boolean;
  #hasBegun = false;

  constructor(response: ServerResponse, head: WireHead, wantsUsage: boolean) {
    this.#response = response;
    this.#head = { ...head, object: 'chat.completion.chunk' };
    this.#wantsUsage = wantsUsage;
  }

  get isGone(): boolean {
    return this.#response.destroyed;
  }

  send(text: string): void {
    const role = this.#hasBegun ? {} : { role: 'assistant' };
    if (!this.#hasBegun) this.#response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#hasBegun = true;
    this.#response.write(this.#event({ choices: [{ index: 0, delta: { ...role, content: text }, finish_reason: null }] }));
  }

  end(tokens: number): void {
    const finish = this.#event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    const usage = this.#wantsUsage ? this.#event({ choices: [], usage: usageOf(tokens) }) : '';
    this.#response.end(`${finish}${usage}data: [DONE]\n\n`);
  }

  #event(rest: object): string {
    return `data: ${JSON.stringify({ ...this.#head, ...rest })}\n\n`;
  }
}

class WholeSink implements AnswerSink {
  readonly #response: ServerResponse;
  readonly #head: WireHead;
  #text = '';

  constructor(response: ServerResponse, head: WireHead) {
    this.#response = response;
    this.#head = head;
  }

  get isGone(): boolean {
    return this.#response.destroyed;
  }

  send(text: string): void {
    this.#text += text;
  }

  end(tokens: number): void {
    const choices = [{ index: 0, message: { role: 'assistant', content: this.#text }, finish_reason: 'stop' }];
    sendJson(this.#response, 200, { ...this.#head, object: 'chat.completion', choices, usage: usageOf(tokens) });
  }
}

/** What was asked is not counted: nothing depends on it. */
function usageOf(tokens: number): object {
  return { prompt_tokens: 0, completion_tokens: tokens, total_tokens: tokens };
}
