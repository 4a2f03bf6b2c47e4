import { z } from 'zod';
import { type Deadline, startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { ERROR_TABLE, type ErrorCode, PolymniaError } from '../../kernel/errors.ts';

/** Largest answer read into memory; longer ones are streams. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/** A server that sends nothing for so long, pings included, is given up. */
export const SILENCE_MS = 60_000;

const problem = z.object({
  code: z.enum(Object.keys(ERROR_TABLE) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string(),
  requestId: z.string().optional(),
  retryAfterMs: z.number().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** A problem document as our error; undefined for anything else. The request's id goes along as a detail. */
export function problemError(value: unknown): PolymniaError | undefined {
  const parsed = problem.safeParse(value);
  if (!parsed.success) return undefined;
  const { code, detail, requestId, retryAfterMs, details } = parsed.data;
  return new PolymniaError(code, detail, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    details: { ...details, ...(requestId === undefined ? {} : { requestId }) },
  });
}

/** The failure an answer of status 400 and above stands for. */
export async function responseError(response: Response, chunks: AsyncIterable<Uint8Array>, url: string): Promise<PolymniaError> {
  const text = await readText(chunks).catch(() => '');
  const known = problemError(parseOrUndefined(text));
  return (
    known ?? new PolymniaError('upstream_failed', `${url} answered HTTP ${response.status}, but not as a Polymnia server does; check the address.`)
  );
}

/** A JSON answer. */
export async function readJson(chunks: AsyncIterable<Uint8Array>, url: string): Promise<unknown> {
  const value = parseOrUndefined(await readText(chunks));
  if (value === undefined)
    throw new PolymniaError('upstream_failed', `${url} did not answer in JSON; check that it is the address of a Polymnia server.`);
  return value;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The caller says that it is no JSON.
    return undefined;
  }
}

async function readText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER_BYTES) throw new PolymniaError('too_large', `The answer is longer than ${MAX_ANSWER_BYTES} bytes; ask for less.`);
  }
  return text + decoder.decode();
}

/** The chunks of a body; rejects with `timed_out` when the server is silent for too long, and with the signal's reason. */
export async function* bodyChunks(response: Response, clock: Clock, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      using silence = startDeadline(clock, SILENCE_MS, 'the longest silence of a server', signal);
      const part = await readOr(reader, silence);
      if (part === undefined) return;
      yield part;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function readOr(reader: ReadableStreamDefaultReader<Uint8Array>, silence: Deadline): Promise<Uint8Array | undefined> {
  const stop = (): void => void reader.cancel(silence.signal.reason).catch(() => {});
  silence.signal.addEventListener('abort', stop, { once: true });
  const { value } = await reader.read();
  if (silence.signal.aborted) throw silence.signal.reason;
  return value;
}

/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** The events of a stream (WHATWG HTML section 9.2, as far as this server uses it). Comments are passed over. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > MAX_ANSWER_BYTES) throw new PolymniaError('too_large', `An event is longer than ${MAX_ANSWER_BYTES} bytes.`);
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) yield* parseEvent(block);
  }
}

function* parseEvent(block: string): Generator<ServerEvent> {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice('event:'.length).trim();
    else if (line.startsWith('data:')) data.push(line.slice('data:'.length).replace(/^ /, ''));
  }
  if (data.length > 0) yield { event, data: data.join('\n') };
}
