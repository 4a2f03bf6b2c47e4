/** Edits between two short texts: Damerau–Levenshtein, optimal string alignment; O(a × b). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** Longest word worth comparing; anything longer is no slip of the finger. */
const MAX_LENGTH = 64;

/** The choice closest to a mistyped word, if one is close enough to be meant. */
export function nearest(word: string, choices: readonly string[]): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const scored = choices.map((choice) => ({ choice, distance: choice.startsWith(word) && word.length > 1 ? 1 : editDistance(word, choice) }));
  const best = scored.toSorted((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.replace(/^-+/, '').length / 3)) ? best.choice : undefined;
}
