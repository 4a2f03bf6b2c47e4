import { constants, zstdCompressSync } from 'node:zlib';
import { CodeTable } from '../../../domains/code/index/code-table.ts';
import { PostingPool } from '../../../domains/code/index/posting-pool.ts';
import { trigramsOf } from '../../../domains/code/index/trigrams.ts';
import { CONTENT_BLOCK_BYTES, TEXT_SEGMENT_SCHEMA } from './segment-schema.ts';
import { attempt, WriteOnceFile } from './write-once-file.ts';

/** 8 % smaller than the default of 3, at 10 ms more a megabyte. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 6 } };

/**
 * Writes `<segment>.text.db`: contents as they come, a block at a time, trigrams at the end. In memory meanwhile: the
 * postings, about a fifth of the text.
 */
export class TextSegmentWriter implements Disposable {
  readonly #file: WriteOnceFile;
  readonly #content;
  readonly #block;
  readonly #pool = new PostingPool();
  /** A trigram's number is its list in the pool. */
  readonly #trigrams = new CodeTable();
  readonly #pending = new Uint8Array(CONTENT_BLOCK_BYTES);
  #filled = 0;
  #blocks = 0;
  #next = 0;

  constructor(path: string) {
    this.#file = WriteOnceFile.create(path, TEXT_SEGMENT_SCHEMA);
    this.#content = this.#file.prepare('insert into content (local, block, start, bytes) values (?, ?, ?, ?)');
    this.#block = this.#file.prepare('insert into block (id, bytes, zstd) values (?, ?, ?)');
  }

  /** Adds a file's content, as UTF-8, and answers its local number. */
  add(utf8: Uint8Array): number {
    const local = this.#next++;
    attempt(this.#file.path, () => this.#addContent(local, utf8));
    const codes = trigramsOf(utf8);
    for (let at = 0; at < codes.length; at++) this.#pool.add(this.#listOf(codes[at] ?? 0), local);
    return local;
  }

  /** Writes the trigrams and closes the file. */
  seal(): void {
    const insert = this.#file.prepare('insert into trigram (code, postings) values (?, ?)');
    attempt(this.#file.path, () => {
      this.#closeBlock();
      for (const code of this.#trigrams.sorted()) {
        insert.run(code, this.#pool.encoded(this.#listOf(code)));
      }
    });
    this.#file.seal();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #addContent(local: number, utf8: Uint8Array): void {
    if (this.#filled + utf8.length > CONTENT_BLOCK_BYTES) this.#closeBlock();
    this.#content.run(local, this.#blocks, this.#filled, utf8.length);
    if (utf8.length > CONTENT_BLOCK_BYTES) return this.#addBlock(utf8);
    this.#pending.set(utf8, this.#filled);
    this.#filled += utf8.length;
  }

  #closeBlock(): void {
    if (this.#filled > 0) this.#addBlock(this.#pending.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #addBlock(bytes: Uint8Array): void {
    this.#block.run(this.#blocks++, bytes.length, zstdCompressSync(bytes, ZSTD));
  }

  #listOf(code: number): number {
    const isNew = this.#trigrams.size;
    const list = this.#trigrams.numberOf(code);
    if (list === isNew) this.#pool.newList();
    return list;
  }
}
