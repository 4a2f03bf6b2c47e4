import type { Flow, Meter } from '../../../kernel/operation.ts';
import type { SymbolKind } from '../model.ts';

/** Which published index is meant. The caller has made sure that the user may see the repository. */
export interface IndexSource {
  /** Absolute path of the generation's folder. */
  readonly folder: string;
  /** As published; `text` has no symbols yet. */
  readonly stage: 'text' | 'complete';
  /** Absolute path of the file with the repository's vectors, whether it is there or not. */
  readonly vectors?: string;
}

/** On whose account and how long a look-up runs. */
export interface IndexCall {
  readonly flow: Flow;
  readonly signal: AbortSignal;
  /** Monotonic ms. */
  readonly deadlineAt: number;
  readonly meter: Meter;
}

/**
 * The port to the indexes of repositories. A call reads one generation and nothing else, and answers undefined when that generation is
 * gone or retired: look again which one is published. Work stops soon after the signal aborts. Beyond `budgetMs` of work it answers with
 * what it has, `stopped: 'time'`. Errors: `storage_unavailable` (damaged files, a thread that died), `rate_limited`, `overloaded`, the signal's.
 */
export interface CodeIndex {
  search(source: IndexSource, query: CodeQuery, call: IndexCall): Promise<CodeHits | undefined>;
  symbols(source: IndexSource, query: SymbolQuery, call: IndexCall): Promise<SymbolHits | undefined>;
  read(source: IndexSource, request: ReadRequest, call: IndexCall): Promise<ReadAnswer | undefined>;
  /** Resolves when nobody has files of the folder open; nothing is opened there any more. */
  retire(folder: string): Promise<void>;
}

/** The port to the vectors of a repository's chunks. Answers and errors as those of {@link CodeIndex}. */
export interface VectorIndex {
  /**
   * Keeps the vectors that were made, and looks on for chunks without one; chunks of a text that is known take its vector. Without
   * `after` it begins anew: what is dead is let go, and all vectors when they are of another model or cannot be read.
   */
  fillVectors(source: IndexSource, query: FillVectors, call: IndexCall): Promise<VectorsFilled | undefined>;
}

/** A chunk of a generation: the segment's place, and the chunk's id there. */
export interface ChunkPlace {
  readonly segment: number;
  readonly chunk: number;
}

/** A text of one chunk, or of several that are alike. */
export interface ChunkText {
  readonly hash: Uint8Array;
  readonly text: string;
  readonly places: readonly ChunkPlace[];
}

export interface FillVectors {
  readonly model: string;
  readonly made: readonly (Omit<ChunkText, 'text'> & { readonly values: Float32Array })[];
  readonly after?: ChunkPlace;
  /** Texts to answer with. */
  readonly limit: number;
  readonly budgetMs: number;
}

export interface VectorsFilled {
  /** Of the generation. */
  readonly chunks: number;
  /** Of these, with a vector. */
  readonly embedded: number;
  readonly waiting: readonly ChunkText[];
  /** Where to look on; absent when every chunk has been seen and nothing waits. */
  readonly next?: ChunkPlace;
}

/** Conditions on files; absent = all. */
export interface FileFilter {
  /** Ids of `languages/`. */
  readonly languages?: readonly string[];
  /** Globs of the whole path; one must match. */
  readonly paths?: readonly string[];
}

export interface CodeQuery {
  readonly mode: 'words' | 'exact' | 'regex';
  readonly text: string;
  /** For `exact` and `regex`. */
  readonly caseSensitive: boolean;
  /** For `words`: the meaning of the query; ranks by words and by meaning are put together. */
  readonly vector?: QueryVector;
  readonly filter: FileFilter;
  /** Only what lies in a definition of such a kind. */
  readonly kinds?: readonly SymbolKind[];
  /** Files to pass over, and to answer with. */
  readonly offset: number;
  readonly limit: number;
  readonly budgetMs: number;
}

/** Compared with vectors of the same model only. */
export interface QueryVector {
  readonly model: string;
  readonly values: Float32Array;
}

export interface CodeHits {
  /** Best first. */
  readonly files: readonly FileHit[];
  /** There are files beyond these. */
  readonly more: boolean;
  /** How many of the chunks were compared with the vector; absent when none was. */
  readonly vectors?: 'all' | 'some';
  /** The look-up ended before it had seen everything. */
  readonly stopped?: 'time';
}

