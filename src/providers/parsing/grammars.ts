import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Language as Grammar, Parser, Query } from 'web-tree-sitter';
import { GRAMMAR_CHECKSUMS } from '../../domains/code/languages/grammar-checksums.ts';
import type { GrammarFile, Language } from '../../domains/code/languages/language.ts';
import { PolymniaError } from '../../kernel/errors.ts';

/** Of 64 KB. */
const FIRST_PAGES = 512;
/** 1 GB: a thread that needs more is broken, and is better stopped than the machine. */
const MOST_PAGES = 16_384;

const require = createRequire(import.meta.url);
/** What all parsers of a thread share. */
export interface ParsingRuntime {
  /** In which grammars, trees and queries live. It never shrinks. */
  readonly memory: WebAssembly.Memory;
  /** It ran out of memory or trapped: what lies in it cannot be trusted, and only a new thread has a new one. */
  isBroken: boolean;
}

let started: Promise<ParsingRuntime> | undefined;

/** The thread's one runtime, made at the first call. */
export async function startRuntime(): Promise<ParsingRuntime> {
  started ??= (async () => {
    const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES });
    await Parser.init({ wasmMemory: memory, printErr: () => undefined });
    return { memory, isBroken: false };
  })();
  return started;
}

/** A grammar's file as it lies in its package. */
export function grammarPath({ package: name, file }: GrammarFile): string {
  return require.resolve(`${name}/${file}`);
}

export function grammarKey({ package: name, file }: GrammarFile): string {
  return `${name}/${file}`;
}

/** @throws PolymniaError `internal` when the file is not the one whose digest is written down, or cannot be read. */
export function readGrammar(grammar: GrammarFile, read: (path: string) => Uint8Array = readFileSync): Uint8Array<ArrayBuffer> {
  const key = grammarKey(grammar);
  const bytes = new Uint8Array(attempt(key, () => read(grammarPath(grammar))));
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest === GRAMMAR_CHECKSUMS[key]) return bytes;
  throw new PolymniaError(
    'internal',
    `The grammar ${key} is not the one this release was built with (sha256 ${digest}, expected ${GRAMMAR_CHECKSUMS[key] ?? 'none'}). Run "npm ci".`,
  );
}

function attempt<T>(key: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new PolymniaError('internal', `The grammar ${key} cannot be read. Run "npm ci".`, { cause });
  }
}

/** A language ready to parse with. Loaded once a thread; freed with its parser. */
export interface LoadedGrammar extends Disposable {
  readonly parser: Parser;
  readonly query: Query;
}

const grammars = new Map<string, Grammar>();

function grammarOf(file: GrammarFile): Grammar {
  const key = grammarKey(file);
  const known = grammars.get(key);
  if (known !== undefined) return known;
  const grammar = Grammar.loadSync(new WebAssembly.Module(readGrammar(file)));
  grammars.set(key, grammar);
  return grammar;
}

/** After `startRuntime`, for a language that has a grammar. */
export function loadGrammar(language: Language): LoadedGrammar {
  if (language.grammar === undefined) throw new Error(`${language.id} has no grammar`);
  const grammar = grammarOf(language.grammar);
  const query = new Query(grammar, `${language.query ?? ''}\n${language.complexity ?? ''}`);
  const parser = new Parser().setLanguage(grammar);
  const dispose = (): void => {
    query.delete();
    parser.delete();
  };
  return { parser, query, [Symbol.dispose]: dispose };
}
