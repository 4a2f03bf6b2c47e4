import { fuseRanks } from '../../../domains/code/search/fuse-ranks.ts';
import type { NameStrength } from '../../../domains/code/search/words-query.ts';
import type { ChunkTable, IndexedFile, SegmentReader } from './generation-reader.ts';

/** What chunks of one segment have gathered, by chunk id. */
export interface ChunkScores {
  readonly segment: SegmentReader;
  readonly table: ChunkTable;
  readonly sum: Float32Array;
  /** How many of the needed terms were found. */
  readonly found: Uint8Array;
  readonly named: Map<number, NameStrength>;
}

export interface ChunkHit {
  readonly file: IndexedFile;
  readonly scores: ChunkScores;
  readonly id: number;
  readonly score: number;
  /** Of a chunk that is near in meaning. */
  readonly cosine?: number;
}

/** A file with its chunks, best first. */
export interface RankedFile {
  readonly chunks: readonly ChunkHit[];
  readonly score: number;
}

/** What a file in which the query names a definition has ahead of all others, when ranks by words and by meaning are put together. */
const NAMED_LEAD = 1;

/** Files in the order of their best chunks. */
export function byFile(chunks: readonly ChunkHit[]): readonly RankedFile[] {
  const groups = Map.groupBy(chunks, ({ file }) => file.index).values();
  return Array.from(groups, (group) => ({ chunks: group, score: group[0]?.score ?? 0 }));
}

/** Both rankings as one, by ranks. Of a file that is in both, what is near is shown second. */
export function fuse(byWords: readonly RankedFile[], byMeaning: readonly RankedFile[]): readonly RankedFile[] {
  const indexOf = ({ chunks }: RankedFile): number => chunks[0]?.file.index ?? -1;
  const near = new Map(byMeaning.map((file) => [indexOf(file), file]));
  const both = byWords.map((file) => withNear(file, near.get(indexOf(file))));
  const known = new Map(both.map((file) => [indexOf(file), file]));
  const ranked = fuseRanks([both, byMeaning.map((file) => known.get(indexOf(file)) ?? file)]);
  const isNamed = ({ chunks }: RankedFile): boolean => chunks.some(({ scores, id }) => scores.named.get(id) === 'symbol');
  return ranked
    .map(({ item, score }) => ({ chunks: item.chunks, score: score + (isNamed(item) ? NAMED_LEAD : 0) }))
    .toSorted((a, b) => b.score - a.score);
}

function withNear({ chunks: [best, ...others], score }: RankedFile, near: RankedFile | undefined): RankedFile {
  const nearest = near?.chunks[0];
  if (best === undefined || nearest?.cosine === undefined) return { chunks: best === undefined ? [] : [best, ...others], score };
  const isSame = (chunk: ChunkHit): boolean => chunk.id === nearest.id && chunk.scores === nearest.scores;
  if (isSame(best)) return { chunks: [{ ...best, cosine: nearest.cosine }, ...others], score };
  return { chunks: [best, { ...nearest, score }, ...others.filter((chunk) => !isSame(chunk))], score };
}
