import type { SourceContent, SourceEntry } from '../../../domains/code/ports.ts';
import { throwIfAborted } from '../../../kernel/abort.ts';
import { isLfsPointer } from '../lfs-pointer.ts';
import { GitProcess } from './git-process.ts';
import type { GitTools } from './git-process.ts';

export interface BlobRequest {
  readonly tools: GitTools;
  readonly gitDir: string;
  readonly signal: AbortSignal;
  /** The clone does not give what it listed. */
  readonly onDamage: () => void;
}

/** Asked ahead of the answer, so that git need not wait for us; their answers wait in the pipe, not in memory. */
const AHEAD = 64;
/** Git ends at a damaged object; after this many all the rest counts as unreadable. */
const MAX_STARTS = 20;
const LINE_FEED = 10;
const MAX_HEADER = 256;

/** The blobs in the order asked for, each whole, by one `git cat-file --batch`. */
export async function* readBlobs(request: BlobRequest, entries: readonly SourceEntry[]): AsyncGenerator<SourceContent> {
  let at = 0;
  for (let start = 0; at < entries.length; start++) {
    throwIfAborted(request.signal);
    if (start < MAX_STARTS) for await (const content of readFrom(request, entries, at)) yield ((at++, content));
    const entry = entries[at];
    if (entry === undefined) return;
    // The one it ended at.
    request.onDamage();
    at++;
    yield { entry, unreadable: 'unreadable' };
  }
}

/** Until the end, or until git ends before it. */
async function* readFrom(
  { tools, gitDir, signal, onDamage }: BlobRequest,
  entries: readonly SourceEntry[],
  from: number,
): AsyncGenerator<SourceContent> {
  await using git = new GitProcess({ tools, gitDir, args: ['cat-file', '--batch'], signal });
  const answers = new ByteReader(git.stdout as AsyncIterable<Buffer>);
  let asked = from;
  for (let at = from; at < entries.length; at++) {
    if (asked - at < AHEAD / 2 && asked < entries.length) {
      const window = entries.slice(asked, at + AHEAD);
      git.stdin.write(window.map(({ blobId }) => `${blobId}\n`).join(''));
      asked += window.length;
    }
    const entry = entries[at] as SourceEntry;
    const content = await readAnswer(answers, entry);
    throwIfAborted(signal);
    if (content === undefined) return;
    if ('unreadable' in content && content.unreadable === 'unreadable') onDamage();
    yield content;
  }
}

/** `<id> blob <size>`, the bytes, a line feed; or `<id> missing`. Undefined when git has ended. */
async function readAnswer(answers: ByteReader, entry: SourceEntry): Promise<SourceContent | undefined> {
  const header = await answers.line();
  if (header === undefined) return undefined;
  const [id, type, size] = header.split(' ');
  if (id !== entry.blobId || type !== 'blob' || Number(size) !== entry.bytes)
    return type === 'missing' ? { entry, unreadable: 'unreadable' } : undefined;
  const bytes = await answers.take(entry.bytes + 1);
  if (bytes === undefined) return undefined;
  const body = bytes.subarray(0, -1);
  return isLfsPointer(body) ? { entry, unreadable: 'lfs_pointer' } : { entry, bytes: body };
}

/** Takes lines and lengths off a stream, which is read no further than needed. */
class ByteReader {
  readonly #stream: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#stream = stream[Symbol.asyncIterator]();
  }

  async line(): Promise<string | undefined> {
    let end = this.#buffer.indexOf(LINE_FEED);
    while (end === -1) {
      if (this.#buffer.byteLength > MAX_HEADER || !(await this.#more())) return undefined;
      end = this.#buffer.indexOf(LINE_FEED);
    }
    const line = this.#buffer.toString('latin1', 0, end);
    this.#buffer = this.#buffer.subarray(end + 1);
    return line;
  }

  /** A copy of its own. */
  async take(length: number): Promise<Buffer | undefined> {
    const taken = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length;) {
      if (this.#buffer.byteLength === 0 && !(await this.#more())) return undefined;
      const copied = this.#buffer.copy(taken, filled);
      this.#buffer = this.#buffer.subarray(copied);
      filled += copied;
    }
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#stream.next().catch(() => undefined);
    if (next === undefined || next.done === true) return false;
    this.#buffer = this.#buffer.byteLength === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    return true;
  }
}
