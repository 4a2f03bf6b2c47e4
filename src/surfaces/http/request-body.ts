import { orAbort, startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { type Exchange, incomingOf } from './reply.ts';

/** Levels of arrays and objects a JSON body may have. */
export const MAX_JSON_DEPTH = 32;

/** Limits of one body and what a refusal calls them. */
export interface BodyLimits {
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Name of the option behind `maxBytes`. */
  readonly option: string;
  /** Called once when a chunked body turns out longer than {@link SMALL_BODY_BYTES}; may throw to refuse it. */
  readonly onLarge?: () => void;
}

/** Bodies up to this size count as small. */
export const SMALL_BODY_BYTES = 16 * 1024;

/** Declared length of the body: bytes, `unknown` for a chunked one, 0 for none. Throws `too_large` above the limit. */
export function declaredLength(exchange: Exchange, maxBytes: number, option: string): number | 'unknown' {
  const { headers } = exchange.request;
  const text = headers.get('content-length');
  if (text === null) {
    if (headers.has('transfer-encoding')) return 'unknown';
    return incomingOf(exchange.context) === undefined && exchange.request.body !== null ? 'unknown' : 0;
  }
  const length = Number(text);
  if (!Number.isSafeInteger(length)) return 'unknown';
  if (length > maxBytes) throw tooLarge(maxBytes, option);
  return length;
}

export function tooLarge(maxBytes: number, option: string): PolymniaError {
  return new PolymniaError('too_large', `The body is larger than ${option} (${maxBytes} bytes).`, {
    details: { limit: option, limitBytes: maxBytes },
  });
}

/** Reads the whole body within its limits. A client that hangs up meanwhile is `cancelled`, never a fault of ours. */
export async function readBytes(exchange: Exchange, length: number | 'unknown', limits: BodyLimits): Promise<ArrayBuffer> {
  const { request } = exchange;
  using deadline = startDeadline(limits.clock, limits.timeoutMs, 'REQUEST_TIMEOUT', request.signal);
  // With a declared length the HTTP parser holds the sender to it; only chunked bodies need counting.
  const bytes = length === 'unknown' ? readCounted(request, limits, deadline.signal) : request.arrayBuffer();
  try {
    return await orAbort(bytes, deadline.signal);
  } catch (error) {
    if (error instanceof PolymniaError) throw error;
    throw new PolymniaError('cancelled', 'The body broke off before its end.', { cause: error });
  }
}

async function readCounted(request: Request, limits: BodyLimits, signal: AbortSignal): Promise<ArrayBuffer> {
  if (request.body === null) return new ArrayBuffer(0);
  const reader = request.body.getReader();
  const stop = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener('abort', stop, { once: true });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const before = size;
      size += part.value.byteLength;
      if (size > limits.maxBytes) throw tooLarge(limits.maxBytes, limits.option);
      if (before <= SMALL_BODY_BYTES && size > SMALL_BODY_BYTES) limits.onLarge?.();
      chunks.push(part.value);
    }
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return joinChunks(chunks, size);
}

function joinChunks(chunks: readonly Uint8Array[], size: number): ArrayBuffer {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole.buffer;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses a JSON object: UTF-8, at most {@link MAX_JSON_DEPTH} levels, no `__proto__` keys. Of equal keys the last one counts. */
export function parseJsonObject(bytes: ArrayBuffer): Readonly<Record<string, unknown>> {
  const text = decode(bytes);
  const value = parseJson(text, 'The body');
  if (!isObject(value)) {
    throw new PolymniaError('invalid_input', 'The body must be a JSON object, such as {"content": "…"}.');
  }
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decode(bytes: ArrayBuffer): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new PolymniaError('invalid_input', 'The body is not valid UTF-8.', { cause: error });
  }
}

/** JSON from outside, `what` naming where it stood. Throws `invalid_input`; the text itself is never repeated in the message. */
export function parseJson(text: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the content, which must reach no log; hence no cause.
    throw new PolymniaError('invalid_input', `${what} is not valid JSON.`);
  }
  if (needsWalk(text)) refuseHostile(value, what, 1);
  return value;
}

/** Few brackets cannot nest deep, and a key can only spell `__proto__` plainly or with an escape: most bodies need no walk. */
function needsWalk(text: string): boolean {
  return (
    text.includes('__proto__') || text.includes('\\u') || hasMoreThan(text, '{', MAX_JSON_DEPTH / 2) || hasMoreThan(text, '[', MAX_JSON_DEPTH / 2)
  );
}

function hasMoreThan(text: string, character: string, limit: number): boolean {
  let at = -1;
  for (let found = 0; found <= limit; found++) {
    at = text.indexOf(character, at + 1);
    if (at === -1) return false;
  }
  return true;
}

function refuseHostile(value: unknown, what: string, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_JSON_DEPTH) throw new PolymniaError('invalid_input', `${what} nests deeper than ${MAX_JSON_DEPTH} levels.`);
  if (Object.hasOwn(value, '__proto__')) throw new PolymniaError('invalid_input', `${what} has a field "__proto__"; choose another name.`);
  for (const child of Object.values(value)) refuseHostile(child, what, depth + 1);
}
