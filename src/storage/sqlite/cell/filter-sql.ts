import type { SQLInputValue } from 'node:sqlite';
import type { MemoryFilter } from '../../../domains/memory/model.ts';
import type { Cell } from './cell.ts';
import { uuidBytes } from './memory-row.ts';

/** Conditions on `memories m`, joined by AND, with their values in order. Never empty: what has expired never matches. */
export interface Where {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/**
 * How to apply tags. `each`: every row is asked for its tags; for rows that are few already. `collect`: the tag leads to its rows; when
 * all of them are wanted. `either`: whichever promises less work; when rows are met in another order and the first few are wanted.
 */
type TagUse = 'each' | 'collect' | 'either';

/** Up to this many rows with a tag, the tag leads to the rows; above, each looked-at row is asked for its tags. */
const FEW_TAGGED = 1_000;

type Condition = readonly [sql: string, ...values: SQLInputValue[]];

/** A filter as SQL. It probes how common the tags are, so it is made for one call and not kept. */
export function filterSql(cell: Cell, filter: MemoryFilter, now: number, use: TagUse = 'either'): Where {
  const conditions: Condition[] = [
    ['(m.expires_at is null or m.expires_at > ?)', now],
    ...plainConditions(filter),
    ...tagConditions(cell, filter, use),
    ...Object.entries(filter.metadata ?? {}).map(([key, value]) => metadataCondition(key, value)),
  ];
  return { sql: conditions.map(([sql]) => sql).join(' and '), values: conditions.flatMap(([, ...values]) => values) };
}

/** Does the filter let every live memory pass? */
export function isEmptyFilter(filter: MemoryFilter): boolean {
  return Object.values(filter).every(
    (value) => value === undefined || (typeof value === 'object' && (Array.isArray(value) ? value.length : Object.keys(value).length) === 0),
  );
}

/** Is there an index that leads from the filter to its rows? */
export function isLedByIndex({ tagsAny = [], tagsAll = [], thread }: MemoryFilter): boolean {
  return thread !== undefined || tagsAny.length > 0 || tagsAll.length > 0;
}

/** Memories whose time has come and that are still on disk. */
export function expiredCount(cell: Cell, now: number): number {
  return Number(cell.get('select count(*) as n from memories where expires_at <= ? and alive()', now)?.['n']);
}

function plainConditions(filter: MemoryFilter): Condition[] {
  const { type, thread, sinceMs, untilMs, importId, author } = filter;
  return [
    ...(type === undefined ? [] : [['m.type = ?', type] as const]),
    ...(thread === undefined ? [] : [['m.thread = ?', thread] as const]),
    ...(sinceMs === undefined ? [] : [['m.occurred_at >= ?', sinceMs] as const]),
    ...(untilMs === undefined ? [] : [['m.occurred_at < ?', untilMs] as const]),
    ...(importId === undefined ? [] : [['m.import_id = ?', importId] as const]),
    ...(author === undefined ? [] : [['m.author = ?', author] as const]),
  ];
}

function tagConditions(cell: Cell, filter: MemoryFilter, use: TagUse): Condition[] {
  const conditions: Condition[] = [];
  if (filter.tagsAny !== undefined && filter.tagsAny.length > 0) conditions.push(tagCondition(cell, filter.tagsAny, use));
  for (const tag of new Set(filter.tagsAll)) conditions.push(tagCondition(cell, [tag], use));
  return conditions;
}

function tagCondition(cell: Cell, tags: readonly string[], use: TagUse): Condition {
  const list = JSON.stringify(tags);
  return use === 'collect' || (use === 'either' && isFew(cell, list))
    ? ['m.id in (select memory from memory_tags where tag in (select value from json_each(?)))', list]
    : ['exists (select 1 from memory_tags t where t.memory = m.id and t.tag in (select value from json_each(?)))', list];
}

function isFew(cell: Cell, list: string): boolean {
  const tagged = 'select 1 from memory_tags where tag in (select value from json_each(?))';
  return Number(cell.get(`select count(*) as n from (${tagged} limit ${FEW_TAGGED + 1})`, list)?.['n']) <= FEW_TAGGED;
}

/** `json_each` and not a path: a key may hold any character, and a path has no safe quoting for all of them. */
function metadataCondition(key: string, value: string | number | boolean | null): Condition {
  const field = 'exists (select 1 from json_each(m.metadata) j where j.key = ? and';
  if (typeof value === 'string') return [`${field} j.type = 'text' and j.value = ?)`, key, value];
  // Both numbers go through the same parser, so equal JSON is equal here.
  if (typeof value === 'number') return [`${field} j.type in ('integer', 'real') and j.value = (? ->> '$'))`, key, JSON.stringify(value)];
  return [`${field} j.type = ?)`, key, String(value)];
}

/** Strictly after a place in a newest-first list. */
export function afterPosition(position: { readonly occurredAt: number; readonly uuid: string } | undefined): Where {
  if (position === undefined) return { sql: '', values: [] };
  return { sql: 'and (m.occurred_at, m.uuid) < (?, ?)', values: [position.occurredAt, uuidBytes(position.uuid)] };
}
