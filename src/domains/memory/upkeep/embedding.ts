import { PolymniaError } from '../../../kernel/errors.ts';
import type { Embedder } from '../ports.ts';

/** UTF-16 units of a text that are embedded: what a model of 8,192 tokens takes in most languages. */
const MAX_TEXT = 8000;
/** A refused text is cut in half down to this length before it is given up. */
const MIN_TEXT = 250;
/** What is embedded in place of a text that a model refuses at any length, so that it does not hold up the others. */
const PLACEHOLDER = 'text';

/** A vector for each text. Texts are cut to what models take; one that is refused is tried shorter and by itself. */
export async function embedTexts(embedder: Embedder, texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
  const cut = texts.map((text) => shorten(text, MAX_TEXT));
  try {
    return await embedder.embed(cut, signal);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const vectors: Float32Array[] = [];
  for (const text of cut) vectors.push(await embedOne(embedder, text, signal));
  return vectors;
}

async function embedOne(embedder: Embedder, text: string, signal: AbortSignal): Promise<Float32Array> {
  for (let length = text.length; length >= MIN_TEXT || length === text.length; length = Math.floor(length / 2)) {
    try {
      return await single(embedder, shorten(text, length), signal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    if (length < MIN_TEXT) break;
  }
  return single(embedder, PLACEHOLDER, signal);
}

async function single(embedder: Embedder, text: string, signal: AbortSignal): Promise<Float32Array> {
  const [vector] = await embedder.embed([text], signal);
  if (vector === undefined) throw new PolymniaError('upstream_failed', 'The embeddings endpoint answered with no vector.');
  return vector;
}

/** Cut at a character's edge; blank text, which some endpoints refuse, becomes the placeholder. */
function shorten(text: string, length: number): string {
  const head = text.length <= length ? text : text.slice(0, length).toWellFormed();
  return head.trim() === '' ? PLACEHOLDER : head;
}

/** Did the endpoint answer that it will not take this input? */
function isRefusal(error: unknown): boolean {
  return error instanceof PolymniaError && [400, 413, 422].includes(Number(error.details?.['status']));
}
