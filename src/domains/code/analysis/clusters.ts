import type { FingerprintRows } from './fingerprints.ts';
import { GRAM, WINDOW } from './winnowing.ts';

/** One place of duplicated code. */
export interface ClonePlace {
  readonly file: number;
  readonly token: number;
  readonly line: number;
  readonly endLine: number;
}

/** The same run of tokens in two or more places. */
export interface CloneCluster {
  readonly tokens: number;
  /** In order of file and line. */
  readonly places: readonly ClonePlace[];
}

const NONE = -1;

/** Fingerprints as numbered groups: `group[row]` is the number, or -1 where the row stands alone. */
interface Groups {
  readonly group: Int32Array;
  /** Rows of each group. */
  readonly counts: Uint32Array;
}

/**
 * Equal fingerprints joined to the longest runs all whose places go on alike: as contigs are made of a de Bruijn graph. Two groups
 * are one run when each place of the first is followed by one of the second, without a gap, and the second has no others.
 * `visit` is called for each cluster. O(rows log rows), a few bytes a row.
 */
export function eachCluster(rows: FingerprintRows, visit: (cluster: CloneCluster) => void): { readonly duplicatedTokens: number } {
  const groups = groupsOf(rows);
  const after = neighbours(rows, groups, 1);
  const before = neighbours(rows, groups, -1);
  const next = after.map((target, own) => (target >= 0 && groups.counts[target] === groups.counts[own] ? target : NONE));
  const isHead = new Uint8Array(groups.counts.length).fill(1);
  for (const target of next) if (target !== NONE) isHead[target] = 0;
  for (const [head, at] of headPlaces(groups, isHead)) {
    const length = runLength(next, head);
    if (!isFringe(rows, groups, { before, after }, at[0] ?? 0, length)) visit(clusterOf(rows, at, length));
  }
  return { duplicatedTokens: coveredTokens(rows, groups) };
}

function groupsOf({ length, keys, files, tokens }: FingerprintRows): Groups {
  const known = repeated(keys.slice(0, length).sort());
  const group = new Int32Array(length).fill(NONE);
  const counts = new Uint32Array(known.length);
  const lastFile = new Int32Array(known.length).fill(NONE);
  const lastToken = new Uint32Array(known.length);
  for (let row = 0; row < length; row += 1) {
    const found = indexIn(known, keys[row] ?? 0);
    const [file = 0, token = 0] = [files[row], tokens[row]];
    // Data that repeats itself is no copy of what it overlaps.
    if (found === NONE || (lastFile[found] === file && token < (lastToken[found] ?? 0) + GRAM)) continue;
    lastFile[found] = file;
    lastToken[found] = token;
    group[row] = found;
    counts[found] = (counts[found] ?? 0) + 1;
  }
  for (let row = 0; row < length; row += 1) if (group[row] !== NONE && counts[group[row] ?? 0] === 1) group[row] = NONE;
  return { group, counts };
}

/** The values that occur more than once, in order. */
function repeated(sorted: Float64Array): Float64Array {
  return sorted.filter((key, at) => key === sorted[at + 1] && key !== sorted[at - 1]);
}

function indexIn(sorted: Float64Array, key: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < key) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === key ? low : NONE;
}

/** For each group the one that follows every place of it without a gap (`step` 1), or goes before (-1). */
function neighbours({ length, files, tokens }: FingerprintRows, { group, counts }: Groups, step: 1 | -1): Int32Array {
  const unset = -2;
  const found = new Int32Array(counts.length).fill(unset);
  for (let row = 0; row < length; row += 1) {
    const own = group[row] ?? NONE;
    if (own === NONE) continue;
    const beside = row + step;
    const other = group[beside] ?? NONE;
    const isBeside = files[beside] === files[row] && Math.abs((tokens[beside] ?? 0) - (tokens[row] ?? 0)) <= GRAM;
    const target = isBeside && beside >= 0 && beside < length && other !== own ? other : NONE;
    if (found[own] === unset) found[own] = target;
    else if (found[own] !== target) found[own] = NONE;
  }
  return found;
}

/**
 * At the ends of a copy the windows reach into what stands around it, which is not the same everywhere: some places keep a fingerprint
 * there that others do not. A run that goes on, in all its places, into a run of more places within a window is no cluster of its own.
 */
function isFringe(
  { tokens }: FingerprintRows,
  { group, counts }: Groups,
  { before, after }: { readonly before: Int32Array; readonly after: Int32Array },
  head: number,
  length: number,
): boolean {
  const tail = head + length - 1;
  const places = counts[group[head] ?? 0] ?? 0;
  const span = (from: number, to: number): number => (tokens[to] ?? 0) - (tokens[from] ?? 0);
  const following = after[group[tail] ?? 0] ?? NONE;
  if (following >= 0 && (counts[following] ?? 0) > places && span(head, tail + 1) < WINDOW) return true;
  const preceding = before[group[head] ?? 0] ?? NONE;
  return preceding >= 0 && (counts[preceding] ?? 0) > places && span(head - 1, tail) < WINDOW;
}

function headPlaces({ group, counts }: Groups, isHead: Uint8Array): Map<number, number[]> {
  const places = new Map<number, number[]>();
  for (const [row, own] of group.entries()) {
    if (own === NONE || isHead[own] !== 1 || (counts[own] ?? 0) < 2) continue;
    const rows = places.get(own) ?? [];
    places.set(own, rows);
    rows.push(row);
  }
  return places;
}

/** Fingerprints of the run that begins with a group. It ends: the last place in a file goes on with nothing. */
function runLength(next: Int32Array, head: number): number {
  let length = 1;
  for (let at = next[head] ?? NONE; at !== NONE; at = next[at] ?? NONE) length += 1;
  return length;
}

function clusterOf({ files, tokens, lines, endLines }: FingerprintRows, heads: readonly number[], length: number): CloneCluster {
  const places = heads.map((row) => ({
    file: files[row] ?? 0,
    token: tokens[row] ?? 0,
    line: lines[row] ?? 0,
    endLine: endLines[row + length - 1] ?? 0,
  }));
  const [first = 0] = heads;
  const run = (tokens[first + length - 1] ?? 0) - (tokens[first] ?? 0) + GRAM;
  return { tokens: run, places: places.sort((a, b) => a.file - b.file || a.token - b.token) };
}

/** Tokens that lie in any gram of a group, each once. */
function coveredTokens({ length, files, tokens }: FingerprintRows, { group }: Groups): number {
  let [covered, file, end] = [0, NONE, 0];
  for (let row = 0; row < length; row += 1) {
    if (group[row] === NONE) continue;
    if (files[row] !== file) [file, end] = [files[row] ?? 0, 0];
    const from = Math.max(end, tokens[row] ?? 0);
    end = Math.max(end, (tokens[row] ?? 0) + GRAM);
    covered += Math.max(0, end - from);
  }
  return covered;
}
