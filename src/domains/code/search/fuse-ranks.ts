/** Damps how much more the first ranks count: the value of Cormack, Clarke and Büttcher (2009). */
const DAMPING = 60;

/** Reciprocal rank fusion: what each item of some rankings of the same things counts, best first. Scores of the rankings need not be comparable. */
export function fuseRanks<T>(rankings: readonly (readonly T[])[]): { readonly item: T; readonly score: number }[] {
  const scores = new Map<T, number>();
  for (const ranking of rankings) for (const [at, item] of ranking.entries()) scores.set(item, (scores.get(item) ?? 0) + 1 / (DAMPING + 1 + at));
  return [...scores].map(([item, score]) => ({ item, score })).toSorted((a, b) => b.score - a.score);
}
