import type { Cell } from './cell.ts';

/**
 * Rows of `meta`. Counters are kept exactly by every write: `bytes` (what the quota counts), `memories` and `versions` (rows,
 * those expired and not yet swept included).
 */
export const META = {
  bytes: 'bytes',
  memories: 'memories',
  versions: 'versions',
  /** Version of the tokeniser that the full text was made with. */
  tokeniser: 'tokeniser_version',
  /** Tokeniser version a rebuild works towards, and the last memory it has done. */
  reindexVersion: 'reindex_version',
  reindexAfter: 'reindex_after',
  /** 1: deleted words wait to be merged away; 2: the merge is under way. */
  scrub: 'scrub',
  /** Model that searches use: all memories had its vector once. */
  vectorModel: 'vector_model',
  /** Model that memories are to be embedded with. */
  vectorTarget: 'vector_target',
} as const;

type MetaKey = (typeof META)[keyof typeof META];

export function metaNumber(cell: Cell, key: MetaKey): number | undefined {
  const value = cell.get('select value from meta where key = ?', key)?.['value'];
  return value == null ? undefined : Number(value);
}

export function metaText(cell: Cell, key: MetaKey): string | undefined {
  const value = cell.get('select value from meta where key = ?', key)?.['value'];
  return value == null ? undefined : String(value);
}

/** Sets or, with undefined, removes a row. */
export function setMeta(cell: Cell, key: MetaKey, value: number | string | undefined): void {
  if (value === undefined) cell.run('delete from meta where key = ?', key);
  // A JS number binds as REAL, and this column keeps what it is given.
  else cell.run('insert or replace into meta (key, value) values (?, ?)', key, typeof value === 'number' ? BigInt(value) : value);
}

/** What one write changed; settled once at its end. */
export interface Tally {
  bytes: number;
  memories: number;
  versions: number;
  /** Words were taken out of the full text. */
  wordsGone: boolean;
}

export function newTally(): Tally {
  return { bytes: 0, memories: 0, versions: 0, wordsGone: false };
}

/** Adds a write's changes to the counters, within its transaction. */
export function settleTally(cell: Cell, tally: Tally): void {
  bump(cell, META.bytes, tally.bytes);
  bump(cell, META.memories, tally.memories);
  bump(cell, META.versions, tally.versions);
  if (tally.wordsGone) setMeta(cell, META.scrub, 1);
}

function bump(cell: Cell, key: MetaKey, by: number): void {
  if (by === 0) return;
  cell.run('insert into meta (key, value) values (?, ?) on conflict (key) do update set value = value + excluded.value', key, BigInt(by));
}
