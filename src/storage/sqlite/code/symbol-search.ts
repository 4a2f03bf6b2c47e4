import type { Definition, SymbolHits, SymbolQuery } from '../../../domains/code/search/code-index.ts';
import { nameDistance } from '../../../domains/code/search/fuzzy-name.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import { TopList } from '../../../domains/code/search/top-list.ts';
import type { IndexedFile, SegmentReader } from './generation-reader.ts';
import { findReferences } from './reference-search.ts';
import { textOf } from './open-immutable.ts';
import { fileFactor, type SearchWork } from './search-work.ts';
import { SYMBOL_COLUMNS, type SymbolRow, symbolRow } from './symbol-rows.ts';

/** Rows of one name that are looked at: `main` or `toString` may have thousands. */
const MAX_ROWS = 2_000;
/** Different names that are compared with a misspelt one, per segment. */
const MAX_NAMES = 500_000;
const NEAREST_NAMES = 50;
const SLICE = 5_000;

/** A definition that was found, with what orders it. */
interface Found {
  readonly row: SymbolRow;
  readonly file: IndexedFile;
  readonly match: Definition['match'];
  /** Less is better. */
  readonly distance: number;
}

/** Definitions by name: as written, in any case, by how they begin, or by a name like it; then, if asked for, where it is used. */
export function searchSymbols(work: SearchWork, query: SymbolQuery): SymbolHits {
  const name = query.name.toWellFormed();
  const { found, stopped } = findDefinitions(work, { ...query, name });
  const ordered = found.toSorted(byNearness);
  const definitions = ordered.slice(0, query.limit).map(definition);
  const best = ordered[0]?.row.name ?? name;
  const uses = query.references ? findReferences(work, query, best) : undefined;
  const isStopped = stopped || uses?.stopped === true;
  return {
    definitions,
    more: ordered.length > query.limit,
    ...(uses !== undefined && { references: uses.files, moreReferences: uses.more }),
    ...(isStopped && { stopped: 'time' }),
  };
}

interface FoundDefinitions {
  readonly found: readonly Found[];
  readonly stopped: boolean;
}

function findDefinitions(work: SearchWork, query: SymbolQuery): FoundDefinitions {
  const ways = query.match === 'auto' ? (['exact', 'prefix', 'fuzzy'] as const) : [query.match];
  let last: FoundDefinitions = { found: [], stopped: false };
  for (const way of ways) {
    last = way === 'fuzzy' ? nearNames(work, query) : { found: byKey(work, query, way), stopped: false };
    if (last.found.length > 0) return last;
  }
  return last;
}

function byKey(work: SearchWork, query: SymbolQuery, way: 'exact' | 'prefix'): readonly Found[] {
  const key = query.name.toLowerCase();
  const where = way === 'exact' ? 'name_key = ?' : 'name_key >= ? and name_key < ?';
  const values = way === 'exact' ? [key] : [key, `${key}\u{10ffff}`];
  return work.reader.segments.flatMap((segment) => {
    work.alive();
    const sql = `select ${SYMBOL_COLUMNS} from symbol where ${where} order by name_key, id limit ${MAX_ROWS}`;
    const rows = segment.symbols?.all(sql, ...values) ?? [];
    return rows.map(symbolRow).flatMap((row) => foundAs(work, query, segment, row, nearness(query.name, row.name)));
  });
}

function nearness(asked: string, name: string): Pick<Found, 'match' | 'distance'> {
  if (name === asked) return { match: 'exact', distance: 0 };
  if (name.toLowerCase() === asked.toLowerCase()) return { match: 'case', distance: 1 };
  return { match: 'prefix', distance: 2 + (name.length - asked.length) / 100 };
}

function nearNames(work: SearchWork, query: SymbolQuery): FoundDefinitions {
  const nearest = new TopList<{ readonly segment: SegmentReader; readonly key: string; readonly distance: number }>(NEAREST_NAMES);
  let stopped = false;
  for (const segment of work.reader.segments) {
    for (const { key, distance } of likeNames(work, segment, query.name.toLowerCase())) {
      nearest.offer(-distance, segment.index, { segment, key, distance });
    }
    stopped ||= work.spent();
  }
  const found = nearest.sorted().flatMap(({ value: { segment, key, distance } }) => {
    work.alive();
    const rows = segment.symbols?.all(`select ${SYMBOL_COLUMNS} from symbol where name_key = ? order by id limit ${MAX_ROWS}`, key) ?? [];
    return rows.flatMap((row) => foundAs(work, query, segment, symbolRow(row), { match: 'fuzzy', distance: 10 + distance }));
  });
  return { found, stopped };
}

/** Names that begin with the same character and are near: the first letter is hardly ever wrong, and it leaves few to compare. */
function* likeNames(
  { alive, spent }: SearchWork,
  { symbols }: SegmentReader,
  asked: string,
): Generator<{ readonly key: string; readonly distance: number }> {
  const first = String.fromCodePoint(asked.codePointAt(0) ?? 0);
  const sql = `select distinct name_key from symbol where name_key > ? and name_key < ? order by name_key limit ${SLICE}`;
  let after = first;
  for (let seen = 0; seen < MAX_NAMES && !spent(); seen += SLICE) {
    alive();
    const keys = symbols?.all(sql, after, `${first}\u{10ffff}`) ?? [];
    for (const [value] of keys) {
      const key = textOf(value);
      const distance = nameDistance(asked, key);
      if (distance !== undefined) yield { key, distance };
    }
    if (keys.length < SLICE) return;
    after = textOf(keys.at(-1)?.[0]);
  }
}

/** The definition, if its file is live and it meets the conditions. */
function foundAs(
  { reader, alive }: SearchWork,
  { kinds, filter }: SymbolQuery,
  segment: SegmentReader,
  row: SymbolRow,
  rating: Pick<Found, 'match' | 'distance'>,
): readonly Found[] {
  const index = segment.fileOf[row.local] ?? -1;
  const file = index < 0 || reader.allowed(filter, alive)?.[index] === 0 ? undefined : reader.file(index);
  if (file === undefined || (kinds !== undefined && !kinds.some((kind) => kind === row.kind))) return [];
  return [{ row, file, ...rating }];
}

function byNearness(a: Found, b: Found): number {
  return (
    a.distance - b.distance ||
    fileFactor(b.file.flags) - fileFactor(a.file.flags) ||
    Number(isMinor(a)) - Number(isMinor(b)) ||
    a.file.index - b.file.index ||
    a.row.line - b.row.line
  );
}

/** Variables, fields and keys stand behind what has a body. */
function isMinor({ row: { kind } }: Found): boolean {
  return ['variable', 'field', 'key', 'selector', 'heading'].includes(kind);
}

function definition({ row, file, match }: Found): Definition {
  const { name, kind, container, signature, line, endLine } = row;
  return { name, kind, container, signature, path: plainLine(file.path), language: file.language, line, endLine, match };
}
