import type { SpaceStats, TagCount } from '../../../domains/memory/store.ts';
import type { Cell } from './cell.ts';
import { expiredCount } from './filter-sql.ts';
import { liveCount } from './lookup-reads.ts';
import { int, text } from './memory-row.ts';
import { META, metaNumber, metaText } from './meta.ts';
import { pendingCount, targetModel } from './vectors.ts';

const LIVE = '(m.expires_at is null or m.expires_at > ?)';

export interface TagsArgs {
  readonly now: number;
  readonly prefix?: string;
  readonly limit: number;
}

/** Tags and their numbers of live memories. The tag index alone answers while nothing has expired. */
export function tags(cell: Cell, { now, prefix = '', limit }: TagsArgs): readonly TagCount[] {
  const expired = expiredCount(cell, now) > 0;
  const rows = cell.all(
    `select t.tag, count(*) as n from memory_tags t ${expired ? 'cross join memories m on m.id = t.memory' : ''}
     where t.tag >= ? and t.tag < ? ${expired ? `and ${LIVE}` : ''} and alive() group by t.tag order by n desc, t.tag limit ?`,
    prefix,
    `${prefix}\u{10ffff}`,
    ...(expired ? [now] : []),
    limit,
  );
  return rows.map((row) => ({ tag: text(row, 'tag'), count: int(row, 'n') }));
}

export interface NowArgs {
  readonly now: number;
}

/** Counts over the live memories; types most used first, at most 1,000 of them. */
export function stats(cell: Cell, { now }: NowArgs): SpaceStats {
  const expired = expiredCount(cell, now) > 0;
  // Without expired rows each count is answered from an index that has no expiry in it.
  const live = expired ? LIVE : '? is not null';
  const types = cell.all(
    `select m.type, count(*) as n from memories m where ${live} and alive() group by m.type order by n desc, m.type limit 1000`,
    now,
  );
  const threads = cell.get(`select count(distinct m.thread) as n from memories m where m.thread is not null and ${live} and alive()`, now);
  const oldest = cell.get(`select m.occurred_at as at from memories m where ${live} and alive() order by m.occurred_at limit 1`, now)?.['at'];
  const newest = cell.get(`select m.occurred_at as at from memories m where ${live} and alive() order by m.occurred_at desc limit 1`, now)?.['at'];
  const vectorModel = metaText(cell, META.vectorModel);
  return {
    memories: liveCount(cell, now),
    threads: Number(threads?.['n']),
    versions: metaNumber(cell, META.versions) ?? 0,
    bytes: metaNumber(cell, META.bytes) ?? 0,
    fileBytes: fileBytes(cell),
    types: types.map((row) => ({ type: text(row, 'type'), count: int(row, 'n') })),
    ...(oldest == null ? {} : { oldest: Number(oldest) }),
    ...(newest == null ? {} : { newest: Number(newest) }),
    pendingVectors: pendingCount(cell, targetModel(cell), now),
    ...(vectorModel === undefined ? {} : { vectorModel }),
  };
}

export function usedBytes(cell: Cell, _args: NowArgs): number {
  return metaNumber(cell, META.bytes) ?? 0;
}

/** Pages of the file as this transaction sees it; the write-ahead log comes on top. */
function fileBytes(cell: Cell): number {
  return Number(cell.get('select page_count * page_size as bytes from pragma_page_count, pragma_page_size')?.['bytes']);
}
