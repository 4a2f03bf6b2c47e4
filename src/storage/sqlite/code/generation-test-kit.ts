import { mkdirSync } from 'node:fs';
import { chunkTerms } from '../../../domains/code/index/chunk-terms.ts';
import type { CodeChunk, CodeSymbol, ParsedFile } from '../../../domains/code/model.ts';
import { generationFiles } from './generation-files.ts';
import { ManifestWriter } from './manifest-writer.ts';
import { SymbolSegmentWriter } from './symbol-segment-writer.ts';
import { TextSegmentWriter } from './text-segment-writer.ts';

export interface KitFile {
  readonly path: string;
  readonly text: string;
  readonly language?: string;
  readonly flags?: number;
}

export interface KitOptions {
  /** Without symbols, as between the two stages of a first sync. */
  readonly textOnly?: boolean;
  /** What names of segments begin with: another one in each generation of a repository, as the product has it. */
  readonly segments?: string;
  readonly parse?: (text: string, language: string) => ParsedFile;
}

/**
 * Writes a generation with the writers of the product. Each layer becomes a segment; a file of a later layer takes the place of the one of
 * that path before, whose rows are dead then. An empty text removes it.
 */
export function writeGeneration(
  folder: string,
  layers: readonly (readonly KitFile[])[],
  { textOnly = false, segments: prefix = 's', parse = parseDefinitions }: KitOptions = {},
): void {
  mkdirSync(folder, { recursive: true });
  const live = new Map<string, { readonly file: KitFile; readonly segment: number; readonly local: number; readonly parsed: ParsedFile }>();
  const segments = layers.map((files, id) => {
    const name = `${prefix}${id}`;
    using text = new TextSegmentWriter(generationFiles.text(folder, name));
    using symbols = textOnly ? undefined : new SymbolSegmentWriter(generationFiles.symbols(folder, name));
    for (const file of files) {
      const { path, text: content, language = 'python' } = file;
      live.delete(path);
      if (content === '') continue;
      const local = text.add(Buffer.from(content));
      const parsed = parse(content, language);
      symbols?.add(local, parsed, (chunk) => termsOf(file, parsed, chunk));
      live.set(path, { file, segment: id, local, parsed });
    }
    text.seal();
    const totals = symbols?.seal() ?? { chunks: 0, terms: 0 };
    return { id, name, files: files.length, bytes: 0, ...totals, hasSymbols: !textOnly };
  });
  using manifest = new ManifestWriter(folder);
  manifest.setSegments(segments);
  let id = 0;
  for (const [path, { file, segment, local, parsed }] of live) {
    const { text, language = 'python', flags = 0 } = file;
    const counts = { symbols: parsed.symbols.length, chunks: parsed.chunks.length };
    const lines = text.split('\n').length;
    manifest.add({ path, segment, local, blob: `b${(id += 1)}`, bytes: Buffer.byteLength(text), lines, language, flags, ...counts });
  }
  manifest.setMeta({ stage: textOnly ? 'text' : 'complete' });
  manifest.publish();
}

function termsOf({ path, text, language = 'python' }: KitFile, parsed: ParsedFile, chunk: CodeChunk): ReadonlyMap<string, number> {
  const symbol = chunk.symbol === undefined ? undefined : parsed.symbols[chunk.symbol];
  const lines = text.split('\n').slice(chunk.line - 1, chunk.endLine);
  return chunkTerms({ text: lines.join('\n'), path, language, ...(symbol !== undefined && { symbol }) });
}

/** A definition begins with `def`, `function` or `class` at the start of a line and goes to the next one. */
function parseDefinitions(text: string): ParsedFile {
  const lines = text.split('\n');
  const symbols: CodeSymbol[] = [];
  const chunks: CodeChunk[] = [];
  const references = new Map<string, number>();
  const imports: string[] = [];
  for (const [at, line] of lines.entries()) {
    const [, word, name] = /^(def|function|class) (\w+)/.exec(line) ?? [];
    if (name !== undefined) {
      const next = lines.findIndex((other, index) => index > at && /^(?:def|function|class) /.test(other));
      const endLine = next < 0 ? lines.length : next;
      chunks.push({ line: at + 1, endLine, symbol: symbols.length });
      symbols.push({ name, kind: word === 'class' ? 'class' : 'function', line: at + 1, endLine, container: '', signature: line });
    }
    const target = /^(?:import|from) (\S+)/.exec(line)?.[1];
    if (target !== undefined) imports.push(target);
    for (const [, used = ''] of line.matchAll(/(?<!def |function |class )\b(\w+)\(/g)) references.set(used, (references.get(used) ?? 0) + 1);
  }
  const first = chunks[0]?.line ?? lines.length + 1;
  if (first > 1) chunks.unshift({ line: 1, endLine: first - 1 });
  return { method: 'lines', hasErrors: false, symbols, references, chunks, imports };
}