/** Why a file was found: shares of its score, or factors applied to it. */
export interface HitReasons {
  /** BM25 of its words. */
  readonly words?: number;
  /** The query is the name of a definition here. */
  readonly symbol?: number;
  /** A name in the query is defined here. */
  readonly definition?: number;
  /** The query names the path. */
  readonly path?: number;
  /** Places that hold the text or match the expression. */
  readonly exact?: number;
  /** Cosine of the query and the nearest chunk here. */
  readonly vector?: number;
  /** Test, generated, vendored or minified files count less. */
  readonly lowered?: number;
}

export interface FileHit {
  readonly path: string;
  readonly language: string;
  /** Above 0; comparable within one answer only. */
  readonly score: number;
  /** 2: the query names a definition here; 1: all its words are here; 0: some are. What decides between repositories. */
  readonly tier: number;
  readonly why: HitReasons;
  /** Of one file at most 3. */
  readonly matches: readonly CodeMatch[];
  /** Matching lines, or chunks, of the file, as far as they were counted. */
  readonly matchCount: number;
}

export interface CodeMatch {
  /** Of the chunk or of the matching lines, from 1, both included. */
  readonly line: number;
  readonly endLine: number;
  readonly symbol?: MatchSymbol;
  readonly snippet: Snippet;
}

export interface MatchSymbol {
  readonly name: string;
  readonly kind: string;
  readonly container: string;
}

export interface Snippet {
  /** Number of the first line shown. */
  readonly line: number;
  /** Whole lines; a long one is cut. Control characters are replaced one by one. */
  readonly text: string;
  /** Offsets in `text`, UTF-16 units, end exclusive, rising. */
  readonly marks: readonly (readonly [start: number, end: number])[];
}

export interface SymbolQuery {
  readonly name: string;
  /** `auto`: exact, else prefix, else fuzzy. */
  readonly match: 'auto' | 'exact' | 'prefix' | 'fuzzy';
  readonly kinds?: readonly SymbolKind[];
  readonly filter: FileFilter;
  readonly references: boolean;
  readonly limit: number;
  readonly budgetMs: number;
}

export interface SymbolHits {
  readonly definitions: readonly Definition[];
  readonly more: boolean;
  /** When they were asked for; of the name as asked, or of the best definition's. */
  readonly references?: readonly ReferenceFile[];
  readonly moreReferences?: boolean;
  readonly stopped?: 'time';
}

export interface Definition {
  readonly name: string;
  readonly kind: string;
  readonly container: string;
  readonly signature: string;
  readonly path: string;
  readonly language: string;
  readonly line: number;
  readonly endLine: number;
  readonly match: 'exact' | 'case' | 'prefix' | 'fuzzy';
}

/** How sure it is that a use of a name means the definition: names are compared, types are not known. */
export type ReferenceConfidence = 'same_file' | 'imported' | 'unique_name' | 'ambiguous';

export interface ReferenceFile {
  readonly path: string;
  readonly language: string;
  readonly count: number;
  /** The first ones, at most 20. */
  readonly lines: readonly number[];
  readonly confidence: ReferenceConfidence;
}

export type ReadRequest =
  | { readonly what: 'lines'; readonly path: string; readonly from: number; readonly to?: number }
  | { readonly what: 'symbol'; readonly name: string; readonly path?: string; readonly container?: string }
  | { readonly what: 'outline'; readonly path: string };

export type ReadAnswer =
  | ReadText
  | {
      readonly found: 'outline';
      readonly path: string;
      readonly language: string;
      readonly lines: number;
      readonly symbols: readonly OutlineSymbol[];
      readonly more: boolean;
    }
  /** `near`: paths or names that come near. */
  | { readonly found: 'nothing'; readonly near: readonly string[] };

export interface ReadText {
  readonly found: 'text';
  readonly path: string;
  readonly language: string;
  /** Of the whole file. */
  readonly lines: number;
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** Lines or bytes beyond the limits were left out, or a line was cut. */
  readonly cut: boolean;
  readonly symbol?: MatchSymbol & { readonly signature: string };
  /** Other definitions of that name: `path:line`. */
  readonly others?: readonly string[];
}

export interface OutlineSymbol {
  readonly name: string;
  readonly kind: string;
  readonly container: string;
  readonly signature: string;
  readonly line: number;
  readonly endLine: number;
}
