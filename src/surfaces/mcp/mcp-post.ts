import { parseJson } from '../../kernel/parse-json.ts';
import { isRecord, type RpcMessage, rpcErrorLine, RPC_ERROR, toRpcMessage } from './json-rpc.ts';
import { readEventData } from './line-reader.ts';

/** Largest single message of an answer, in bytes; the server's own limits are far below. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

/** The parameter that `Mcp-Name` repeats, by method (MCP 2026-07-28, Streamable HTTP). */
const NAME_PARAMETER: Readonly<Record<string, string>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

/** What stays the same for all messages of one bridge. */
export interface PostTarget {
  readonly url: string;
  readonly key: string;
  readonly fetch: typeof fetch;
}

/**
 * Posts one message to the server's MCP endpoint and yields the lines of its answer: each message of an event stream,
 * or the one of a JSON body. A request the server left without an answer gets an error line, so its client never
 * waits in vain. Throws only what `fetch` or the body throws, an abort included.
 *
 * @param negotiated protocol version a 2025 client agreed on in `initialize`; requests of 2026 carry their own.
 */
export async function* postMessage(
  target: PostTarget,
  message: RpcMessage,
  text: string,
  negotiated: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const response = await target.fetch(target.url, {
    method: 'POST',
    headers: requestHeaders(target.key, message, negotiated),
    body: text,
    signal,
    // The key goes to this address and to no other.
    redirect: 'error',
  });
  let answered = message.id === undefined;
  for await (const line of answerLines(response)) {
    const answer = toRpcMessage(parseJson(line));
    const isAnswer = answer !== undefined && answer.method === undefined && (answer.result !== undefined || answer.error !== undefined);
    if (isAnswer && message.id === undefined) continue;
    if (isAnswer) answered = true;
    // Refusals made before the id was read carry none; here it is known.
    yield isAnswer && answer.id === undefined && isRecord(answer.error)
      ? JSON.stringify({ jsonrpc: '2.0', id: message.id, error: answer.error })
      : oneLine(line);
  }
  if (!answered && message.id !== undefined) yield unanswered(message.id, response);
}

function requestHeaders(key: string, message: RpcMessage, negotiated: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const { method, params } = message;
  const meta = params?.['_meta'];
  const claimed = isRecord(meta) ? meta[VERSION_KEY] : undefined;
  if (typeof claimed === 'string' && method !== undefined) {
    headers['mcp-protocol-version'] = claimed;
    headers['mcp-method'] = headerValue(method);
    const name = params?.[NAME_PARAMETER[method] ?? ''];
    if (typeof name === 'string') headers['mcp-name'] = headerValue(name);
  } else if (negotiated !== undefined && method !== 'initialize') headers['mcp-protocol-version'] = negotiated;
  return headers;
}

/** A value as a header can carry it: printable ASCII as it is, anything else in the protocol's Base64 form. */
function headerValue(value: string): string {
  const plain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?');
  return plain ? value : `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

async function* answerLines(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    yield* readEventData(response.body, MAX_MESSAGE_BYTES);
    return;
  }
  const text = await boundedText(response.body);
  const value = parseJson(text);
  if (Array.isArray(value)) yield* value.map((item) => JSON.stringify(item));
  else if (isRecord(value) && value['jsonrpc'] === '2.0') yield text;
  else if (isRecord(value) && typeof value['detail'] === 'string') yield rpcErrorLine(null, RPC_ERROR.server, value['detail'], value);
}

async function boundedText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_MESSAGE_BYTES) throw new RangeError(`The answer is larger than ${MAX_MESSAGE_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? JSON.stringify(JSON.parse(json)) : json;
}

function unanswered(id: string | number, response: Response): string {
  const message = response.ok
    ? 'The connection to the Polymnia server ended before its answer; whether the call took effect is not known.'
    : `The Polymnia server answered with HTTP status ${response.status}.`;
  return rpcErrorLine(id, RPC_ERROR.server, message);
}
