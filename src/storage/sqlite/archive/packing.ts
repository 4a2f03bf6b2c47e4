import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { throwIfAborted } from '../../../kernel/abort.ts';
import { syncNow } from '../sync-to-disk.ts';
import { draftPath, filesOf } from '../threads/space-path.ts';

/** What a space takes on disk, in use and archived. */
export interface SpaceBytes {
  readonly fileBytes: number;
  readonly packedBytes: number;
}

/** Files up to this are packed in one piece, larger ones in a stream that holds a few chunks. */
const ONE_PIECE_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
const MIN_CHUNK_BYTES = 16 * 1024;
const PARAMS = { [constants.ZSTD_c_checksumFlag]: 1 };

/**
 * Compresses a database nobody has open to `to`, reads that again, and removes the original: each on disk before the next. `absent`
 * when there is none, `unfolded` when part of it is in its log; then nothing is done. The packed file knows size and checksum of
 * what it holds, and has the original's time of change. Keeps its thread busy: for one of its own. `alive` throws when it is to
 * stop. A rejection leaves the original or, once that is gone, a whole packed file; the rest is its caller's to remove.
 */
export async function packAway(from: string, to: string, alive: () => void): Promise<SpaceBytes | 'absent' | 'unfolded'> {
  const file = statSync(from, { throwIfNoEntry: false });
  if (file === undefined || file.size === 0) return 'absent';
  const [original, log, index] = filesOf(from);
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0) return 'unfolded';
  const draft = draftPath(to);
  makeFolder(dirname(to));
  if (file.size <= ONE_PIECE_BYTES) packPiece(from, draft, alive);
  else await packStream(from, draft, file.size, alive);
  utimesSync(draft, file.atime, file.mtimeMs / 1000);
  syncNow(draft);
  alive();
  renameSync(draft, to);
  syncNow(dirname(to));
  for (const path of [log, index, original]) rmSync(path, { force: true });
  return { fileBytes: file.size, packedBytes: statSync(to).size };
}

/** Writes what {@link packAway} has compressed to a new file, on disk when resolved. Rejects with what {@link isDamage} knows when it is not whole. */
export async function unpack(from: string, to: string, signal: AbortSignal): Promise<void> {
  await using source = await open(from, 'r');
  const chunkSize = chunkFor((await source.stat()).size);
  await transform(source, createZstdDecompress({ chunkSize }), to, chunkSize, () => throwIfAborted(signal));
}

/** Does the error say that a packed file was cut off, changed, or never was one? */
export function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code));
}

function packPiece(from: string, to: string, alive: () => void): void {
  const bytes = readFileSync(from);
  const packed = zstdCompressSync(bytes, { params: PARAMS });
  alive();
  if (!zstdDecompressSync(packed).equals(bytes)) throw new Error('A packed file does not hold what was packed.');
  alive();
  const target = openSync(to, 'wx', 0o600);
  try {
    for (let at = 0; at < packed.length;) at += writeSync(target, packed, at);
  } finally {
    closeSync(target);
  }
}

async function packStream(from: string, to: string, size: number, alive: () => void): Promise<void> {
  {
    await using source = await open(from, 'r');
    await transform(source, createZstdCompress({ params: PARAMS, pledgedSrcSize: size, chunkSize: CHUNK_BYTES }), to, CHUNK_BYTES, alive);
  }
  await using packed = await open(to, 'r');
  const count = async (chunks: AsyncIterable<Buffer>): Promise<number> => {
    let bytes = 0;
    for await (const chunk of chunks) bytes += chunk.length;
    return bytes;
  };
  const bytes = await pipeline(chunksOf(packed, CHUNK_BYTES, alive), createZstdDecompress({ chunkSize: CHUNK_BYTES }), count);
  if (bytes !== size) throw new Error('A packed file does not hold what was packed.');
}

async function transform(source: FileHandle, how: Transform, to: string, chunkSize: number, alive: () => void): Promise<void> {
  await using target = await open(to, 'wx', 0o600);
  await pipeline(chunksOf(source, chunkSize, alive), how, target.createWriteStream({ flush: true, highWaterMark: chunkSize }));
}

/** The handle stays its owner's to close. */
async function* chunksOf(source: FileHandle, chunkSize: number, alive: () => void): AsyncGenerator<Buffer> {
  for (;;) {
    alive();
    const { bytesRead, buffer } = await source.read(Buffer.allocUnsafe(chunkSize), 0, chunkSize);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function chunkFor(bytes: number): number {
  return Math.max(MIN_CHUNK_BYTES, Math.min(CHUNK_BYTES, bytes));
}

/** Its name is durable when it is new. */
function makeFolder(folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) syncNow(dirname(folder));
}
