import type { CallOptions, Gate } from '../../domains/admission/index.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { BoundOperation, HttpMethod, Principal } from '../../kernel/operation.ts';
import { type AnswerDeps, answerWithEvents, answerWithJson, answerWithLines, type ReadyCall } from './call-answers.ts';
import { EVENT_STREAM } from './event-stream.ts';
import { JSON_LINES } from './json-lines.ts';
import { answerWithNumberedEvents } from './numbered-events.ts';
import { createPrepare, type Prepare, type PrepareDeps, type RequestBudgets } from './prepare-call.ts';
import type { Endpoint, ReplyHeaders } from './reply.ts';

/** Every operation's address begins so. */
export const API_PREFIX = '/api/v1';

export interface RouteDeps extends PrepareDeps, AnswerDeps {
  readonly budgets: RequestBudgets;
}

/** One route, ready to be mounted. */
export interface OperationRoute {
  readonly method: HttpMethod;
  /** Hono's form, as `/api/v1/memories/:id`. */
  readonly path: string;
  readonly answer: Endpoint;
}

/** The full path of an operation in OpenAPI's form, as `/api/v1/memories/{id}`. */
export function operationPath(operation: Pick<BoundOperation, 'http'>): string {
  const { path } = operation.http;
  return path.startsWith('/api/') ? path : API_PREFIX + path;
}

/** Does the operation answer with progress events when asked for them? */
export function hasEvents(operation: Pick<BoundOperation, 'http' | 'lane' | 'numberedEvents'>): boolean {
  if (operation.numberedEvents === true) return true;
  return operation.http.method !== 'GET' || operation.lane === 'bulk';
}

/** The routes of all operations, literal paths before parameter paths. Two operations with one address are refused. */
export function createOperationRoutes(operations: readonly BoundOperation[], deps: RouteDeps): readonly OperationRoute[] {
  const routes = operations.map((operation) => {
    const path = operationPath(operation);
    return {
      method: operation.http.method,
      path: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      answer: createEndpoint(operation, createPrepare(operation, path, deps, deps.budgets), deps),
    };
  });
  refuseTwins(routes);
  return routes.toSorted((a, b) => compareCode(sortKey(a.path), sortKey(b.path)));
}

function refuseTwins(routes: readonly OperationRoute[]): void {
  const seen = new Set<string>();
  for (const { method, path } of routes) {
    const address = `${method} ${path.replaceAll(/:\w+/g, ':')}`;
    if (seen.has(address)) throw new PolymniaError('internal', `Two operations answer ${address}.`);
    seen.add(address);
  }
}

/** A parameter sorts behind every literal segment. */
function sortKey(path: string): string {
  return path.replaceAll(/:\w+/g, '~');
}

function compareCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function createEndpoint(operation: BoundOperation, prepare: Prepare, deps: RouteDeps): Endpoint {
  const always = deprecationHeaders(operation);
  const isWrite = operation.effect !== 'read';
  const offersEvents = hasEvents(operation);

  return async (exchange) => {
    const { request, requestId } = exchange;
    const { headers } = request;
    const principal = await authenticate(deps.gate, headers);
    const key = isWrite ? idempotencyKey(headers) : undefined;
    const prepared = await prepare(exchange, principal);
    const options: CallOptions = {
      requestId,
      origin: originOf(headers),
      signal: request.signal,
      ...(key === undefined ? undefined : { idempotencyKey: key }),
      ...(prepared.upload === undefined ? undefined : { upload: prepared.upload }),
      ...(prepared.onUploadTaken === undefined ? undefined : { onUploadTaken: prepared.onUploadTaken }),
    };
    const call: ReadyCall = { principal, prepared, options, exchange, always };
    const accept = request.method === 'HEAD' ? null : headers.get('accept');
    if (accept !== null && operation.stream !== undefined && accept.includes(JSON_LINES)) return answerWithLines(call, deps);
    if (accept !== null && operation.numberedEvents === true && accept.includes(EVENT_STREAM)) return answerWithNumberedEvents(call, deps);
    if (accept !== null && offersEvents && accept.includes(EVENT_STREAM)) return answerWithEvents(call, deps);
    return answerWithJson(call, deps);
  };
}

/** Who calls, by `Authorization` (and `X-Polymnia-User` for services) alone; nothing in the URL or body counts. */
export function authenticate(gate: Gate, headers: Headers): Promise<Principal> {
  const authorization = headers.get('authorization');
  const onBehalfOf = headers.get('x-polymnia-user');
  return gate.authenticate({ ...(authorization === null ? {} : { authorization }), ...(onBehalfOf === null ? {} : { onBehalfOf }) });
}

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,200}$/;

/** The key under which a write is done once; undefined when none is given. */
export function idempotencyKey(headers: Headers): string | undefined {
  const key = headers.get('idempotency-key');
  if (key === null) return undefined;
  if (IDEMPOTENCY_KEY.test(key)) return key;
  throw new PolymniaError('invalid_input', 'Idempotency-Key must be 1 to 200 printable ASCII characters.');
}

const CONTROL_CHARACTERS = /\p{Cc}/gu;
const MAX_CLIENT_LENGTH = 200;
const PLAIN_ORIGIN: CallOptions['origin'] = { surface: 'http' };

/** The surface, and the client as it calls itself. */
export function originOf(headers: Headers): CallOptions['origin'] {
  const told = headers.get('x-polymnia-client') ?? headers.get('user-agent');
  if (told === null) return PLAIN_ORIGIN;
  const client = told.slice(0, MAX_CLIENT_LENGTH).replaceAll(CONTROL_CHARACTERS, '').trim();
  return client === '' ? PLAIN_ORIGIN : { surface: 'http', client };
}

/** RFC 9745 and RFC 8594 headers, where the declaration gives dates. */
function deprecationHeaders(operation: BoundOperation): ReplyHeaders {
  if (operation.deprecated === undefined) return {};
  const since = Date.parse(operation.deprecated.since);
  const sunset = Date.parse(operation.deprecated.sunset);
  return {
    ...(Number.isNaN(since) ? {} : { deprecation: `@${Math.floor(since / 1000)}` }),
    ...(Number.isNaN(sunset) ? {} : { sunset: new Date(sunset).toUTCString() }),
  };
}
