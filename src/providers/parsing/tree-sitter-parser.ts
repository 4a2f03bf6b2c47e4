import { languageById } from '../../domains/code/languages/all-languages.ts';
import { measureText } from '../../domains/code/languages/file-traits.ts';
import type { Language } from '../../domains/code/languages/language.ts';
import type { ParsedFile, SyncBudgets } from '../../domains/code/model.ts';
import type { CodeParser } from '../../domains/code/ports.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { chunksOf } from './chunks.ts';
import { type LoadedGrammar, loadGrammar, type ParsingRuntime, startRuntime } from './grammars.ts';
import { readByLines } from './line-reader.ts';
import { ParseWatch } from './parse-watch.ts';
import { type ReadTree, readTree } from './read-tree.ts';
import { SourceLines } from './source-lines.ts';
import { symbolsOf } from './symbols.ts';

/** Open brackets at one place. What people write stays below 100. */
const MAX_DEPTH = 4_000;

const RECYCLE_BYTES = 300 * 1024 * 1024;

export interface CodeParserOptions {
  readonly budgets: Pick<SyncBudgets, 'maxParseBytes' | 'maxParseMs'>;
  /** Milliseconds, monotonic; best the thread's own processor time, so that a busy machine makes no file too slow. */
  readonly now: () => number;
}

/** A parser for the calling thread. Grammars are loaded and checked when first needed. */
export async function createCodeParser(options: CodeParserOptions): Promise<CodeParser> {
  return new TreeSitterParser(await startRuntime(), options);
}

class TreeSitterParser implements CodeParser {
  readonly #runtime: ParsingRuntime;
  readonly #options: CodeParserOptions;
  readonly #loaded = new Map<string, LoadedGrammar>();

  constructor(runtime: ParsingRuntime, options: CodeParserOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  get memoryBytes(): number {
    return this.#runtime.memory.buffer.byteLength;
  }

  shouldRecycle(): boolean {
    return this.#runtime.isBroken || this.memoryBytes > RECYCLE_BYTES;
  }

  parse(text: string, id: string): ParsedFile {
    const lines = new SourceLines(text.toWellFormed());
    const language = languageById(id);
    if (language === undefined) return withoutSymbols(lines);
    if (language.grammar === undefined) return byLines(lines, language);
    const refused = this.#refusal(lines.text);
    if (refused !== undefined) return byLines(lines, language, refused);
    const read = this.#read(lines, language);
    return read === 'too_slow' ? byLines(lines, language, 'too_slow') : byGrammar(lines, language, read);
  }

  #refusal(text: string): ParsedFile['notParsed'] {
    const { maxParseBytes } = this.#options.budgets;
    if (text.length > maxParseBytes || Buffer.byteLength(text) > maxParseBytes) return 'too_large';
    const { minified, depth } = measureText(text);
    if (minified) return 'minified';
    return depth > MAX_DEPTH ? 'too_deep' : undefined;
  }

  #read(lines: SourceLines, language: Language): ReadTree | 'too_slow' {
    if (this.#runtime.isBroken) return 'too_slow';
    try {
      const grammar = this.#grammar(language);
      const watch = new ParseWatch(this.#runtime.memory, this.#options.now, this.#options.budgets.maxParseMs);
      return readTree(lines, language, grammar, watch);
    } catch (error) {
      if (error instanceof PolymniaError) throw error;
      this.#runtime.isBroken = true;
      return 'too_slow';
    }
  }

  #grammar(language: Language): LoadedGrammar {
    const known = this.#loaded.get(language.id);
    if (known !== undefined) return known;
    const loaded = loadGrammar(language);
    this.#loaded.set(language.id, loaded);
    return loaded;
  }

  [Symbol.dispose](): void {
    if (!this.#runtime.isBroken) for (const grammar of this.#loaded.values()) grammar[Symbol.dispose]();
    this.#loaded.clear();
  }
}

function withoutSymbols(lines: SourceLines): ParsedFile {
  return { method: 'none', hasErrors: false, symbols: [], references: new Map(), chunks: chunksOf(lines, [], undefined), imports: [] };
}

function byLines(lines: SourceLines, language: Language, notParsed?: ParsedFile['notParsed']): ParsedFile {
  const method = language.lines === undefined ? 'none' : 'lines';
  const { definitions, imports } = readByLines(lines, language);
  const symbols = symbolsOf(definitions, undefined, lines, language);
  const chunks = chunksOf(lines, symbols, language.leading);
  return { method, hasErrors: false, symbols, references: new Map(), chunks, imports, ...(notParsed && { notParsed }) };
}

function byGrammar(lines: SourceLines, language: Language, read: ReadTree): ParsedFile {
  const { definitions, decisions, references, imports, hasErrors } = read;
  const symbols = symbolsOf(definitions, language.complexity === undefined ? undefined : decisions, lines, language);
  const chunks = chunksOf(lines, symbols, language.leading);
  return { method: 'grammar', hasErrors, symbols, references, chunks, imports };
}
