import type { LexicalHit } from '../../../domains/memory/ranking.ts';
import type { Cell, Row } from './cell.ts';
import type { Where } from './filter-sql.ts';
import { int } from './memory-row.ts';

/** Best rows by words that take part in ranking. */
const MAX_MATCHED = 1_000;
/** Nearest rows by vector that take part in ranking. */
const MAX_NEAREST = 200;

/** What a search may see. `all`: every row of the file passes, so the indexes alone can make the first cut. */
export interface Scope {
  readonly where: Where;
  readonly all: boolean;
}

/** A row that takes part in ranking. */
export interface Candidate extends LexicalHit {
  readonly occurredAt: number;
}

const COLUMNS = 'm.id, m.thread, m.place, m.occurred_at';

/** Rows that hold any of the words, best first by BM25. */
export function matchedRows(cell: Cell, expression: string, { where, all }: Scope): Candidate[] {
  const rows = all
    ? cell.all(
        `select ${COLUMNS}, f.score from
           (select rowid as id, rank as score from memory_text where memory_text match ? and alive() order by rank limit ${MAX_MATCHED}) f
         cross join memories m on m.id = f.id order by f.score`,
        expression,
      )
    : cell.all(
        `select ${COLUMNS}, memory_text.rank as score from memory_text cross join memories m on m.id = memory_text.rowid
         where memory_text match ? and ${where.sql} and alive() order by score limit ${MAX_MATCHED}`,
        expression,
        ...where.values,
      );
  return rows.map((row) => toCandidate(row, -Number(row['score'])));
}

/** The rows at these places of threads, with score 0, as far as the filter lets them pass. */
export function rowsAt(cell: Cell, places: readonly { readonly thread: number | string; readonly place: number }[], { where }: Scope): Candidate[] {
  const sql = `select ${COLUMNS} from memories m where m.thread = ? and m.place = ? and ${where.sql}`;
  return places.flatMap(({ thread, place }) => {
    const row = cell.get(sql, thread, place, ...where.values);
    return row === undefined ? [] : [toCandidate(row, 0)];
  });
}

/** Nearest rows by cosine, by exact scan; score is the similarity, 0 for opposite and unrelated ones. */
export function nearestRows(cell: Cell, model: string, values: Float32Array, { where, all }: Scope): Candidate[] {
  const query = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const nearest = `vec_distance_cosine(v.vector, ?) as distance`;
  const rows = all
    ? cell.all(
        `select ${COLUMNS}, n.distance from
           (select v.memory, ${nearest} from vectors v not indexed where v.model = ? and v.dimension = ? and alive() order by distance limit ${MAX_NEAREST}) n
         cross join memories m on m.id = n.memory order by n.distance`,
        query,
        model,
        values.length,
      )
    : cell.all(
        `select ${COLUMNS}, ${nearest} from vectors v not indexed cross join memories m on m.id = v.memory
         where v.model = ? and v.dimension = ? and ${where.sql} and alive() order by distance limit ${MAX_NEAREST}`,
        query,
        model,
        values.length,
        ...where.values,
      );
  return rows.map((row) => toCandidate(row, similarity(row['distance'])));
}

/** A vector of zeros has no direction: SQLite gives null, which counts as unrelated. */
function similarity(distance: Row[string] | undefined): number {
  return distance == null ? 0 : Math.max(0, 1 - Number(distance));
}

function toCandidate(row: Row, score: number): Candidate {
  const { thread, place } = row;
  return {
    row: int(row, 'id'),
    thread: thread == null ? null : String(thread),
    place: place == null ? null : Number(place),
    score,
    occurredAt: int(row, 'occurred_at'),
  };
}
