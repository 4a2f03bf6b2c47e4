import { parseJson } from '../../kernel/parse-json.ts';
import { z } from 'zod';
import { abortError, startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Embedder } from '../../domains/memory/ports.ts';

export interface OpenAiEmbedderOptions {
  /** `EMBEDDING_URL`: base of the API, e.g. `http://127.0.0.1:11434/v1`. */
  readonly url: string;
  /** `EMBEDDING_MODEL` */
  readonly model: string;
  /** `EMBEDDING_API_KEY`; empty or absent = none is sent. */
  readonly apiKey?: string;
  /** `EMBEDDING_TIMEOUT`, ms, of one request. */
  readonly timeoutMs: number;
  /** `EMBEDDING_BATCH`: most texts in one request; default 32. */
  readonly batch?: number;
  readonly clock: Clock;
  readonly fetch?: typeof globalThis.fetch;
}

const DEFAULT_BATCH = 32;
/** Longest vector that is believed. */
const MAX_DIMENSIONS = 8192;
/** JSON of one number, generously, and of what stands around the vectors. */
const BYTES_PER_NUMBER = 32;
const BYTES_AROUND = 64 * 1024;

const answerSchema = z.object({
  data: z.array(z.object({ index: z.int().min(0).optional(), embedding: z.array(z.number()).min(1).max(MAX_DIMENSIONS) })),
});

/**
 * An embedder over the OpenAI embeddings API (`POST {url}/embeddings`), as OpenAI, Ollama, LM Studio, vLLM and TEI serve it.
 * Sends no credential but its own key, follows no redirect, and reads no answer longer than its vectors can be. Errors are
 * `upstream_failed`, `timed_out` (EMBEDDING_TIMEOUT) or the signal's; none holds the key, a text, or what the endpoint said.
 */
export function createOpenAiEmbedder(options: OpenAiEmbedderOptions): Embedder {
  const { model, batch = DEFAULT_BATCH } = options;
  let dimensions: number | undefined;
  return {
    model,
    get dimensions() {
      return dimensions;
    },
    async embed(texts, signal) {
      const vectors: Float32Array[] = [];
      for (let at = 0; at < texts.length; at += batch) {
        vectors.push(...(await requestVectors(options, texts.slice(at, at + batch), signal)));
      }
      const lengths = new Set(vectors.map((vector) => vector.length));
      if (lengths.size > 1) throw failed('answered with vectors of different lengths');
      dimensions = vectors[0]?.length ?? dimensions;
      return vectors;
    },
  };
}

async function requestVectors(options: OpenAiEmbedderOptions, texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
  using limit = startDeadline(options.clock, options.timeoutMs, 'EMBEDDING_TIMEOUT', signal);
  try {
    const response = await send(options, texts, limit.signal);
    return parseVectors(await readBody(response, texts.length), texts.length);
  } catch (error) {
    if (limit.signal.aborted) throw abortError(limit.signal);
    throw error instanceof PolymniaError ? error : failed('could not be reached', error);
  }
}

async function send(options: OpenAiEmbedderOptions, input: readonly string[], signal: AbortSignal): Promise<Response> {
  const call = options.fetch ?? globalThis.fetch;
  const response = await call(`${options.url.replace(/\/+$/, '')}/embeddings`, {
    method: 'POST',
    redirect: 'error',
    signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(options.apiKey === undefined || options.apiKey === '' ? {} : { authorization: `Bearer ${options.apiKey}` }),
    },
    body: JSON.stringify({ model: options.model, input, encoding_format: 'float' }),
  });
  if (response.ok) return response;
  await response.body?.cancel();
  throw new PolymniaError('upstream_failed', `The embeddings endpoint answered with status ${response.status}.`, {
    details: { status: response.status },
  });
}

/** The whole body as text; never more than the vectors asked for can take. */
async function readBody(response: Response, count: number): Promise<string> {
  const maxBytes = BYTES_AROUND + count * MAX_DIMENSIONS * BYTES_PER_NUMBER;
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    // Leaving the loop cancels the body.
    if (bytes > maxBytes) throw failed(`answered with more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseVectors(body: string, count: number): Float32Array[] {
  const answer = answerSchema.safeParse(parseJson(body));
  if (!answer.success) throw failed('answered with something else than vectors');
  const { data } = answer.data;
  if (data.length !== count) throw failed(`answered ${count} texts with ${data.length} vectors`);
  const vectors: (Float32Array | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const [position, { index = position, embedding }] of data.entries()) vectors[index] = Float32Array.from(embedding);
  return vectors.map((vector) => {
    if (vector === undefined || !vector.every(Number.isFinite)) throw failed('answered with a vector missing or not finite');
    return vector;
  });
}

function failed(what: string, cause?: unknown): PolymniaError {
  return new PolymniaError('upstream_failed', `The embeddings endpoint ${what}.`, cause === undefined ? {} : { cause });
}
