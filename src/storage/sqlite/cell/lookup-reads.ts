import type { MemoryFilter, MemoryVersion, StoredMemory } from '../../../domains/memory/model.ts';
import type { ListPage, MemoryWithHistory } from '../../../domains/memory/store.ts';
import type { Cell } from './cell.ts';
import { afterPosition, expiredCount, filterSql, isEmptyFilter } from './filter-sql.ts';
import { int, MEMORY_COLUMNS, MEMORY_COLUMNS_WITH_COUNT, toMemoryVersion, toMemoryWithHistory, toStoredMemory, uuidBytes } from './memory-row.ts';
import { META, metaNumber } from './meta.ts';

export interface GetArgs {
  readonly now: number;
  readonly uuid: string;
  readonly versions?: boolean;
}

export function get(cell: Cell, { now, uuid, versions }: GetArgs): MemoryWithHistory | undefined {
  const row = cell.get(
    `select ${MEMORY_COLUMNS_WITH_COUNT} from memories m where m.uuid = ? and (m.expires_at is null or m.expires_at > ?)`,
    uuidBytes(uuid),
    now,
  );
  return row && toMemoryWithHistory(row, versions === true ? historyOf(cell, int(row, 'id')) : undefined);
}

export interface ListArgs {
  readonly now: number;
  readonly filter: MemoryFilter;
  readonly page: ListPage;
}

export function list(cell: Cell, { now, filter, page }: ListArgs): readonly StoredMemory[] {
  const where = filterSql(cell, filter, now);
  const after = afterPosition(page.after);
  const rows = cell.all(
    `select ${MEMORY_COLUMNS} from memories m where ${where.sql} ${after.sql} and alive() order by m.occurred_at desc, m.uuid desc limit ?`,
    ...where.values,
    ...after.values,
    page.limit,
  );
  return rows.map(toStoredMemory);
}

export interface CountArgs {
  readonly now: number;
  readonly filter: MemoryFilter;
}

export function count(cell: Cell, { now, filter }: CountArgs): number {
  if (isEmptyFilter(filter)) return liveCount(cell, now);
  const where = filterSql(cell, filter, now, 'collect');
  return Number(cell.get(`select count(*) as n from memories m where ${where.sql} and alive()`, ...where.values)?.['n']);
}

/** Live memories, from the counter. */
export function liveCount(cell: Cell, now: number): number {
  return (metaNumber(cell, META.memories) ?? 0) - expiredCount(cell, now);
}

export interface ScanArgs {
  readonly now: number;
  readonly filter: MemoryFilter;
  readonly afterUuid?: string;
  readonly limit: number;
}

export function scan(cell: Cell, { now, filter, afterUuid, limit }: ScanArgs): readonly MemoryWithHistory[] {
  const where = filterSql(cell, filter, now);
  const rows = cell.all(
    `select ${MEMORY_COLUMNS_WITH_COUNT} from memories m where ${where.sql} and m.uuid > ? and alive() order by m.uuid limit ?`,
    ...where.values,
    uuidBytes(afterUuid ?? ''),
    limit,
  );
  return rows.map((row) => toMemoryWithHistory(row, int(row, 'versions') > 0 ? historyOf(cell, int(row, 'id')) : undefined));
}

/** Old versions of a row, oldest first. */
function historyOf(cell: Cell, id: number): readonly MemoryVersion[] {
  return cell
    .all('select version, content, type, tags, metadata, replaced_at, replaced_by from memory_versions where memory = ? order by version', id)
    .map(toMemoryVersion);
}
