/**
 * Lists of several repositories as one, each in its own order, never by score: scores of different corpora cannot be compared. Next comes
 * the first of a list that is of the highest tier, of equals the one with the smaller rank, then in the order of the lists.
 */
export function mergeByRank<T>(lists: readonly (readonly T[])[], tierOf: (item: T) => number, limit = Infinity): T[] {
  const taken = lists.map(() => 0);
  const merged: T[] = [];
  while (merged.length < limit) {
    let best: { readonly at: number; readonly item: T; readonly tier: number; readonly rank: number } | undefined;
    for (const [at, list] of lists.entries()) {
      const rank = taken[at] ?? 0;
      const item = list[rank];
      if (item === undefined) continue;
      const tier = tierOf(item);
      if (best === undefined || tier > best.tier || (tier === best.tier && rank < best.rank)) best = { at, item, tier, rank };
    }
    if (best === undefined) return merged;
    taken[best.at] = best.rank + 1;
    merged.push(best.item);
  }
  return merged;
}
