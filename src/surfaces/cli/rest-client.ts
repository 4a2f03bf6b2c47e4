import { z } from 'zod';
import { orAbort, startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError, systemCode } from '../../kernel/errors.ts';
import type { OperationDeclaration, Progress } from '../../kernel/operation.ts';
import { bodyChunks, problemError, readEvents, readJson, responseError } from './answers.ts';
import { NO_SERVER, type ServerTarget } from './find-server.ts';
import { operationRequest } from './operation-request.ts';
import { isFields } from './render-value.ts';

type Input = Readonly<Record<string, unknown>>;

/** Asks a running server for operations. Every failure is a `PolymniaError` with the server's code. */
export interface RestClient {
  readonly target: ServerTarget;
  /** One call, answered as JSON. */
  call(operation: string, input: Input): Promise<unknown>;
  /** One call that may take long: watches its progress, and ends only by the server's limits, its silence, or the signal. */
  callWithProgress(operation: string, input: Input, onProgress: (progress: Progress) => void): Promise<unknown>;
  /** As {@link callWithProgress}, with a raw body that is sent as fast as the server takes it. */
  upload(operation: string, input: Input, body: AsyncIterable<Uint8Array>, onProgress: (progress: Progress) => void): Promise<unknown>;
  /** The operation's stream of JSON lines, as raw chunks. */
  lines(operation: string, input: Input): AsyncIterable<Uint8Array>;
  /** Follows a job to its end; rejects when there is none. */
  followJob(id: string, onProgress: (progress: Progress) => void): Promise<void>;
  /** An address outside the operations, such as `/readyz`: status and time of the answer, whatever they are. */
  probe(path: string): Promise<{ readonly status: number; readonly date: string | null }>;
}

export interface RestClientDeps {
  readonly operations: readonly OperationDeclaration[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Limit of one plain call, ms. */
  readonly timeoutMs: number;
  /** Names this client in the server's provenance, e.g. `polymnia-cli/0.1.0`. */
  readonly clientName: string;
}

/** Above every lane's own limit but those of chat, for which there is `--timeout`, and of bulk calls, which are watched instead. */
export const DEFAULT_TIMEOUT_MS = 60_000;

const PROBE_TIMEOUT_MS = 5000;

/** A client of one server. Redirects are refused: the key goes to the given address alone. */
export function createRestClient(target: ServerTarget, deps: RestClientDeps): RestClient {
  const watched = async (request: Sent, onProgress: (progress: Progress) => void): Promise<unknown> => {
    const response = await send(target, deps, { ...request, accept: 'text/event-stream, application/json;q=0.9' }, deps.signal);
    return eventAnswer(target, deps, response, onProgress);
  };
  return {
    target,
    async call(operation, input) {
      using deadline = startDeadline(deps.clock, deps.timeoutMs, '--timeout', deps.signal);
      const response = await send(target, deps, jsonRequest(deps, operation, input), deadline.signal);
      return readJson(translated(bodyChunks(response, deps.clock, deadline.signal), target), target.url);
    },
    callWithProgress: (operation, input, onProgress) => watched(jsonRequest(deps, operation, input), onProgress),
    async upload(operation, input, body, onProgress) {
      const declared = declarationOf(deps, operation);
      const { method, target: path } = operationRequest(declared, input, true);
      using sending = new Sending(body);
      return await watched({ method, path, body: sending.stream, contentType: declared.upload?.mediaType ?? 'application/octet-stream' }, onProgress);
    },
    async *lines(operation, input) {
      const request = { ...jsonRequest(deps, operation, input), accept: 'application/x-ndjson' };
      const response = await send(target, deps, request, deps.signal);
      yield* translated(bodyChunks(response, deps.clock, deps.signal), target);
    },
    async followJob(id, onProgress) {
      const path = `/api/v1/jobs/${encodeURIComponent(id)}/events`;
      const response = await send(target, deps, { method: 'GET', path, accept: 'text/event-stream' }, deps.signal);
      for await (const { event, data } of readEvents(translated(bodyChunks(response, deps.clock, deps.signal), target))) {
        const value: unknown = JSON.parse(data);
        if (event === 'end') return;
        if (event === 'error') throw problemError(value) ?? new PolymniaError('upstream_failed', 'The job could not be followed further.');
        const progress = progressEvent.safeParse(event === 'state' && isFields(value) ? value['progress'] : value);
        if (progress.success) onProgress(toProgress(progress.data));
      }
      throw new PolymniaError('upstream_failed', `${target.url} broke off before the job's end; it goes on there.`);
    },
    async probe(path) {
      using deadline = startDeadline(deps.clock, PROBE_TIMEOUT_MS, 'the limit of a health check', deps.signal);
      try {
        const response = await orAbort(fetch(target.url + path, { redirect: 'manual', signal: deadline.signal }), deadline.signal);
        await response.body?.cancel();
        return { status: response.status, date: response.headers.get('date') };
      } catch (error) {
        throw networkError(error, target, deadline.signal);
      }
    },
  };
}

function declarationOf(deps: RestClientDeps, name: string): OperationDeclaration {
  const found = deps.operations.find((operation) => operation.name === name);
  if (found === undefined) throw notFound(`operation as "${name}"; "polymnia call" lists them all`);
  return found;
}

/** One request, ready to go. */
interface Sent {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: string | ReadableStream<Uint8Array>;
}

function jsonRequest(deps: RestClientDeps, operation: string, input: Input): Sent {
  const { method, target, body } = operationRequest(declarationOf(deps, operation), input);
  return { method, path: target, ...(body === undefined ? {} : { body, contentType: 'application/json' }) };
}

async function send(target: ServerTarget, deps: RestClientDeps, request: Sent, signal: AbortSignal): Promise<Response> {
  const { method, path, accept = 'application/json', contentType, body } = request;
  const headers = {
    accept,
    authorization: `Bearer ${target.key}`,
    'x-polymnia-client': deps.clientName,
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  };
  let response: Response;
  try {
    const init = { method, headers, signal, redirect: 'manual' as const };
    response = await fetch(target.url + path, body === undefined ? init : { ...init, body, duplex: 'half' });
  } catch (error) {
    throw networkError(error, target, signal);
  }
  if (response.status < 300) return response;
  throw await responseError(response, bodyChunks(response, deps.clock, signal), target.url);
}

/** Failures of the connection as our errors; those of the body being sent are ours already. */
function networkError(error: unknown, target: ServerTarget, signal: AbortSignal): PolymniaError {
  if (error instanceof PolymniaError) return error;
  if (signal.reason instanceof PolymniaError) return signal.reason;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof PolymniaError) return cause;
  const code = systemCode(cause) ?? 'network error';
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') {
    const hint = target.isLocal
      ? 'It has ended without saying so. Start it again with "polymnia serve".'
      : 'Check the address in --url or POLYMNIA_URL.';
    return new PolymniaError('upstream_failed', `No server answers at ${target.url} (${code}).`, {
      cause: error,
      details: { reason: NO_SERVER, hint },
    });
  }
  return new PolymniaError('upstream_failed', `The connection to ${target.url} broke off (${code}).`, { cause: error });
}

