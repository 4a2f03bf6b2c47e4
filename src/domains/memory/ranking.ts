/**
 * Ranking as pure arithmetic over what the store found. The order of use: {@link favourDates} (when the question names a
 * date), {@link lendScores}, {@link recencyBoost} (when asked for), {@link fuseByRank} with the vector list (when there is
 * one), {@link orderRanked}, {@link relativeScores} for `minScore`, and {@link mergeByRank} over several spaces.
 */

/** One candidate of the full-text search, or (score 0) a neighbour of one that holds none of the words. */
export interface LexicalHit {
  /** The store's row number. */
  readonly row: number;
  /** The thread the memory belongs to; without one it lends and borrows nothing. */
  readonly thread?: number | string | null;
  /** Place in the thread; neighbours are those whose places differ by 1 or 2. */
  readonly place?: number | null;
  /** BM25 negated, so that more is better; 0 for a row that was not matched. */
  readonly score: number;
}

/** Where a combined score comes from; the three add up to it. */
export interface ScoreParts {
  readonly lexical: number;
  readonly neighbour: number;
  readonly thread: number;
}

export interface RankedHit {
  readonly row: number;
  readonly score: number;
  readonly parts: ScoreParts;
  /** `neighbour`: the row holds none of the words, what stands around it does. */
  readonly reason: 'lexical' | 'neighbour';
}

export interface LendingOptions {
  /** Share of a row's score lent to the rows after it, nearest first. */
  readonly earlier: readonly number[];
  /** Share of a row's score lent to the rows before it, nearest first. */
  readonly later: readonly number[];
  /** Share of the best score in the thread that every row of the thread gets. */
  readonly thread: number;
}

/**
 * Rounded from the middle of a wide plateau: on dialogues, recall at 10 moved by less than two points when all neighbour
 * shares were halved or doubled. What was said before a turn is its context more often than what follows, so the
 * earlier side lends more.
 */
export const DEFAULT_LENDING: LendingOptions = { earlier: [0.5, 0.4], later: [0.3, 0.3], thread: 0.5 };

/** How far apart two places may be for their rows to be neighbours. */
const NEIGHBOUR_REACH = 2;

/**
 * Combined scores, best first (ties in the order given). Each row keeps its own score, gets shares of its neighbours' scores
 * and a share of the best score in its thread; a row without a thread counts as a thread of one. Of one
 * `(thread, place)` the first row counts. Rows that neither match nor neighbour a match are left out. n log n in the
 * number of hits; meant for at most 1,000 candidates and the neighbours of the best.
 */
export function lendScores(hits: readonly LexicalHit[], options: LendingOptions = DEFAULT_LENDING): RankedHit[] {
  const threads = groupByThread(hits);
  const ranked: RankedHit[] = [];
  for (const hit of hits) {
    const thread = isSet(hit.thread) ? threads.get(hit.thread) : undefined;
    const neighbour = thread !== undefined && isSet(hit.place) ? borrowed(thread.scores, hit.place, options) : 0;
    if (hit.score <= 0 && neighbour <= 0) continue;
    const lexical = Math.max(0, hit.score);
    const parts = { lexical, neighbour, thread: options.thread * (thread?.best ?? lexical) };
    ranked.push({ row: hit.row, score: lexical + neighbour + parts.thread, parts, reason: lexical > 0 ? 'lexical' : 'neighbour' });
  }
  return ranked.toSorted((a, b) => b.score - a.score);
}

/** Rows from SQL say null where records say undefined. */
function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

interface ThreadScores {
  best: number;
  readonly scores: Map<number, number>;
}

function groupByThread(hits: readonly LexicalHit[]): Map<number | string, ThreadScores> {
  const threads = new Map<number | string, ThreadScores>();
  for (const { thread, place, score } of hits) {
    if (!isSet(thread) || score <= 0) continue;
    let group = threads.get(thread);
    if (group === undefined) threads.set(thread, (group = { best: 0, scores: new Map() }));
    group.best = Math.max(group.best, score);
    if (isSet(place) && !group.scores.has(place)) group.scores.set(place, score);
  }
  return threads;
}

function borrowed(scores: ReadonlyMap<number, number>, place: number, options: LendingOptions): number {
  let sum = 0;
  for (const [index, share] of options.earlier.entries()) sum += share * (scores.get(place - index - 1) ?? 0);
  for (const [index, share] of options.later.entries()) sum += share * (scores.get(place + index + 1) ?? 0);
  return sum;
}

/**
 * The `(thread, place)` pairs around the best `top` hits that are not among the hits: what the store should look up (under
 * the same filters) and add with score 0 before {@link lendScores}. `hits` best first. At most 4 × `top` pairs, no repeats.
 */
