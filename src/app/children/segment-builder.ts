import { setImmediate as turn } from 'node:timers/promises';
import { chunkTerms } from '../../domains/code/index/chunk-terms.ts';
import { readText } from '../../domains/code/index/read-text.ts';
import { fileTraits } from '../../domains/code/languages/file-traits.ts';
import { languageOf } from '../../domains/code/languages/language-of.ts';
import type { CodeParser } from '../../domains/code/ports.ts';
import type { CodeChunk, ParsedFile } from '../../domains/code/model.ts';
import { createCodeParser } from '../../providers/parsing/tree-sitter-parser.ts';
import { generationFiles } from '../../storage/sqlite/code/generation-files.ts';
import type { ParsedCounts } from '../../storage/sqlite/code/manifest-writer.ts';
import { SegmentContents } from '../../storage/sqlite/code/segment-contents.ts';
import { FILE_FLAGS } from '../../storage/sqlite/code/segment-schema.ts';
import { SymbolSegmentWriter } from '../../storage/sqlite/code/symbol-segment-writer.ts';
import { TextSegmentWriter } from '../../storage/sqlite/code/text-segment-writer.ts';
import type { MakerOptions, SegmentMaker, SymbolFile, SymbolsMade, TextBatch, TextOutcome } from './segment-maker.ts';

/** Beyond so much a parser's memory is not kept. */
const MAX_PARSER_BYTES = 300 * 1024 * 1024;
/** Others of the thread get a turn so often, and progress is told. */
const TURN_MS = 100;

/** Time that others had the processor is none of the file's: what is parsed must not depend on who else is at work. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Makes segments in the calling thread. */
export class SegmentBuilder implements SegmentMaker {
  readonly #options: MakerOptions;
  #text: { readonly segment: string; readonly writer: TextSegmentWriter } | undefined;
  #parser: CodeParser | undefined;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  async addText(segment: string, batch: TextBatch): Promise<readonly TextOutcome[]> {
    if (this.#text?.segment !== segment) await this.sealText();
    const path = generationFiles.text(this.#options.folder, segment);
    this.#text ??= { segment, writer: new TextSegmentWriter(path) };
    const { writer } = this.#text;
    return batch.paths.map((name, at) => {
      const start = batch.ends[at - 1] ?? 0;
      return addFile(writer, name, new Uint8Array(batch.bytes, start, (batch.ends[at] ?? start) - start));
    });
  }

  async sealText(): Promise<void> {
    this.#text?.writer.seal();
    this.#text = undefined;
  }

  async makeSymbols(segment: string, files: readonly SymbolFile[], onFiles: (count: number) => void): Promise<SymbolsMade> {
    const { folder, budgets } = this.#options;
    this.#parser ??= await createCodeParser({ budgets, now: threadCpuMs });
    const parser = this.#parser;
    using contents = new SegmentContents(folder, segment);
    using writer = new SymbolSegmentWriter(generationFiles.symbols(folder, segment));
    const counts: ParsedCounts[] = [];
    let told = 0;
    let turnAt = performance.now() + TURN_MS;
    for (const file of files) {
      counts.push(addSymbols(writer, parser, file, contents.read(file.local)));
      if (performance.now() < turnAt) continue;
      onFiles(counts.length - told);
      told = counts.length;
      await turn();
      turnAt = performance.now() + TURN_MS;
    }
    onFiles(counts.length - told);
    return { counts, totals: writer.seal(), isOvergrown: parser.memoryBytes > MAX_PARSER_BYTES };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#text?.writer[Symbol.dispose]();
    this.#parser?.[Symbol.dispose]();
    this.#text = undefined;
    this.#parser = undefined;
  }
}

function addFile(writer: TextSegmentWriter, path: string, bytes: Uint8Array): TextOutcome {
  const read = readText(bytes);
  if ('reason' in read) return { kind: 'skipped', reason: read.reason };
  const { utf8, lines } = read;
  return { kind: 'indexed', local: writer.add(utf8), lines, language: languageOf(path, utf8), flags: flagsOf(path, utf8) };
}

function flagsOf(path: string, utf8: Uint8Array): number {
  // Only ASCII is looked for, and a character a byte is the quickest form.
  const text = Buffer.from(utf8.buffer, utf8.byteOffset, utf8.byteLength).toString('latin1');
  const { generated, test, minified, vendored } = fileTraits(path, text);
  return (
    (generated ? FILE_FLAGS.generated : 0) |
    (test ? FILE_FLAGS.test : 0) |
    (minified ? FILE_FLAGS.minified : 0) |
    (vendored ? FILE_FLAGS.vendored : 0)
  );
}

function addSymbols(writer: SymbolSegmentWriter, parser: CodeParser, file: SymbolFile, utf8: Buffer): ParsedCounts {
  const text = utf8.toString();
  const parsed = parser.parse(text, file.language);
  writer.add(file.local, parsed, termsOfChunks(file, text, parsed));
  const { symbols, chunks, notParsed } = parsed;
  return { symbols: symbols.length, chunks: chunks.length, ...(notParsed !== undefined && { notParsed }) };
}

function termsOfChunks({ path, language }: SymbolFile, text: string, { symbols }: ParsedFile): (chunk: CodeChunk) => ReadonlyMap<string, number> {
  const starts = lineStarts(text);
  return ({ line, endLine, symbol: at }) => {
    const symbol = at === undefined ? undefined : symbols[at];
    const lines = text.slice(starts[line - 1] ?? 0, starts[endLine] ?? text.length);
    return chunkTerms({ text: lines, path, language, ...(symbol !== undefined && { symbol }) });
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
