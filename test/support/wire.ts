import type { Problem } from '../../src/kernel/errors.ts';
import type { BoundOperation } from '../../src/kernel/operation.ts';

/** Input of an operation, by field. */
export type Input = Readonly<Record<string, unknown>>;

/** Who calls: a key, and the user a service acts for. */
export interface Caller {
  readonly key: string;
  readonly onBehalfOf?: string;
}

/** What came back, alike for every surface. */
export interface Answer {
  readonly ok: boolean;
  /** HTTP status; over MCP that of the problem. */
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly problem?: Problem;
  /** Every byte of the answer's body. */
  readonly text: string;
}

/** Answers one request, over a socket or in process. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

/** Sends to the app without a socket. */
export function inProcess(fetchApp: (request: Request) => Promise<Response>): Send {
  return (path, init) => {
    const headers = new Headers(init.headers);
    headers.set('host', 'localhost');
    // As a client over a socket says it.
    if (typeof init.body === 'string') headers.set('content-length', String(Buffer.byteLength(init.body)));
    return fetchApp(new Request(`http://localhost${path}`, { ...init, headers }));
  };
}

/** Sends over sockets. */
export function overSocket(url: string): Send {
  return (path, init) => fetch(url + path, init);
}

/** The headers a caller is known by. */
export function credentials(caller: Caller): Record<string, string> {
  return {
    authorization: `Bearer ${caller.key}`,
    ...(caller.onBehalfOf === undefined ? {} : { 'x-polymnia-user': caller.onBehalfOf }),
  };
}

/** Method, path and body of an operation's REST call, by its declaration. */
export function restRequest(
  operation: Pick<BoundOperation, 'http'>,
  input: Input,
): { readonly method: string; readonly path: string; readonly body?: string } {
  const { method, path } = operation.http;
  const rest: Record<string, unknown> = { ...input };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = String(rest[name]).toWellFormed();
    delete rest[name];
    return encodeURIComponent(value);
  });
  if (method !== 'GET' && method !== 'DELETE') return { method, path: `/api/v1${filled}`, body: JSON.stringify(rest) };
  const query = queryOf(rest);
  return { method, path: `/api/v1${filled}${query === '' ? '' : `?${query}`}` };
}

function queryOf(fields: Input): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, typeof each === 'object' ? JSON.stringify(each) : String(each));
  }
  return query.toString();
}

/** The operation of that name in a registry. */
export function operationNamed<Named extends { readonly name: string }>(operations: readonly Named[], name: string): Named {
  const operation = operations.find((each) => each.name === name);
  if (operation === undefined) throw new Error(`there is no operation ${name}`);
  return operation;
}

/** Reads an answer's body as it comes. */
export function readerOf(response: Response): ReadableStreamDefaultReader<Uint8Array> {
  if (response.body === null) throw new Error(`the answer ${response.status} has no body`);
  return response.body.getReader();
}

/** One call over REST. */
export async function callRest(
  send: Send,
  caller: Caller,
  operation: Pick<BoundOperation, 'http'>,
  input: Input,
  extra: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const { method, path, body } = restRequest(operation, input);
  const headers = { ...credentials(caller), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...extra.headers };
  const response = await send(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(extra.signal === undefined ? {} : { signal: extra.signal }),
  });
  return restAnswer(response.status, await response.text());
}

/** A REST answer's status and body as an {@link Answer}. */
export function restAnswer(status: number, text: string): Answer {
  const body = parse(text);
  const ok = status < 400;
  return { ok, status, body, text, ...(ok ? {} : { problem: body as unknown as Problem }) };
}

let requests = 0;

/** One tool call over MCP, as one stateless request. An unknown tool or another refusal of the protocol is status 400. */
export async function callMcp(send: Send, caller: Caller, tool: string, input: Input): Promise<Answer> {
  requests += 1;
  const response = await send('/mcp', {
    method: 'POST',
    headers: { ...credentials(caller), 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: requests, method: 'tools/call', params: { name: tool, arguments: input } }),
  });
  const text = await response.text();
  if (response.status >= 400) return restAnswer(response.status, text);
  const message = parse(messageOf(text));
  const result = message['result'] as { isError?: boolean; structuredContent?: Record<string, unknown>; _meta?: Record<string, Problem> } | undefined;
  if (result === undefined) return { ok: false, status: 400, body: message, text };
  const problem = result._meta?.['polymnia/error'];
  if (result.isError !== true) return { ok: true, status: 200, body: result.structuredContent ?? {}, text };
  return { ok: false, status: problem?.status ?? 0, body: {}, text, ...(problem === undefined ? {} : { problem }) };
}

/** The JSON-RPC answer in a body, which may be JSON or server-sent events. */
function messageOf(text: string): string {
  if (text.startsWith('{')) return text;
  const data = text
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trim())
    .filter((line) => line !== '');
  return data.at(-1) ?? '';
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : { value };
  } catch {
    // A body that is no JSON is shown by `text`.
    return {};
  }
}