export function missingNeighbours(hits: readonly LexicalHit[], top = 20): { thread: number | string; place: number }[] {
  const places = new Map<number | string, Set<number>>();
  for (const { thread, place } of hits) {
    if (!isSet(thread) || !isSet(place)) continue;
    const known = places.get(thread);
    if (known === undefined) places.set(thread, new Set([place]));
    else known.add(place);
  }
  const missing: { thread: number | string; place: number }[] = [];
  for (const { thread, place } of hits.slice(0, top)) {
    if (!isSet(thread) || !isSet(place)) continue;
    const known = places.get(thread);
    for (let at = place - NEIGHBOUR_REACH; at <= place + NEIGHBOUR_REACH; at += 1) {
      if (known === undefined || known.has(at)) continue;
      known.add(at);
      missing.push({ thread, place: at });
    }
  }
  return missing;
}

/** A span of time in UTC milliseconds, both ends included. */
export interface Span {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * Adds `share` of the best score to each hit whose memory happened within a span that the question names ("on 3 May
 * 2023"). It lifts, never filters: the words still decide, and a memory about that day written later stays findable.
 */
export function favourDates<T extends { readonly score: number; readonly occurredAt: number }>(
  hits: readonly T[],
  spans: readonly Span[],
  share = 0.2,
): T[] {
  if (spans.length === 0) return [...hits];
  const lift = share * hits.reduce((best, hit) => Math.max(best, hit.score), 0);
  const within = (at: number) => spans.some((span) => at >= span.sinceMs && at <= span.untilMs);
  return hits.map((hit) => (hit.score > 0 && within(hit.occurredAt) ? { ...hit, score: hit.score + lift } : hit));
}

/**
 * `score × (1 + weight × 2^(−age / halfLifeMs))`: a memory of now gains `weight` of its score, one a half-life old half of
 * that. Times in UTC milliseconds; the future counts as now. Weight 0 changes nothing.
 */
export function recencyBoost(score: number, occurredAt: number, now: number, weight: number, halfLifeMs: number): number {
  if (weight <= 0 || halfLifeMs <= 0) return score;
  return score * (1 + weight * 2 ** (-Math.max(0, now - occurredAt) / halfLifeMs));
}

export interface Fused<K> {
  readonly key: K;
  readonly score: number;
  /** Place in each list, counted from 1; undefined where the list does not hold the key. */
  readonly ranks: readonly (number | undefined)[];
}

/**
 * Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): a key's score is the sum over the lists of
 * `1 / (k + rank)`. Best first, ties in order of first appearance. A repeat within a list counts once, at its best rank.
 */
export function fuseByRank<K extends number | string>(lists: readonly (readonly K[])[], k = 60): Fused<K>[] {
  const ranksByKey = new Map<K, (number | undefined)[]>();
  for (const [listIndex, list] of lists.entries()) {
    for (const [index, key] of list.entries()) {
      let ranks = ranksByKey.get(key);
      if (ranks === undefined) ranksByKey.set(key, (ranks = Array.from(lists, () => undefined)));
      ranks[listIndex] ??= index + 1;
    }
  }
  const fused = Array.from(ranksByKey, ([key, ranks]) => ({ key, ranks, score: ranks.reduce<number>((sum, rank) => sum + reciprocal(rank, k), 0) }));
  return fused.toSorted((a, b) => b.score - a.score);
}

function reciprocal(rank: number | undefined, k: number): number {
  return rank === undefined ? 0 : 1 / (k + rank);
}

/**
 * One list out of several spaces' lists, each best first: all first places, then all second places, and so on, the
 * newest first within a place. Scores of different spaces rest on different statistics and are never compared.
 */
export function mergeByRank<T extends { readonly occurredAt: number }>(lists: readonly (readonly T[])[], limit = Infinity): T[] {
  const merged: T[] = [];
  const longest = Math.max(0, ...lists.map((list) => list.length));
  for (let rank = 0; rank < longest && merged.length < limit; rank += 1) {
    const row = lists.flatMap((list) => list.slice(rank, rank + 1));
    merged.push(...row.toSorted((a, b) => b.occurredAt - a.occurredAt));
  }
  return merged.slice(0, limit === Infinity ? undefined : limit);
}

/** The final order: best score first, newest first among equals, then by row so that it is always the same. A new array. */
export function orderRanked<T extends { readonly score: number; readonly occurredAt: number; readonly row: number }>(hits: readonly T[]): T[] {
  return hits.toSorted((a, b) => b.score - a.score || b.occurredAt - a.occurredAt || b.row - a.row);
}

/**
 * Scores as shares of the best one, in the order given: 1 for the best, above 0 for all that were found. This is what
 * callers see as `score` and what `minScore` compares: "at least half as good as the best match here". It says nothing about how
 * good the best is. It is taken before the cut and over one space, so neither limit nor page changes it.
 */
export function relativeScores(scores: readonly number[]): number[] {
  const best = scores.reduce((most, score) => Math.max(most, score), 0);
  return scores.map((score) => (best > 0 ? Math.max(0, score) / best : 0));
}
