import {
  favourDates,
  fuseByRank,
  lendScores,
  missingNeighbours,
  orderRanked,
  recencyBoost,
  relativeScores,
  DEFAULT_LENDING,
  type RankedHit,
} from '../../../domains/memory/ranking.ts';
import type { SearchAnswer, SearchHit, SearchRequest } from '../../../domains/memory/store.ts';
import { queryTerms } from '../../../domains/memory/text/tokenise.ts';
import type { Cell } from './cell.ts';
import { int, MEMORY_COLUMNS, toStoredMemory } from './memory-row.ts';
import { bestMatchedRows, hasThreads, matchedRows, nearestRows, rowsAt, scopeOf, type Candidate, type Scope } from './search-candidates.ts';
import { pendingCount, searchableModel, targetModel } from './vectors.ts';

/** Age at which the time part of a score has halved: 30 days. */
const RECENCY_HALF_LIFE_MS = 30 * 24 * 60 * 60 * 1000;

export interface SearchArgs {
  readonly now: number;
  readonly request: SearchRequest;
}

interface Scored {
  readonly row: number;
  readonly occurredAt: number;
  readonly score: number;
  /** Made for the winners only. */
  readonly why: () => SearchHit['why'];
}

/**
 * Ranked search of one space: words, what stands around them in a thread, and vectors when the request's are of the space's
 * searchable model and length. Filters hold for every row that takes part. A query without any word finds nothing by words.
 */
export function search(cell: Cell, { now, request }: SearchArgs): SearchAnswer {
  const scope = scopeOf(cell, request.filter, now);
  const lexical = lexicalList(cell, request, scope, now);
  const nearest = vectorList(cell, request, scope, now);
  // Best first, so a threshold on the score and the cut may come in any order.
  const ordered = orderRanked(nearest === undefined ? lexical : fuse(lexical, nearest)).slice(0, request.limit);
  const scores = relativeScores(ordered.map(({ score }) => score));
  return {
    mode: nearest === undefined ? 'lexical' : 'hybrid',
    hits: load(cell, ordered, scores, request.minScore ?? 0),
    pendingVectors: pendingCount(cell, targetModel(cell), now),
  };
}

function lexicalList(cell: Cell, request: SearchRequest, scope: Scope, now: number): Scored[] {
  const terms = queryTerms(request.query);
  if (terms.length === 0) return [];
  const matched = favourDates(matchedFor(cell, request, terms, scope), request.spans ?? []);
  if (request.spans !== undefined) matched.sort((a, b) => b.score - a.score);
  const candidates = [...matched, ...rowsAt(cell, missingNeighbours(matched), scope)];
  const occurredAt = new Map(candidates.map((candidate) => [candidate.row, candidate.occurredAt]));
  const ranked = lendScores(candidates);
  const best = ranked[0]?.score ?? 1;
  return ranked.map((hit) =>
    withRecency({ row: hit.row, occurredAt: occurredAt.get(hit.row) ?? 0, score: hit.score, why: () => reasons(hit, best) }, request, now),
  );
}

/** All that may rank; where words alone decide, no more than can be among the answers. */
function matchedFor(cell: Cell, request: SearchRequest, terms: readonly string[], scope: Scope): Candidate[] {
  const { vector, spans = [], recencyWeight = 0, limit } = request;
  const byWordsAlone = vector === undefined && spans.length === 0 && recencyWeight <= 0 && !hasThreads(cell);
  return byWordsAlone ? bestMatchedRows(cell, terms, scope, limit) : matchedRows(cell, terms, scope);
}

/** A row's own words with the share it would get as a thread of one, and what the rest of its thread added; of the best score. */
function reasons({ score, parts }: RankedHit, best: number): SearchHit['why'] {
  const own = parts.lexical * (1 + DEFAULT_LENDING.thread);
  const lent = score - own;
  return { ...(own > 0 ? { lexical: own / best } : {}), ...(lent > own * 1e-9 ? { neighbour: lent / best } : {}) };
}

function vectorList(cell: Cell, { vector, ...request }: SearchRequest, scope: Scope, now: number): Scored[] | undefined {
  const searchable = vector === undefined ? undefined : searchableModel(cell);
  if (vector === undefined || searchable?.model !== vector.model || searchable.dimension !== vector.values.length) return undefined;
  return nearestRows(cell, vector.model, vector.values, scope).map(({ row, occurredAt, score }) =>
    withRecency({ row, occurredAt, score, why: () => ({ vector: score }) }, request, now),
  );
}

function withRecency(hit: Scored, { recencyWeight = 0 }: Pick<SearchRequest, 'recencyWeight'>, now: number): Scored {
  if (recencyWeight <= 0) return hit;
  const score = recencyBoost(hit.score, hit.occurredAt, now, recencyWeight, RECENCY_HALF_LIFE_MS);
  return { ...hit, score, why: () => ({ ...hit.why(), recency: score > 0 ? 1 - hit.score / score : 0 }) };
}

function fuse(lexical: readonly Scored[], nearest: readonly Scored[]): Scored[] {
  const lists = [orderRanked(lexical), orderRanked(nearest)] as const;
  const byRow = new Map<number, Scored>();
  for (const hit of lists.flat()) {
    const other = byRow.get(hit.row);
    byRow.set(hit.row, other === undefined ? hit : { ...hit, why: () => ({ ...other.why(), ...hit.why() }) });
  }
  return fuseByRank(lists.map((list) => list.map(({ row }) => row))).flatMap(({ key, score }) => {
    const hit = byRow.get(key);
    return hit === undefined ? [] : [{ ...hit, score }];
  });
}

/** The memories of the winners, in one statement: one each would be a tenth of a search. */
function load(cell: Cell, ordered: readonly Scored[], scores: readonly number[], minScore: number): SearchHit[] {
  const ids = JSON.stringify(ordered.map(({ row }) => row));
  const rows = cell.all(`select ${MEMORY_COLUMNS} from memories m where m.id in (select value from json_each(?))`, ids);
  const found = new Map(rows.map((row) => [int(row, 'id'), row]));
  return ordered.flatMap(({ row, why }, index) => {
    const stored = found.get(row);
    const score = scores[index] ?? 0;
    return stored === undefined || score < minScore ? [] : [{ memory: toStoredMemory(stored), score, why: why() }];
  });
}
