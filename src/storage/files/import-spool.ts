import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ids } from '../../kernel/ids.ts';
import { throwIfAborted } from '../../kernel/abort.ts';
import { notFound, PolymniaError, systemCode } from '../../kernel/errors.ts';
import type { Upload } from '../../kernel/operation.ts';
import type { ImportSpool, SpoolLine, SpoolPosition } from '../../domains/memory/ports.ts';
import { orGone } from './or-gone.ts';

const SUFFIX = '.jsonl';
/** `import_` and 128 random bits: what {@link Ids.handle} makes, and nothing that could leave the folder. */
const SPOOL_ID = /^import_[0-9a-z]{26}$/;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const READ_BYTES = 64 * 1024;

export interface ImportSpoolOptions {
  /** Made at the first write, mode 0700. */
  readonly folder: string;
  readonly ids: Pick<Ids, 'handle'>;
}

/** Spooled imports as files of mode 0600 in one folder. Disk trouble is `storage_unavailable`. */
export function createImportSpool({ folder, ids }: ImportSpoolOptions): ImportSpool {
  const pathOf = (spoolId: string): string => {
    if (!SPOOL_ID.test(spoolId)) throw notFound('upload');
    return join(folder, spoolId + SUFFIX);
  };
  return {
    write: (body, maxBytes, signal) => guarded(() => writeFile(folder, pathOf, ids.handle('import'), body, maxBytes, signal)),
    lines: (spoolId, from, maxLineBytes, signal) => readLines(() => pathOf(spoolId), from, maxLineBytes, signal),
    remove: (spoolId) => guarded(() => removeFile(pathOf(spoolId))),
    sweepOrphans: (keep) => guarded(() => sweepOrphans(folder, keep)),
  };
}

async function writeFile(
  folder: string,
  pathOf: (spoolId: string) => string,
  spoolId: string,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Upload> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = pathOf(spoolId);
  let whole = false;
  try {
    await using file = await open(path, 'wx', 0o600);
    const bytes = await copyBody(file, body, maxBytes, signal);
    await file.sync();
    await syncFolder(folder);
    whole = true;
    return { spoolId, bytes };
  } finally {
    if (!whole) await removeFile(path);
  }
}

async function copyBody(
  file: FileHandle,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) {
    throwIfAborted(signal);
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw new PolymniaError('too_large', `The upload is larger than ${maxBytes} bytes; split it into several imports.`, { details: { maxBytes } });
    await file.writeFile(chunk);
  }
  throwIfAborted(signal);
  return bytes;
}

/** A new file's name is durable only with its folder. Windows cannot open folders and needs no such step. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(folder, 'r');
  await handle.sync();
}

async function* readLines(pathOf: () => string, from: SpoolPosition, maxLineBytes: number, signal: AbortSignal): AsyncGenerator<SpoolLine> {
  const splitter = new LineSplitter(from, maxLineBytes);
  const stream = createReadStream(pathOf(), { start: from.byte, highWaterMark: READ_BYTES });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      throwIfAborted(signal);
      yield* splitter.push(chunk);
    }
  } catch (error) {
    throw translate(error);
  } finally {
    stream.destroy();
  }
  yield* splitter.end();
}

/** Cuts chunks into lines; holds at most one line of the allowed length and a chunk. */
class LineSplitter {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  #tooLong = false;
  #line: number;
  #byte: number;

  constructor(from: SpoolPosition, maxBytes: number) {
    this.#line = from.line;
    this.#byte = from.byte;
    this.#maxBytes = maxBytes;
  }

  *push(chunk: Uint8Array): Generator<SpoolLine> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      this.#take(chunk.subarray(start, end));
      this.#byte += 1;
      yield this.#finish();
      start = end + 1;
    }
    this.#take(chunk.subarray(start));
  }

  /** The last line, if the file does not end with a line break. */
  *end(): Generator<SpoolLine> {
    if (this.#held > 0 || this.#tooLong) yield this.#finish();
  }

  #take(bytes: Uint8Array): void {
    this.#byte += bytes.byteLength;
    if (this.#tooLong || bytes.byteLength === 0) return;
    this.#held += bytes.byteLength;
    if (this.#held <= this.#maxBytes) this.#parts.push(bytes);
    else {
      this.#tooLong = true;
      this.#parts = [];
    }
  }

  #finish(): SpoolLine {
    this.#line += 1;
    const place = { line: this.#line, endByte: this.#byte };
    const bytes = Buffer.concat(this.#parts);
    const tooLong = this.#tooLong;
    this.#parts = [];
    this.#held = 0;
    this.#tooLong = false;
    if (tooLong) return { kind: 'too_long', ...place };
    return { kind: 'line', text: bytes.toString('utf8', 0, bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length), ...place };
  }
}

async function removeFile(path: string): Promise<void> {
  await orGone(unlink(path));
}

async function sweepOrphans(folder: string, keep: ReadonlySet<string>): Promise<number> {
  const names = (await orGone(readdir(folder))) ?? [];
  const orphans = names.filter((name) => {
    const spoolId = name.slice(0, -SUFFIX.length);
    return name.endsWith(SUFFIX) && SPOOL_ID.test(spoolId) && !keep.has(spoolId);
  });
  for (const name of orphans) await removeFile(join(folder, name));
  return orphans.length;
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

/** A system's error becomes ours; what is none (an abort, a broken body) stays as it is. */
function translate(error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (code === 'ENOENT') return notFound('upload');
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  if (!full && !/^E(IO|ROFS|ACCES|PERM|MFILE|NFILE)$/.test(code)) return error;
  return new PolymniaError(
    'storage_unavailable',
    full ? 'The disk is full: the upload could not be kept.' : 'The folder for uploads cannot be used.',
    { cause: error },
  );
}
