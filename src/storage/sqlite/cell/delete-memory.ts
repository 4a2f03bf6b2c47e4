import type { MemoryFilter } from '../../../domains/memory/model.ts';
import type { RemoveOutcome } from '../../../domains/memory/store.ts';
import type { Cell, Row } from './cell.ts';
import { filterSql } from './filter-sql.ts';
import { int, text, uuidBytes, uuidText } from './memory-row.ts';
import { newTally, settleTally, type Tally } from './meta.ts';
import { unindexText } from './text-index.ts';
import { forgetVectors } from './vectors.ts';
import { dropVersions } from './versions.ts';

/** Rows one call of {@link removeMatching} looks at: about 2 ms when none matches. */
const LOOKED_AT = 1_000;

/** What {@link purgeRow} needs of a row. */
const DOOMED = 'm.id, m.uuid, m.bytes, m.tags';

export interface RemoveArgs {
  readonly now: number;
  readonly uuid: string;
}

export function remove(cell: Cell, { now, uuid }: RemoveArgs): RemoveOutcome | undefined {
  const row = cell.get(
    `select ${DOOMED} from memories m where m.uuid = ? and (m.expires_at is null or m.expires_at > ?) and alive()`,
    uuidBytes(uuid),
    now,
  );
  return row && purgeAll(cell, [row]);
}

export interface RemoveMatchingArgs {
  readonly now: number;
  readonly filter: MemoryFilter;
  readonly limit: number;
  readonly after?: string;
}

/** Walks the memories in order of uuid, at most {@link LOOKED_AT} of them, and deletes those that match. */
export function removeMatching(cell: Cell, { now, filter, limit, after }: RemoveMatchingArgs): RemoveOutcome & { readonly next?: string } {
  const from = uuidBytes(after ?? '');
  const end = cell.get(`select m.uuid from memories m where m.uuid > ? and alive() order by m.uuid limit 1 offset ${LOOKED_AT - 1}`, from)?.['uuid'];
  const where = filterSql(cell, filter, now);
  const rows = cell.all(
    `select ${DOOMED} from memories m where m.uuid > ? ${end == null ? '' : 'and m.uuid <= ?'} and ${where.sql} and alive() order by m.uuid limit ?`,
    from,
    ...(end == null ? [] : [end]),
    ...where.values,
    limit,
  );
  const next = rows.length === limit ? rows.at(-1)?.['uuid'] : end;
  return { ...purgeAll(cell, rows), ...(next == null ? {} : { next: uuidText(next) }) };
}

export interface SweepArgs {
  readonly now: number;
  readonly limit: number;
}

export function sweepExpired(cell: Cell, { now, limit }: SweepArgs): RemoveOutcome & { readonly nextAt?: number } {
  const rows = cell.all(`select ${DOOMED} from memories m where m.expires_at <= ? and alive() order by m.expires_at limit ?`, now, limit);
  const outcome = purgeAll(cell, rows);
  const next = cell.get('select min(expires_at) as at from memories where expires_at is not null')?.['at'];
  return { ...outcome, ...(next == null ? {} : { nextAt: Number(next) }) };
}

/** Deletes a row with all that belongs to it: history, tags, words, vectors, and saved answers that hold its content. */
export function purgeRow(cell: Cell, row: Row, tally: Tally): void {
  const id = int(row, 'id');
  dropVersions(cell, id, 0, tally);
  cell.run('delete from memory_tags where memory = ? and tag in (select value from json_each(?))', id, text(row, 'tags'));
  unindexText(cell, id);
  forgetVectors(cell, id, true);
  cell.run('delete from idempotency where memory = ?', uuidText(row['uuid']));
  cell.run('delete from memories where id = ?', id);
  tally.memories -= 1;
  tally.bytes -= int(row, 'bytes');
  tally.wordsGone = true;
}

function purgeAll(cell: Cell, rows: readonly Row[]): RemoveOutcome {
  const tally = newTally();
  for (const row of rows) purgeRow(cell, row, tally);
  settleTally(cell, tally);
  return { removed: rows.length, freedBytes: 0 - tally.bytes };
}
