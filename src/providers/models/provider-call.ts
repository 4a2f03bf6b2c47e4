import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../../kernel/clock.ts';

/** One request as a provider wants it. */
export interface ProviderRequest {
  /** Below the base of its API. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** How long the end of an answer that has said all may take to come, before its connection is closed. */
const END_MS = 250;

/**
 * Sends a request to the API at `url` and resolves when status and headers have come. Rejects as the connection failed. When the
 * signal aborts, the connection is closed, at whatever point. Redirects are not followed. Why not `fetch`: docs/adr/0017.
 */
export async function callProvider(url: string, request: ProviderRequest, signal: AbortSignal, clock: Clock): Promise<ProviderAnswer> {
  const { path, headers, body } = request;
  const address = new URL(`${url.replace(/\/+$/, '')}${path}`);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const call = address.protocol === 'https:' ? httpsRequest : httpRequest;
  const fixed = { 'content-type': 'application/json', accept: 'text/event-stream' };
  // Once there is an answer, errors come from it.
  call(address, { method: 'POST', signal, headers: { ...fixed, ...headers } }, resolve)
    .on('error', reject)
    .end(JSON.stringify(body));
  return new ProviderAnswer(await promise, clock);
}

/** An answer as it comes. Disposing it closes its connection. */
export class ProviderAnswer implements Disposable {
  readonly #message: IncomingMessage;
  readonly #clock: Clock;
  #isFinished = false;

  constructor(message: IncomingMessage, clock: Clock) {
    this.#message = message;
    this.#clock = clock;
  }

  get status(): number {
    return this.#message.statusCode ?? 0;
  }

  /** The value of a header, named in small letters. */
  header(name: string): string | undefined {
    const value = this.#message.headers[name];
    return typeof value === 'string' ? value : value?.join(', ');
  }

  /** The bytes, in parts. Once. */
  parts(): AsyncIterable<Uint8Array> {
    return this.#message.iterator({ destroyOnReturn: false });
  }

  /** All that was wanted has been read: when the rest comes soon, the connection serves a later request. */
  finish(): void {
    this.#isFinished = true;
    const message = this.#message.resume();
    if (message.closed) return;
    const cancel = this.#clock.after(END_MS, () => message.destroy());
    message.once('close', cancel);
  }

  [Symbol.dispose](): void {
    if (!this.#isFinished) this.#message.destroy();
  }
}
