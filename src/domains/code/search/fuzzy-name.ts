/** Longest name that is compared letter by letter. */
const MAX_LENGTH = 80;

/**
 * How far a name is from what was asked, both in lower case; smaller is nearer, undefined is too far. Up to one typing error in three
 * letters (at most 3; a swap of neighbours is one), or all letters of the question in their order, beginning at the first.
 */
export function nameDistance(asked: string, name: string): number | undefined {
  if (asked.length > MAX_LENGTH || name.length > MAX_LENGTH) return undefined;
  const most = Math.min(3, Math.floor(asked.length / 3));
  if (Math.abs(asked.length - name.length) <= most) {
    const edits = editDistance(asked, name, most);
    if (edits !== undefined) return edits;
  }
  return asked.length >= 3 && isSubsequence(asked, name) ? 4 + (name.length - asked.length) / 100 : undefined;
}

function isSubsequence(asked: string, name: string): boolean {
  let at = 0;
  for (let index = 0; index < name.length && at < asked.length; index += 1) if (name[index] === asked[at]) at += 1;
  return at === asked.length && asked[0] === name[0];
}

/** Damerau–Levenshtein with adjacent swaps (optimal string alignment); undefined above `most`. */
function editDistance(a: string, b: string, most: number): number | undefined {
  let twoBack: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min((before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (before[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) value = Math.min(value, (twoBack[j - 2] ?? 0) + 1);
      row.push(value);
      least = Math.min(least, value);
    }
    if (least > most) return undefined;
    [twoBack, before] = [before, row];
  }
  const distance = before[b.length] ?? Infinity;
  return distance <= most ? distance : undefined;
}
