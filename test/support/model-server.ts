import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request a model server was sent. */
export interface ModelCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  /** The caller's port: the same for calls on one connection. */
  readonly port: number | undefined;
  /** Resolves when the connection's answer is over, whoever ended it. */
  readonly closed: Promise<void>;
}

export type ModelBehaviour = (response: ServerResponse, call: ModelCall) => void;

/** A model provider on a real socket that does what a test says, good or bad. */
export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly ModelCall[];
  /** How all calls from now on are answered. */
  behave(behaviour: ModelBehaviour): void;
}

/** Starts one on a free port. */
export async function openModelServer(first: ModelBehaviour = () => {}): Promise<ModelServer> {
  let behaviour = first;
  const calls: ModelCall[] = [];
  const server = createServer((request, response) => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    response.on('close', resolve);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      const call = { path: request.url ?? '', headers: request.headers, body, port: request.socket.remotePort, closed };
      calls.push(call);
      behaviour(response, call);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    behave: (next) => void (behaviour = next),
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Sends events and leaves the answer open. Objects become JSON. */
export function sendEvents(response: ServerResponse, ...events: readonly unknown[]): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
}

/** One piece of text in the form of the OpenAI API. */
export function textChunk(content: string): unknown {
  return { id: 'c1', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: null }] };
}

/** The end in the same form. */
export const END_CHUNKS = [
  { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  { choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } },
  '[DONE]',
] as const;

/** Answers in the form of the OpenAI API, a piece of text at a time. */
export function speak(...texts: readonly string[]): ModelBehaviour {
  return (response) => {
    sendEvents(response, ...texts.map((text) => textChunk(text)), ...END_CHUNKS);
    response.end();
  };
}
