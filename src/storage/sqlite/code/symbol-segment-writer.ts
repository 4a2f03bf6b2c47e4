import { constants, zstdCompressSync } from 'node:zlib';
import { PostingPool } from '../../../domains/code/index/posting-pool.ts';
import { decodeWeighted } from '../../../domains/code/index/postings.ts';
import { type CodeChunk, type CodeSymbol, type ParsedFile, SYMBOL_KINDS } from '../../../domains/code/model.ts';
import { SYMBOL_SEGMENT_INDEX, SYMBOL_SEGMENT_SCHEMA } from './segment-schema.ts';
import { shortSignature } from './short-signature.ts';
import { attempt, WriteOnceFile } from './write-once-file.ts';

/** A row of an index b-tree keeps about 1,000 bytes in its page of 4,096 (SQLite file format, 1.6); the rest is for the word. */
const PART_BYTES = 900;
/** Postings that take more than one part are packed, to about half; higher levels pack them no better. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** What lies in a segment's symbol file. */
export interface SymbolTotals {
  readonly chunks: number;
  /** Sum of the weighted lengths of all chunks. */
  readonly terms: number;
}

/**
 * Writes `<segment>.symbols.db`: definitions, chunks and imports as they come, terms and references in order at the end, the index
 * last. In memory meanwhile: every distinct term and referenced name with its postings.
 */
export class SymbolSegmentWriter implements Disposable {
  readonly #file: WriteOnceFile;
  readonly #symbol;
  readonly #chunk;
  readonly #import;
  readonly #parse;
  readonly #terms = new Vocabulary();
  readonly #references = new Vocabulary();
  #symbols = 0;
  #chunks = 0;
  #length = 0;

  constructor(path: string) {
    const file = WriteOnceFile.create(path, SYMBOL_SEGMENT_SCHEMA);
    this.#file = file;
    this.#symbol = file.prepare(
      `insert into symbol (id, local, name, other_key, kind_number, line, span, container, short, cyclomatic, cognitive, nesting, parameters)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#chunk = file.prepare('insert into chunk (id, local, line, span, terms, symbol) values (?, ?, ?, ?, ?, ?)');
    this.#import = file.prepare('insert or ignore into import (local, target) values (?, ?)');
    this.#parse = file.prepare(
      `insert into parse (local, method, has_errors, not_parsed, first_symbol, symbols, first_chunk, chunks)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** Adds a file, in rising order of `local`. `termsOf` answers the weighted terms of one of its chunks. */
  add(local: number, parsed: ParsedFile, termsOf: (chunk: CodeChunk) => ReadonlyMap<string, number>): void {
    attempt(this.#file.path, () => {
      const firstSymbol = this.#symbols;
      const firstChunk = this.#chunks;
      for (const symbol of parsed.symbols) this.#addSymbol(local, symbol);
      for (const chunk of parsed.chunks) this.#addChunk(local, chunk, chunk.symbol === undefined ? null : firstSymbol + chunk.symbol, termsOf(chunk));
      for (const target of parsed.imports) this.#import.run(local, target);
      const symbols = [firstSymbol, parsed.symbols.length] as const;
      this.#parse.run(local, parsed.method, parsed.hasErrors ? 1 : 0, parsed.notParsed ?? null, ...symbols, firstChunk, parsed.chunks.length);
      for (const [name, count] of parsed.references) this.#references.add(name, local, count);
    });
  }

  /** Writes terms, references and the index, and closes the file. */
  seal(): SymbolTotals {
    const term = this.#file.prepare('insert into term_part (word, part, bytes, postings) values (?, ?, ?, ?)');
    const name = this.#file.prepare('insert into used_name (name, id) values (?, ?)');
    const use = this.#file.prepare('insert into use (name, local, n) values (?, ?, ?)');
    attempt(this.#file.path, () => {
      this.#terms.each((word, _at, postings) => {
        const isLong = postings.length > PART_BYTES;
        const kept = isLong ? zstdCompressSync(postings, ZSTD) : postings;
        for (let part = 0; part * PART_BYTES < kept.length; part++) {
          const bytes = isLong && part === 0 ? postings.length : 0;
          term.run(word, part, bytes, kept.subarray(part * PART_BYTES, (part + 1) * PART_BYTES));
        }
      });
      this.#references.each((word, at, postings) => {
        name.run(word, at);
        const { ids, weights } = decodeWeighted(postings);
        for (let index = 0; index < ids.length; index++) use.run(at, ids[index] ?? 0, weights[index] ?? 0);
      });
    });
    this.#file.exec(SYMBOL_SEGMENT_INDEX);
    this.#file.seal();
    return { chunks: this.#chunks, terms: this.#length };
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #addSymbol(local: number, { name, kind, line, endLine, container, signature, complexity }: CodeSymbol): void {
    const { cyclomatic = null, cognitive = null, nesting = null, parameters = null } = complexity ?? {};
    const values = [
      this.#symbols++,
      local,
      name,
      otherKey(name),
      KIND_NUMBERS.get(kind) ?? null,
      line,
      endLine - line,
      container,
      shortSignature(signature, name),
      cyclomatic,
      cognitive,
      nesting,
      parameters,
    ];
    this.#symbol.run(...values);
  }

  #addChunk(local: number, { line, endLine }: CodeChunk, symbol: number | null, terms: ReadonlyMap<string, number>): void {
    const id = this.#chunks++;
    let length = 0;
    for (const [word, weight] of terms) {
      length += weight;
      this.#terms.add(word, id, weight);
    }
    this.#length += length;
    this.#chunk.run(id, local, line, endLine - line, length, symbol);
  }
}

const KIND_NUMBERS: ReadonlyMap<string, number> = new Map(SYMBOL_KINDS.map((kind, number) => [kind, number]));
const ASCII = /^[\0-\x7f]*$/;

function otherKey(name: string): string | null {
  return ASCII.test(name) ? null : name.toLowerCase();
}

/** Words with weighted lists of ids. */
class Vocabulary {
  readonly #lists = new Map<string, number>();
  readonly #pool = new PostingPool();

  add(word: string, id: number, weight: number): void {
    let list = this.#lists.get(word);
    if (list === undefined) {
      list = this.#pool.newList();
      this.#lists.set(ownCopy(word), list);
    }
    this.#pool.addWeighted(list, id, weight);
  }

  /** In about the order of the file's key, so that pages are filled one after the other; `at` counts the words. */
  each(visit: (word: string, at: number, postings: Uint8Array) => void): void {
    for (const [at, word] of [...this.#lists.keys()].sort().entries()) {
      visit(word, at, this.#pool.encoded(this.#lists.get(word) ?? 0));
    }
  }
}

/** A word cut out of a text keeps the whole text in memory; a copy does not. */
function ownCopy(word: string): string {
  return Buffer.from(word, 'utf16le').toString('utf16le');
}
