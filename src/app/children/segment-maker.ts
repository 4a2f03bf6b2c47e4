import type { ParsedCounts } from '../../storage/sqlite/code/manifest-writer.ts';
import type { SymbolTotals } from '../../storage/sqlite/code/symbol-segment-writer.ts';
import type { SkipReason, SyncBudgets } from '../../domains/code/model.ts';

/** Some files in one block of memory, one after the other. The block is given away with the batch. */
export interface TextBatch {
  readonly paths: readonly string[];
  /** Where each file ends in `bytes`. */
  readonly ends: readonly number[];
  readonly bytes: ArrayBuffer;
}

/** What became of one file of a batch. */
export type TextOutcome =
  | { readonly kind: 'indexed'; readonly local: number; readonly lines: number; readonly language: string; readonly flags: number }
  | { readonly kind: 'skipped'; readonly reason: SkipReason };

/** A file of a text segment whose symbols are wanted. */
export interface SymbolFile {
  readonly local: number;
  readonly path: string;
  readonly language: string;
}

export interface SymbolsMade {
  /** One a file, in their order. */
  readonly counts: readonly ParsedCounts[];
  readonly totals: SymbolTotals;
  /** The parser's memory, which never shrinks, has grown beyond what is worth keeping. */
  readonly isOvergrown: boolean;
}

/**
 * Writes whole segments into a generation's folder, one at a time: in a thread of its own, or in the caller's. Calls are done in
 * the order they come.
 */
export interface SegmentMaker extends AsyncDisposable {
  /** Adds files to the text of a segment, which begins with its first batch; the one before must be sealed. */
  addText(segment: string, batch: TextBatch): Promise<readonly TextOutcome[]>;
  /** Closes the segment's text. Does nothing when none is open. */
  sealText(): Promise<void>;
  /** Reads a sealed text back and writes its symbols. `onFiles` is told how many files more are done. */
  makeSymbols(segment: string, files: readonly SymbolFile[], onFiles: (count: number) => void): Promise<SymbolsMade>;
}

export interface MakerOptions {
  readonly folder: string;
  readonly budgets: SyncBudgets;
}
