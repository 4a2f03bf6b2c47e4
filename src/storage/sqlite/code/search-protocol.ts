import type {
  CodeHits,
  CodeQuery,
  FillVectors,
  IndexSource,
  ReadAnswer,
  ReadRequest,
  SymbolHits,
  SymbolQuery,
  VectorsFilled,
} from '../../../domains/code/search/code-index.ts';
import type { ErrorCode } from '../../../kernel/errors.ts';

/** What a search thread can do. */
export type SearchTask =
  | { readonly method: 'search'; readonly source: IndexSource; readonly query: CodeQuery }
  | { readonly method: 'symbols'; readonly source: IndexSource; readonly query: SymbolQuery }
  | { readonly method: 'read'; readonly source: IndexSource; readonly query: ReadRequest }
  | { readonly method: 'fillVectors'; readonly source: IndexSource; readonly query: FillVectors };

export type SearchValue = CodeHits | SymbolHits | ReadAnswer | VectorsFilled;

/** One flag over shared memory: not 0 = give up the running task. */
export type StopFlag = Int32Array<SharedArrayBuffer>;

export interface SearchThreadData {
  readonly stop: StopFlag;
  /** Generations held open, at most. */
  readonly openGenerations: number;
  /** Rough bytes they may hold together before the least used ones are closed. */
  readonly openBytes: number;
  /** Priority for the operating system: 0 is usual. */
  readonly niceness: number;
}

export type ToSearchThread =
  | { readonly kind: 'run'; readonly task: SearchTask }
  | { readonly kind: 'release'; readonly id: number; readonly folder: string }
  | { readonly kind: 'stop' };

/** `gone`: the folder or one of its files is not there. `aborted`: given up as it was told. */
export type SearchOutcome =
  | { readonly status: 'ok'; readonly value: SearchValue }
  | { readonly status: 'gone' | 'aborted' }
  | { readonly status: 'failed'; readonly code: ErrorCode; readonly message: string; readonly cause?: string };

export type FromSearchThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly outcome: SearchOutcome; readonly busyUs: number; readonly open: readonly string[] }
  | { readonly kind: 'released'; readonly id: number };
