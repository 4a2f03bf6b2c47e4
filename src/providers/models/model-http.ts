import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { abortError, sleep, startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { ModelEvent } from '../../domains/conversation/ports.ts';
import { brokeOff, refusalOf, Retryable, unreachable, upstreamError } from './model-errors.ts';
import { callProvider, type ProviderAnswer, type ProviderRequest } from './provider-call.ts';
import { TokenWatch } from './token-watch.ts';

/** Limits of one call to a provider. Times in milliseconds. */
export interface ModelLimits {
  /** `CHAT_FIRST_TOKEN_TIMEOUT`, of each attempt. */
  readonly firstTokenMs: number;
  /** `CHAT_TOKEN_TIMEOUT` */
  readonly nextTokenMs: number;
  /** `CHAT_OP_TIMEOUT`, all attempts together. */
  readonly totalMs: number;
  /** Bytes of an answer as it comes over the wire; default 16 MiB. */
  readonly maxBytes?: number;
}

/** Where a provider is, and how it is reached. */
export interface ModelHttpOptions {
  /** How errors call it. */
  readonly name: string;
  /** Base of the API, without a slash at its end or with one. */
  readonly url: string;
  /** Empty or absent = none is sent. */
  readonly apiKey?: string;
  readonly limits: ModelLimits;
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
}

/** Reads one answer's events; made anew for each attempt. */
export interface AnswerReader {
  /** The steps an event holds. Throws for one that is none. */
  read(data: string): readonly ModelEvent[];
  /** Tokens seen so far, those that make no step of their own included: reasoning, pieces of a tool call. */
  readonly tokens: number;
  /** No more events are to come. */
  readonly isDone: boolean;
  /** What is left at the end of the stream. Throws when the answer is not whole. */
  end(): readonly ModelEvent[];
}

const MAX_BYTES = 16 * 1024 * 1024;
/** Longest line of an event stream: a tool call's arguments can come in one. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;
const MAX_ATTEMPTS = 3;
const BACKOFF_MS = 500;
/** A provider that wants a longer pause is not waited for: the caller is told. */
const LONGEST_PAUSE_MS = 10_000;

/** One answer of a provider as steps, tried again before its first step only. Errors are those of `LanguageModel.stream`; none holds a key or what the provider said. */
export async function* streamAnswer(
  options: ModelHttpOptions,
  request: ProviderRequest,
  createReader: () => AnswerReader,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent> {
  const { clock, limits, random } = options;
  using whole = startDeadline(clock, limits.totalMs, 'CHAT_OP_TIMEOUT', signal);
  for (let attempt = 1; ; attempt++) {
    let hasBegun = false;
    try {
      for await (const event of attemptAnswer(options, request, createReader(), whole.signal)) {
        hasBegun = true;
        yield event;
      }
      return;
    } catch (failure) {
      if (!(failure instanceof Retryable)) throw failure;
      const pause = failure.retryAfterMs ?? BACKOFF_MS * 2 ** (attempt - 1) * (1 + random());
      if (hasBegun || attempt === MAX_ATTEMPTS || pause > LONGEST_PAUSE_MS) throw failure.error;
      await sleep(clock, pause, whole.signal);
    }
  }
}

async function* attemptAnswer(
  options: ModelHttpOptions,
  request: ProviderRequest,
  reader: AnswerReader,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent> {
  const { name, clock, limits } = options;
  using watch = new TokenWatch(clock, limits, signal);
  try {
    using answer = await send(options, request, watch.signal);
    for await (const data of eventsOf(answer, name, limits.maxBytes ?? MAX_BYTES)) {
      const before = reader.tokens;
      const steps = reader.read(data);
      if (reader.tokens > before) {
        watch.pause();
        yield* steps;
        throwIfAborted(watch.signal);
        watch.next();
      }
      if (reader.isDone) break;
    }
    answer.finish();
    watch.pause();
    yield* reader.end();
  } catch (failure) {
    if (watch.signal.aborted) throw abortError(watch.signal);
    if (failure instanceof PolymniaError || failure instanceof Retryable) throw failure;
    throw brokeOff(name, failure);
  }
}

async function send({ name, url, clock }: ModelHttpOptions, request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
  const answer = await callProvider(url, request, signal, clock).catch((cause: unknown) => {
    throwIfAborted(signal);
    throw unreachable(name, cause);
  });
  if (answer.status === 200) return answer;
  using refused = answer;
  throw refusalOf(name, refused, clock.now());
}

/** The data of each event, in order. */
async function* eventsOf(answer: ProviderAnswer, name: string, maxBytes: number): AsyncGenerator<string> {
  if (answer.header('content-type')?.toLowerCase().startsWith('text/event-stream') !== true) {
    throw upstreamError(name, 'answered with something else than an event stream');
  }
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => void waiting.push(event), maxBufferSize: MAX_LINE_CHARACTERS, onError: refuseLongLine(name) });
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const part of answer.parts()) {
    bytes += part.byteLength;
    if (bytes > maxBytes) throw upstreamError(name, `answered with more than ${maxBytes} bytes`);
    parser.feed(decoder.decode(part, { stream: true }));
    for (const { data } of waiting.splice(0)) yield data;
  }
}

function refuseLongLine(name: string): (error: { readonly type: string }) => void {
  return ({ type }) => {
    // Fields nobody knows are to be ignored.
    if (type === 'max-buffer-size-exceeded') throw upstreamError(name, `sent an event of more than ${MAX_LINE_CHARACTERS} characters`);
  };
}
