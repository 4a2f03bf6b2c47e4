import type { RecordKind, SpaceKey } from '../../kernel/ids.ts';

/** Kind of a repository's public id. */
export const REPOSITORY_KIND = 'repo' as const satisfies RecordKind;

/** Where a repository's files come from. */
export type RepositorySource =
  | { readonly kind: 'git'; readonly url: string; readonly branch?: string }
  /** An absolute path on the server's machine. */
  | { readonly kind: 'folder'; readonly path: string };

/** A repository of a space. Its rows live in `system.db`, its index in files of its own. */
export interface Repository {
  /** 32 hex digits; the public id is `repo_…`. */
  readonly uuid: string;
  readonly space: SpaceKey;
  /** Unique in the space, compared by `nameKey` (Unicode lower case, NFC). */
  readonly name: string;
  readonly source: RepositorySource;
  readonly createdBy: string;
  readonly createdAt: number;
  /** What searches read; undefined before the first text is searchable. */
  readonly published?: PublishedIndex;
  /** The newest sync that ended, as told to its caller. */
  readonly lastResult?: SyncReport;
  readonly lastSyncedAt?: number;
}

/** The one row that says which generation is read. */
export interface PublishedIndex {
  /** Counts from 1. The folder is `repos/<uuid>/<generation>/`. */
  readonly generation: number;
  /** `text`: words, exact text and regular expressions can be searched; `complete`: symbols too. */
  readonly stage: 'text' | 'complete';
  /** Git's tree id, or the digest of a folder's listing. */
  readonly treeId: string;
  readonly commit?: string;
  readonly files: number;
  readonly symbols: number;
  readonly chunks: number;
  /** Of the indexed source, and of the index on disk. */
  readonly sourceBytes: number;
  readonly indexBytes: number;
  readonly publishedAt: number;
}

/** Why a file is listed but not indexed, or only in part. */
export const SKIP_REASONS = [
  'binary',
  'too_large',
  'symlink',
  'submodule',
  'special_file',
  'lfs_pointer',
  'excluded',
  'path_too_deep',
  'path_not_text',
  'unreadable',
  'changed_while_read',
  'file_budget',
  'byte_budget',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export interface SkippedFiles {
  readonly reason: SkipReason;
  readonly count: number;
  /** Up to 20 of them. */
  readonly examples: readonly string[];
}

/** What a sync did: the whole truth. `filesSeen = filesIndexed + Σ skipped.count`, always. */
export interface SyncReport {
  /** False when a budget cut it: then the job ends `partial`. */
  readonly complete: boolean;
  readonly mode: 'unchanged' | 'incremental' | 'full';
  readonly treeId: string;
  readonly commit?: string;
  readonly generation: number;
  readonly filesSeen: number;
  readonly filesIndexed: number;
  readonly skipped: readonly SkippedFiles[];
  /** Files that are searchable as text but whose symbols could not be read (over the parse budget), by reason. */
  readonly notParsed: readonly {
    readonly reason: 'too_large' | 'too_slow' | 'too_deep' | 'minified';
    readonly count: number;
    readonly examples: readonly string[];
  }[];
  readonly filesAdded: number;
  readonly filesChanged: number;
  readonly filesRemoved: number;
  readonly chunks: { readonly new: number; readonly kept: number; readonly removed: number };
  readonly symbols: number;
  readonly languages: readonly { readonly language: string; readonly files: number; readonly bytes: number; readonly lines: number }[];
  readonly sourceBytes: number;
  readonly indexBytes: number;
  readonly phases: readonly { readonly phase: string; readonly seconds: number }[];
}

/** What a definition is. One list for all languages; a language's query names use these words. */
export const SYMBOL_KINDS = [
  'function',
  'method',
  'constructor',
  'class',
  'interface',
  'struct',
  'union',
  'enum',
  'trait',
  'type',
  'module',
  'namespace',
  'macro',
  'constant',
  'variable',
  'field',
  'heading',
  'selector',
  'key',
] as const;
export type SymbolKind = (typeof SYMBOL_KINDS)[number];

/** One definition in a file. Lines count from 1, both ends included. */
export interface CodeSymbol {
  readonly name: string;
  readonly kind: SymbolKind;
  readonly line: number;
  readonly endLine: number;
  /** Names of the definitions around it, outermost first, joined by `.`; empty at the top. */
  readonly container: string;
  /** Its first line or lines up to the body, at most 300 characters, white space folded. */
  readonly signature: string;
  /** For functions and methods; absent where the language folder has no complexity query. */
  readonly complexity?: FunctionComplexity;
}

export interface FunctionComplexity {
  /** McCabe: decisions + 1. */
  readonly cyclomatic: number;
  /** Decisions weighted by nesting (SonarSource, 2017, without recursion). */
  readonly cognitive: number;
  readonly nesting: number;
  readonly parameters: number;
}

/** Lines searched as one unit: a definition with its comment, or a run of lines between definitions. At most 80 lines. */
export interface CodeChunk {
  readonly line: number;
  readonly endLine: number;
  /** Index into the file's symbols, when the chunk is a definition's. */
  readonly symbol?: number;
}

/** What was read out of one file. */
export interface ParsedFile {
  /** `grammar`: a syntax tree; `lines`: by regular expressions a line; `none`: text only. A tree with errors is completed by lines. */
  readonly method: 'grammar' | 'lines' | 'none';
  readonly hasErrors: boolean;
  /** In order of their first line. */
  readonly symbols: readonly CodeSymbol[];
  /** Called or otherwise used names that are not defined at that place, with their number in the file. */
  readonly references: ReadonlyMap<string, number>;
  readonly chunks: readonly CodeChunk[];
  /** Import targets as written. */
  readonly imports: readonly string[];
  /** Why no tree was made; the symbols are then those that lines show, without references and complexity. `too_slow`: time or memory. */
  readonly notParsed?: 'too_large' | 'too_slow' | 'too_deep' | 'minified';
}

/** Upper limits of one sync; what lies beyond is listed as skipped, never dropped in silence. */
export interface SyncBudgets {
  readonly maxFiles: number;
  readonly maxBytes: number;
  /** Larger files are skipped. */
  readonly maxTextBytes: number;
  /** Larger files are searchable as text only. */
  readonly maxParseBytes: number;
  readonly maxParseMs: number;
  readonly maxPathDepth: number;
  readonly cloneBytes: number;
  readonly cloneMs: number;
}

/** A newer number makes every index be made afresh at its next sync. */
export const INDEX_VERSION = 2;
