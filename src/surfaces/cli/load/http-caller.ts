import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ERROR_TABLE } from '../../../kernel/errors.ts';
import type { WireRequest } from './mix.ts';
import { OK, type Outcome } from './recorder.ts';

export interface HttpCallerOptions {
  /** Base URL, without a trailing slash. */
  readonly url: string;
  /** Connections at once, kept alive and shared by all users; further calls wait for one, which counts into their latency. */
  readonly maxSockets: number;
  /** A connection that stays silent for so long is closed, its call counted as `ETIMEDOUT`. */
  readonly timeoutMs: number;
}

const CODES: ReadonlySet<string> = new Set(Object.keys(ERROR_TABLE));
/** Problem documents are small; of anything longer only the status counts. */
const MAX_PROBLEM_BYTES = 16 * 1024;

/**
 * Sends requests over kept-alive connections at as little cost as Node's own client allows: bodies of good answers are not
 * looked at, only drained. Owns its connections; disposing it ends the calls that are running as `cancelled`.
 */
export class HttpCaller implements Disposable {
  readonly #agent: HttpAgent;
  readonly #send: (options: RequestOptions) => ClientRequest;
  readonly #base: RequestOptions;
  readonly #prefix: string;
  #isClosed = false;

  constructor({ url, maxSockets, timeoutMs }: HttpCallerOptions) {
    const { protocol, hostname, port, pathname } = new URL(url);
    const isTls = protocol === 'https:';
    const settings = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, scheduling: 'fifo', timeout: timeoutMs } as const;
    this.#agent = isTls ? new HttpsAgent(settings) : new HttpAgent(settings);
    this.#send = isTls ? httpsRequest : httpRequest;
    this.#prefix = pathname.replace(/\/+$/, '');
    this.#base = { agent: this.#agent, protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (isTls ? 443 : 80) : port };
  }

  /** Sends one request; `done` is called exactly once. */
  call(request: WireRequest, headers: Readonly<Record<string, string>>, done: (outcome: Outcome) => void): void {
    this.#attempt(request, headers, done, true);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  #attempt(request: WireRequest, headers: Readonly<Record<string, string>>, done: (outcome: Outcome) => void, mayRetry: boolean): void {
    let isDone = false;
    const finish = (outcome: Outcome): void => {
      if (isDone) return;
      isDone = true;
      done(this.#isClosed && outcome !== OK ? 'cancelled' : outcome);
    };
    const outgoing = this.#send({
      ...this.#base,
      method: request.method,
      path: this.#prefix + request.path,
      headers: withLength(headers, request.body),
    });
    outgoing.on('response', (response) => readOutcome(response, finish));
    outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('The server stayed silent.'), { code: 'ETIMEDOUT' })));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed an idle connection just as it was taken: nothing was received, the call is sent again.
      if (mayRetry && !isDone && !this.#isClosed && outgoing.reusedSocket && error.code === 'ECONNRESET') {
        isDone = true;
        return this.#attempt(request, headers, done, false);
      }
      finish(error.code ?? 'ECONNRESET');
    });
    outgoing.end(request.body);
  }
}

function withLength(headers: Readonly<Record<string, string>>, body: string | undefined): Record<string, string> {
  if (body === undefined) return headers;
  return { ...headers, 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
}

function readOutcome(response: IncomingMessage, finish: (outcome: Outcome) => void): void {
  const status = response.statusCode ?? 0;
  response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'ECONNRESET'));
  response.on('aborted', () => finish('ECONNRESET'));
  if (status >= 200 && status < 300) {
    response.on('end', () => finish(OK));
    response.resume();
    return;
  }
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    if (text.length < MAX_PROBLEM_BYTES) text += chunk;
  });
  response.on('end', () => finish(codeOf(text) ?? `http_${status}`));
}

function codeOf(text: string): string | undefined {
  const code = /"code":"(\w+)"/.exec(text)?.[1];
  return code !== undefined && CODES.has(code) ? code : undefined;
}
