import { zstdDecompressSync } from 'node:zlib';
import { BoundedMap } from '../../../kernel/bounded-map.ts';
import { type ImmutableFile, IndexFileRefused } from './open-immutable.ts';
import { CONTENT_BLOCK_BYTES } from './segment-schema.ts';

/** Unpacked blocks kept: files are mostly asked for in about the order they lie in. */
const KEPT_BLOCKS = 4;
/** A block claims its size; one that claims more was not written by us. */
const MAX_BLOCK = 64 * 1024 * 1024;

/** What the kept blocks of one segment take at most. */
export const KEPT_BLOCK_BYTES = KEPT_BLOCKS * CONTENT_BLOCK_BYTES;

/** Reads contents out of a text segment, which lie several to a block. */
export class ContentBlocks {
  readonly #file: ImmutableFile;
  readonly #kept = new BoundedMap<number, Buffer>({ maxSize: KEPT_BLOCKS });

  constructor(file: ImmutableFile) {
    this.#file = file;
  }

  /**
   * A file's content as UTF-8: part of a block that others see too, not to be changed. Errors: `IndexFileRefused` when the segment lacks
   * it, or what `zstd` says of a damaged one.
   */
  read(local: number): Buffer {
    const place = this.#file.first('select block, start, bytes from content where local = ?', local);
    if (place === undefined) throw missing();
    const [block, start, bytes] = place.map(Number);
    if (block === undefined || start === undefined || bytes === undefined || bytes === 0) return Buffer.alloc(0);
    const content = this.#block(block).subarray(start, start + bytes);
    if (content.length !== bytes) throw missing();
    return content;
  }

  #block(id: number): Buffer {
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const [bytes, packed] = this.#file.first('select bytes, zstd from block where id = ?', id) ?? [];
    if (typeof bytes !== 'number' || !(packed instanceof Uint8Array)) throw missing();
    const block = unpacked(packed, Math.min(MAX_BLOCK, bytes));
    // A larger one is a single file.
    if (block.length <= CONTENT_BLOCK_BYTES) this.#kept.set(id, block);
    return block;
  }
}

/** Unpacks what is not longer than `bytes`, in one piece when it is as long. */
export function unpacked(packed: Uint8Array, bytes: number): Buffer {
  const room = Math.max(64, bytes);
  return zstdDecompressSync(packed, { maxOutputLength: room, chunkSize: room });
}

function missing(): IndexFileRefused {
  return new IndexFileRefused('A file of the index has no content.');
}
