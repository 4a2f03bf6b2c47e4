import { type CloneCluster, eachCluster } from './clusters.ts';
import { Fingerprints } from './fingerprints.ts';
import type { AnalysedFile, AnalysedGeneration } from './generation.ts';
import type { Pace } from './pace.ts';
import type { Findings } from './result.ts';
import { hasTokens, Tokens } from './tokens.ts';
import { Ranking } from './top-lists.ts';
import { GRAM, winnow } from './winnowing.ts';

const LISTED = 50;
const PLACES = 20;
const VARIED = 12;
/** Brings what differs in a hash into its upper bits (Fibonacci hashing). */
const SPREAD = 0x9e3779b1;

/** Code that people wrote here. */
export function isCompared({ language, generated, minified, vendored }: AnalysedFile): boolean {
  return hasTokens(language) && !generated && !minified && !vendored;
}

/**
 * Runs of at least 50 equal tokens in two or more places; from 69 tokens on none is missed while there is room for all fingerprints.
 * Runs of few different tokens are data, and left out.
 */
export async function findDuplicates(generation: AnalysedGeneration, pace: Pace, maxBytes: number): Promise<Findings<'duplicates'>> {
  const { files } = generation;
  const kept = new Fingerprints(maxBytes);
  const buffer = new Tokens();
  const counts = { files: 0, tokens: 0 };
  const wanted = (file: number): boolean => isCompared(files[file] ?? NOTHING);
  await pace.each(
    generation.contents(wanted),
    ({ file, bytes }) => {
      buffer.read(bytes, files[file]?.language ?? '');
      const { lines, hashes } = buffer;
      const add = (key: number, at: number): void => {
        if (isVaried(hashes, at)) kept.add(key, file, at, lines[at] ?? 0, lines[at + GRAM - 1] ?? 0);
      };
      winnow(hashes, buffer.length, { add });
      counts.files += 1;
      counts.tokens += buffer.length;
      return 1;
    },
    true,
  );
  const top = new Ranking<CloneCluster>(LISTED);
  let clusterCount = 0;
  const { duplicatedTokens } = eachCluster(kept, (cluster) => {
    clusterCount += 1;
    const [first] = cluster.places;
    top.offer(cluster.tokens * (cluster.places.length - 1), (first?.file ?? 0) * 2 ** 21 + (first?.token ?? 0), () => cluster);
  });
  if (kept.length < kept.seen) pace.noteMemory(kept.length, kept.seen, 'fingerprints');
  const ratio = counts.tokens === 0 ? 0 : Math.round((duplicatedTokens / counts.tokens) * 10_000) / 10_000;
  const clusters = top.values().map((cluster) => view(files, cluster));
  return { ...counts, duplicatedTokens, ratio, clusterCount, clusters };
}

/** Has a gram at least a dozen different tokens, or nearly? Each sets one of 64 bits. */
function isVaried(hashes: Uint32Array, at: number): boolean {
  let [low, high, bits] = [0, 0, 0];
  for (let token = at; token < at + GRAM; token += 1) {
    const hash = Math.imul(hashes[token] ?? 0, SPREAD) >>> 26;
    const bit = 1 << (hash & 31);
    const word = (hash & 32) === 0 ? low : high;
    if ((word & bit) !== 0) continue;
    if (++bits >= VARIED) return true;
    if ((hash & 32) === 0) low |= bit;
    else high |= bit;
  }
  return false;
}

const NOTHING: AnalysedFile = {
  path: '',
  language: '',
  bytes: 0,
  lines: 0,
  symbols: 0,
  generated: false,
  test: false,
  minified: false,
  vendored: false,
};

function view(files: readonly AnalysedFile[], { tokens, places }: CloneCluster): Findings<'duplicates'>['clusters'][number] {
  const [first] = places;
  return {
    tokens,
    lines: first === undefined ? 0 : first.endLine - first.line + 1,
    places: places.slice(0, PLACES).map(({ file, line, endLine }) => ({ path: files[file]?.path ?? '', line, endLine })),
    morePlaces: Math.max(0, places.length - PLACES),
  };
}
