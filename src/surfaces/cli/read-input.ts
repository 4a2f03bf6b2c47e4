import type { Readable } from 'node:stream';
import { orAbort } from '../../kernel/abort.ts';
import { PolymniaError } from '../../kernel/errors.ts';

/** All of a stream as UTF-8 text, at most `maxBytes`. Stops reading when the signal aborts. */
export async function readAll(stream: Readable, maxBytes: number, signal: AbortSignal): Promise<string> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await orAbort(collect(stream, maxBytes), signal);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function collect(stream: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as string | Uint8Array);
    size += bytes.length;
    if (size > maxBytes) throw new PolymniaError('too_large', `There are more than ${maxBytes} bytes to read; give less, or use "polymnia import".`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A line of a text, with its number from 1. */
export interface NumberedLine {
  readonly number: number;
  /** Absent when the line was longer than allowed. */
  readonly text?: string;
}

/** The lines of a stream of bytes. A line longer than `maxBytes` comes without its text. Holds one line at a time. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<NumberedLine> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let size = 0;
  const take = (): NumberedLine => {
    number += 1;
    const line = size > maxBytes ? { number } : { number, text: Buffer.concat(parts).toString('utf8') };
    parts = [];
    size = 0;
    return line;
  };
  const add = (part: Uint8Array): void => {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else parts = [];
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      yield take();
    }
    add(chunk.subarray(from));
  }
  if (size > 0) yield take();
}
