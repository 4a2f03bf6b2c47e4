import type { MemoryFilter } from '../../../domains/memory/model.ts';
import type { LexicalHit } from '../../../domains/memory/ranking.ts';
import { matchExpression } from '../../../domains/memory/text/tokenise.ts';
import type { Cell, Tuple } from './cell.ts';
import { filterSql, isEmptyFilter, isLedByIndex, type Where } from './filter-sql.ts';
import { META, metaNumber } from './meta.ts';

/** Best rows by words that take part in ranking. */
const MAX_MATCHED = 1_000;
/** Rows looked at beyond those that are answered, to see that the cut parts no equals. */
const MARGIN = 50;
/** Filtered rows that are enough to rank without the commonest words. */
const ENOUGH_MATCHED = 200;
/** Nearest rows by vector that take part in ranking. */
const MAX_NEAREST = 200;

/** SQLite compiles a full-text query anew for each call when its limit is a bare parameter; in a sum it is left alone. */
const LIMIT = 'limit ? + 0';

/** Above this many rows holding any word, the commonest words only add to the score of rows that hold a rarer one. */
const MANY_MATCHED = 4_000;

/** What a search may see. */
export interface Scope {
  readonly where: Where;
  /** The same as a condition on row numbers alone (`in (…)`, `not in (…)`), when an index makes that set; else each row is looked at. */
  readonly ids: Where | undefined;
  /** No filter: all that lives. */
  readonly all: boolean;
}

export function scopeOf(cell: Cell, filter: MemoryFilter, now: number): Scope {
  const where = filterSql(cell, filter, now, 'each');
  const all = isEmptyFilter(filter);
  if (all)
    return { where, all, ids: hasExpired(cell, now) ? { sql: 'not in (select id from memories where expires_at <= ?)', values: [now] } : ANY_ROW };
  if (!isLedByIndex(filter)) return { where, all, ids: undefined };
  const { sql, values } = filterSql(cell, filter, now, 'collect');
  return { where, all, ids: { sql: `in (select m.id from memories m where ${sql} and alive())`, values } };
}

const ANY_ROW: Where = { sql: 'is not null', values: [] };

function hasExpired(cell: Cell, now: number): boolean {
  return cell.get('select 1 from memories where expires_at <= ? limit 1', now) !== undefined;
}

/** A row that takes part in ranking. */
export interface Candidate extends LexicalHit {
  readonly occurredAt: number;
}

/** In the order of {@link toCandidate}; the score or distance stands fifth. */
const COLUMNS = 'm.id, m.thread, m.place, m.occurred_at';

/** Rows that hold any of the words, best first by BM25: those that may take part in ranking. At least one term. */
export function matchedRows(cell: Cell, terms: readonly string[], scope: Scope): Candidate[] {
  return bestRows(cell, terms, scope, MAX_MATCHED);
}

/**
 * The best `limit` rows and whoever equals the last of them, perhaps some more: enough where nothing but the words ranks.
 * Sorting and handing over all matches costs as much as finding them.
 */
export function bestMatchedRows(cell: Cell, terms: readonly string[], scope: Scope, limit: number): Candidate[] {
  const most = Math.min(MAX_MATCHED, limit + MARGIN);
  const rows = bestRows(cell, terms, scope, most);
  const cutsEquals = rows.length === most && rows[limit - 1]?.score === rows.at(-1)?.score;
  return cutsEquals ? matchedRows(cell, terms, scope) : rows;
}

/** Does any memory of the space belong to a thread? Only then rows lend each other score. */
export function hasThreads(cell: Cell): boolean {
  return cell.get('select 1 from memories where thread is not null limit 1') !== undefined;
}

function bestRows(cell: Cell, terms: readonly string[], scope: Scope, limit: number): Candidate[] {
  const every = matchExpression(terms);
  const economic = scope.all || scope.ids === undefined ? economicExpression(cell, terms) : every;
  const rows = matches(cell, economic, scope, limit);
  // A filter may leave too little of the rows with rarer words.
  const enough = scope.all || economic === every || rows.length >= Math.min(ENOUGH_MATCHED, limit);
  return (enough ? rows : matches(cell, every, scope, limit)).map((row) => toCandidate(row, -Number(row[4])));
}

/** In a smaller space no ranking takes 5 ms, and asking at each row would be a tenth of it. */
function stoppable(cell: Cell): string {
  return (metaNumber(cell, META.memories) ?? 0) > MANY_MATCHED ? ' and alive()' : '';
}

