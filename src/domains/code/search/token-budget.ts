/** Source code has about this many characters a token. */
const CHARACTERS_PER_TOKEN = 3.2;

/** About how many tokens a value is for a model, as JSON. */
export function estimateTokens(value: unknown): number {
  return Math.ceil(JSON.stringify(value).length / CHARACTERS_PER_TOKEN);
}

/**
 * As many results from the front as fit; of the first one, when it alone is too much, what `shrink` leaves. So a page has at least one
 * result.
 */
export function fitTokens<T>(results: readonly T[], maxTokens: number, shrink: (result: T) => T): T[] {
  const fitting: T[] = [];
  let used = 0;
  for (const result of results) {
    const tokens = estimateTokens(result);
    if (used + tokens > maxTokens) {
      if (fitting.length === 0) fitting.push(shrink(result));
      break;
    }
    used += tokens;
    fitting.push(result);
  }
  return fitting;
}
