import type { ParsedFile, SkipReason, SyncBudgets } from '../model.ts';

/** One live file of a generation: where its rows lie and what is known of it. */
export interface IndexedFile {
  readonly path: string;
  /** Number of the segment in the manifest, and of the file in the segment. */
  readonly segment: number;
  readonly local: number;
  readonly blob: string;
  readonly bytes: number;
  readonly lines: number;
  readonly language: string;
  readonly flags: number;
  readonly stat?: string;
  readonly symbols: number;
  readonly chunks: number;
  readonly notParsed?: NonNullable<ParsedFile['notParsed']>;
}

/** A live file as a comparison needs it. `id` is its row. */
export type KnownRow = Pick<IndexedFile, 'path' | 'segment' | 'local' | 'blob' | 'bytes' | 'stat'> & { readonly id: number };

/** A file that is listed but not indexed. `blob` and `stat`: where its content was the reason, so that it need not be read again. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: SkipReason;
  readonly blob?: string;
  readonly stat?: string;
}

/** A pair of files and what lies in them, dead rows included. */
export interface IndexSegment {
  readonly id: number;
  readonly name: string;
  readonly files: number;
  /** Of the source. */
  readonly bytes: number;
  readonly chunks: number;
  readonly terms: number;
  readonly hasSymbols: boolean;
}

/** What a generation says about itself. */
export interface IndexState {
  readonly segments: readonly IndexSegment[];
  readonly files: readonly KnownRow[];
  readonly skipped: readonly SkippedFile[];
}

/** The budgets that decide what is in an index: with others, kept rows would not be what a fresh index has. */
export function shapeOf({ maxTextBytes, maxParseBytes, maxParseMs }: SyncBudgets): string {
  return JSON.stringify({ maxTextBytes, maxParseBytes, maxParseMs });
}