function matches(cell: Cell, expression: string, { where, ids }: Scope, limit: number): readonly Tuple[] {
  if (ids === undefined) {
    return cell.tuples(
      `select ${COLUMNS}, bm25(memory_text) as score from memory_text cross join memories m on m.id = memory_text.rowid
       where memory_text match ? and ${where.sql} and alive() order by score ${LIMIT}`,
      expression,
      ...where.values,
      limit,
    );
  }
  return cell.tuples(
    `select ${COLUMNS}, f.score from
       (select rowid as id, bm25(memory_text) as score from memory_text
        where memory_text match ? and +rowid ${ids.sql}${stoppable(cell)} order by score ${LIMIT}) f
     cross join memories m on m.id = f.id order by f.score`,
    expression,
    ...ids.values,
    limit,
  );
}

/**
 * Any of the terms; but where very many rows hold one, only rows that hold one of the rarer terms, enough of them to fill
 * the cut. Scoring a row costs ten times what finding it does, and a row that holds nothing but the commonest words is never among
 * the best. Each term stands twice then, so that all keep their weight against each other.
 */
function economicExpression(cell: Cell, terms: readonly string[]): string {
  const every = matchExpression(terms);
  if (terms.length < 2 || (metaNumber(cell, META.memories) ?? 0) <= MANY_MATCHED) return every;
  const counted = terms.map((term) => ({ term, rows: rowsWith(cell, term) })).toSorted((a, b) => a.rows - b.rows);
  if (counted.reduce((sum, { rows }) => sum + rows, 0) <= MANY_MATCHED) return every;
  const rare: string[] = [];
  let found = 0;
  for (const { term, rows } of counted) {
    if (found >= MAX_MATCHED) break;
    rare.push(term);
    found += rows;
  }
  const common = terms.filter((term) => !rare.includes(term));
  if (common.length === 0) return every;
  return `(${matchExpression(rare)}) AND (${every} OR ${matchExpression(common)})`;
}

function rowsWith(cell: Cell, term: string): number {
  return Number(cell.get('select count(*) as n from memory_text where memory_text match ? and alive()', matchExpression([term]))?.['n']);
}

/** The rows at these places of threads, with score 0, as far as the filter lets them pass. */
export function rowsAt(cell: Cell, places: readonly { readonly thread: number | string; readonly place: number }[], { where }: Scope): Candidate[] {
  const sql = `select ${COLUMNS} from memories m where m.thread = ? and m.place = ? and ${where.sql}`;
  return places.flatMap(({ thread, place }) => cell.tuples(sql, thread, place, ...where.values).map((row) => toCandidate(row, 0)));
}

/** Nearest rows by cosine, by exact scan; score is the similarity, 0 for opposite and unrelated ones. */
export function nearestRows(cell: Cell, model: string, values: Float32Array, { where, ids }: Scope): Candidate[] {
  const query = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const nearest = 'vec_distance_cosine(v.vector, ?) as distance';
  const rows =
    ids === undefined
      ? cell.tuples(
          `select ${COLUMNS}, ${nearest} from vectors v not indexed cross join memories m on m.id = v.memory
           where v.model = ? and v.dimension = ? and ${where.sql} and alive() order by distance limit ${MAX_NEAREST}`,
          query,
          model,
          values.length,
          ...where.values,
        )
      : cell.tuples(
          `select ${COLUMNS}, n.distance from
             (select v.memory, ${nearest} from vectors v not indexed
              where v.model = ? and v.dimension = ? and v.memory ${ids.sql} and alive() order by distance limit ${MAX_NEAREST}) n
           cross join memories m on m.id = n.memory order by n.distance`,
          query,
          model,
          values.length,
          ...ids.values,
        );
  return rows.map((row) => toCandidate(row, similarity(row[4])));
}

/** A vector of zeros has no direction: SQLite gives null, which counts as unrelated. */
function similarity(distance: Tuple[number] | undefined): number {
  return distance == null ? 0 : Math.max(0, 1 - Number(distance));
}

function toCandidate([row, thread, place, occurredAt]: Tuple, score: number): Candidate {
  return {
    row: Number(row),
    thread: thread == null ? null : String(thread),
    place: place == null ? null : Number(place),
    score,
    occurredAt: Number(occurredAt),
  };
}
