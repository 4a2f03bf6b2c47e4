import { TOKENISER_VERSION, tokenise } from '../../../domains/memory/text/tokenise.ts';
import type { Cell } from './cell.ts';
import { int, tagsOf, text } from './memory-row.ts';
import { META, metaNumber, setMeta } from './meta.ts';

/** Pages one slice of merging writes: about 2 ms. */
const SCRUB_PAGES = 24;
/** Content a slice of rebuilding takes in before it stops, in UTF-16 units: about 5 ms. */
const REINDEX_UNITS = 64 * 1024;

/** Adds a new row's words. */
export function indexText(cell: Cell, id: number, content: string, tags: readonly string[]): void {
  cell.run('insert into memory_text (rowid, content, tags) values (cast(? as integer), ?, ?)', id, words(content), words(tags.join(' ')));
}

/** Replaces a row's words, or adds them. */
export function reindexRow(cell: Cell, id: number, content: string, tags: readonly string[]): void {
  cell.run('insert or replace into memory_text (rowid, content, tags) values (cast(? as integer), ?, ?)', id, words(content), words(tags.join(' ')));
}

/** Takes a row's words out of every result; they leave the file with {@link scrubText}. */
export function unindexText(cell: Cell, id: number): void {
  cell.run('delete from memory_text where rowid = cast(? as integer)', id);
}

/** Notes the tokeniser's version with the first text of a file. */
export function noteTokeniser(cell: Cell): void {
  if (metaNumber(cell, META.tokeniser) === undefined) setMeta(cell, META.tokeniser, TOKENISER_VERSION);
}

/**
 * One slice of merging all segments of the full text into one, which leaves out deleted words. FTS5: a negative
 * `merge` starts it, positive ones go on, and one that changes fewer than two rows has found nothing to do.
 */
export function scrubText(cell: Cell, _args: { readonly now: number }): { readonly done: boolean } {
  const state = metaNumber(cell, META.scrub);
  if (state === undefined) return { done: true };
  const before = totalChanges(cell);
  cell.run(`insert into memory_text (memory_text, rank) values ('merge', cast(? as integer))`, state === 1 ? -SCRUB_PAGES : SCRUB_PAGES);
  const done = totalChanges(cell) - before < 2;
  if (done || state === 1) setMeta(cell, META.scrub, done ? undefined : 2);
  return { done };
}

export interface ReindexArgs {
  readonly now: number;
  readonly limit: number;
}

/** One slice of re-deriving the full text, in order of row; stops early after much content. */
export function reindexText(cell: Cell, { limit }: ReindexArgs): { readonly done: boolean } {
  if ((metaNumber(cell, META.tokeniser) ?? TOKENISER_VERSION) === TOKENISER_VERSION) return { done: true };
  const resumed = metaNumber(cell, META.reindexVersion) === TOKENISER_VERSION;
  let after = resumed ? (metaNumber(cell, META.reindexAfter) ?? 0) : 0;
  let units = 0;
  let rows = 0;
  for (const row of cell.iterate('select id, tags, content from memories where id > ? and alive() order by id limit ?', after, limit)) {
    after = int(row, 'id');
    rows += 1;
    reindexRow(cell, after, text(row, 'content'), tagsOf(row));
    if ((units += text(row, 'content').length) >= REINDEX_UNITS) break;
  }
  const done = rows < limit && units < REINDEX_UNITS;
  setMeta(cell, META.reindexVersion, done ? undefined : TOKENISER_VERSION);
  setMeta(cell, META.reindexAfter, done ? undefined : after);
  setMeta(cell, META.scrub, 1);
  if (done) setMeta(cell, META.tokeniser, TOKENISER_VERSION);
  return { done };
}

function words(source: string): string {
  return tokenise(source).join(' ');
}

function totalChanges(cell: Cell): number {
  return Number(cell.get('select total_changes() as n')?.['n']);
}
