import type { SkippedEntry, SourceEntry } from '../ports.ts';
import type { IndexState, KnownRow, SkippedFile } from './index-state.ts';
import { segmentsToDissolve } from './segment-policy.ts';

/** What a sync has to do so that the index holds what the source has. */
export interface SyncPlan {
  /** Without being read: by the source, or because the last sync read the same. */
  readonly skipped: readonly SkippedFile[];
  /** Rows that stay as they are. */
  readonly kept: readonly KnownRow[];
  /** Unchanged files whose segment is written anew: their contents come out of it. */
  readonly carried: readonly CarriedFile[];
  /** Files whose contents come from the source. */
  readonly read: readonly SourceEntry[];
  /** Rows of the last generation that have no file of the same content any more. */
  readonly dropped: readonly KnownRow[];
  /** Segments that none of the new generation's rows lie in. */
  readonly dissolved: ReadonlySet<number>;
  /** Unchanged files that were hashed once more because their stat differed. */
  readonly touched: readonly { readonly row: KnownRow; readonly stat: string }[];
}

export interface CarriedFile {
  readonly row: KnownRow;
  readonly entry: SourceEntry;
}

/** What a source lists. */
export interface Listing {
  readonly entries: readonly SourceEntry[];
  readonly skipped: readonly SkippedEntry[];
}

/** Compares a listing, from which the budgets have taken their part, with the last generation by path and content. */
export function planSync(listing: Listing, previous: IndexState | undefined): SyncPlan {
  const known = new Map(previous?.files.map((row) => [row.path, row]));
  const passed = new Map(previous?.skipped.flatMap((file) => (file.blob === undefined ? [] : [[file.path, file]])));
  const skipped: SkippedFile[] = listing.skipped.map(({ path, reason }) => ({ path, reason }));
  const same: CarriedFile[] = [];
  const read: SourceEntry[] = [];
  for (const entry of listing.entries) {
    const row = known.get(entry.path);
    const before = passed.get(entry.path);
    if (row?.blob === entry.blobId) {
      same.push({ row, entry });
      known.delete(entry.path);
    } else if (before?.blob === entry.blobId) {
      skipped.push(entry.stat === undefined ? before : { ...before, stat: entry.stat });
    } else read.push(entry);
  }
  return { skipped, read, dropped: [...known.values()], ...divide(same, previous) };
}

function divide(same: readonly CarriedFile[], previous: IndexState | undefined): Pick<SyncPlan, 'kept' | 'carried' | 'dissolved' | 'touched'> {
  const dissolved = segmentsToDissolve(
    previous?.segments ?? [],
    same.map(({ row }) => row),
  );
  const staying = dissolved.size === 0 ? same : same.filter(({ row }) => !dissolved.has(row.segment));
  return {
    dissolved,
    kept: staying.map(({ row }) => row),
    touched: staying.flatMap(({ row, entry: { stat } }) => (stat === undefined || stat === row.stat ? [] : [{ row, stat }])),
    carried: dissolved.size === 0 ? [] : same.filter(({ row }) => dissolved.has(row.segment)),
  };
}
