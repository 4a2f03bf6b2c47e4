import type { Clock } from '../../kernel/clock.ts';
import type { Problem } from '../../kernel/errors.ts';

export const JSON_LINES = 'application/x-ndjson';

/** How a stream of lines is made and given up. */
export interface JsonLinesOptions {
  readonly clock: Clock;
  /** A reader that takes nothing for so long is given up, since a stream holds a permit. Milliseconds. */
  readonly stallMs: number;
  /** Called once when the reader stalls; false if there was no connection to cut. */
  readonly onStall: () => boolean;
  /** Turns a failure into the last line, `{"error": problem}`. */
  readonly toProblem: (thrown: unknown) => Problem;
}

const doNothing = (): void => {};

/** Lines are sent together up to this size, or as soon as the first of them is this old. */
const CHUNK_CHARACTERS = 32 * 1024;
const CHUNK_MS = 20;

/**
 * Items as JSON lines, made only when the reader asks. The iterator is closed exactly once: at its end, at its failure,
 * when the reader goes, or when the reader stalls.
 */
export function jsonLines(items: AsyncIterable<unknown>, options: JsonLinesOptions): ReadableStream<Uint8Array> {
  const iterator = items[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let cancelStall = doNothing;
  let isClosed = false;

  const close = async (): Promise<void> => {
    cancelStall();
    if (isClosed) return;
    isClosed = true;
    await iterator.return?.();
  };
  const giveUp = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (!options.onStall()) controller.error(new Error('The reader took nothing for too long.'));
    close().catch(() => {});
  };

  /** Lines until the chunk is full, old, or the last one; a failure becomes a line behind those made before it. */
  const nextChunk = async (): Promise<{ readonly text: string; readonly done: boolean }> => {
    let text = '';
    const startedAt = options.clock.monotonic();
    try {
      while (text.length < CHUNK_CHARACTERS && (text === '' || options.clock.monotonic() - startedAt < CHUNK_MS)) {
        const item = await iterator.next();
        if (item.done) return { text, done: true };
        text += `${JSON.stringify(item.value) ?? 'null'}\n`;
      }
    } catch (error) {
      return { text: `${text}${JSON.stringify({ error: options.toProblem(error) })}\n`, done: true };
    }
    return { text, done: false };
  };

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        cancelStall();
        const { text, done } = await nextChunk();
        if (isClosed) return;
        if (text !== '') controller.enqueue(encoder.encode(text));
        if (!done) {
          cancelStall = options.clock.after(options.stallMs, () => giveUp(controller));
          return;
        }
        controller.close();
        await close().catch(() => {});
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}