async function* translated(chunks: AsyncIterable<Uint8Array>, target: ServerTarget): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    if (error instanceof PolymniaError) throw error;
    throw networkError(error, target, new AbortController().signal);
  }
}

const progressEvent = z.object({
  phase: z.string(),
  done: z.number(),
  unit: z.string(),
  total: z.number().optional(),
  message: z.string().optional(),
});

/** The result at the end of an event stream; a server may also answer plainly. */
async function eventAnswer(
  target: ServerTarget,
  deps: RestClientDeps,
  response: Response,
  onProgress: (progress: Progress) => void,
): Promise<unknown> {
  const chunks = translated(bodyChunks(response, deps.clock, deps.signal), target);
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) return readJson(chunks, target.url);
  for await (const { event, data } of readEvents(chunks)) {
    const value: unknown = JSON.parse(data);
    if (event === 'result') return value;
    if (event === 'error') throw problemError(value) ?? new PolymniaError('upstream_failed', 'The call failed without saying why.');
    const progress = event === 'progress' ? progressEvent.safeParse(value) : undefined;
    if (progress?.success) onProgress(toProgress(progress.data));
  }
  throw new PolymniaError('upstream_failed', `${target.url} broke off before the call's end; what it had done may or may not have been kept.`);
}

function toProgress({ phase, done, unit, total, message }: z.output<typeof progressEvent>): Progress {
  return { phase, done, unit, ...(total === undefined ? {} : { total }), ...(message === undefined ? {} : { message }) };
}

/**
 * Chunks as a body that asks for the next one only when the last was taken. Ends when disposed: `fetch` goes on reading the
 * body of a call that was aborted or refused early, for ever if the source never ends.
 */
class Sending implements Disposable {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #isOver = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]();
    this.stream = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this[Symbol.dispose]() },
      { highWaterMark: 0 },
    );
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#iterator.return?.().catch(() => {});
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const next = this.#isOver ? undefined : await this.#iterator.next();
    if (this.#isOver || next === undefined) return controller.error(new PolymniaError('cancelled', 'The call ended before its body.'));
    if (next.done === true) return controller.close();
    controller.enqueue(next.value);
  }
}
