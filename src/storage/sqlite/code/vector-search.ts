import type { CodeHits, QueryVector } from '../../../domains/code/search/code-index.ts';
import { TopList } from '../../../domains/code/search/top-list.ts';
import { sqliteFamily } from '../threads/translate-error.ts';
import { cosine, unitVector } from './packed-vector.ts';
import type { SearchWork } from './search-work.ts';
import { VectorFile } from './vector-file.ts';

/** Chunks that are taken as near. */
const NEAR = 50;
/** Vectors compared between two looks at the clock. */
const STEP = 256;

/** A chunk by its segment's place and its id there. */
interface NearChunk {
  readonly segment: number;
  readonly id: number;
  readonly cosine: number;
}

export interface NearChunks {
  /** Nearest first. */
  readonly chunks: readonly NearChunk[];
  readonly vectors: NonNullable<CodeHits['vectors']>;
}

/**
 * The chunks nearest to a vector, by comparing it with each. `weigh` says what a chunk's cosine counts: 0 leaves it out. Undefined where
 * there are no vectors of the model, or none that can be read now.
 */
export function nearestChunks(work: SearchWork, vector: QueryVector, weigh: (segment: number, id: number) => number): NearChunks | undefined {
  if (work.vectors === undefined) return undefined;
  using file = VectorFile.read(work.vectors, vector.model);
  if (file === undefined) return undefined;
  try {
    return scan(work, file, unitVector(vector.values), weigh);
  } catch (error) {
    // Locked or damaged: the words alone are answer enough, and the next filling looks after the file.
    if (sqliteFamily(error) === undefined) throw error;
    return undefined;
  }
}

function scan(work: SearchWork, file: VectorFile, unit: Float32Array, weigh: (segment: number, id: number) => number): NearChunks | undefined {
  const { reader, alive, spent } = work;
  const { tables, corpus } = reader.chunks(alive);
  const top = new TopList<NearChunk>(NEAR);
  let compared = 0;
  let steps = 0;
  let isCut = false;
  for (const { index, name } of reader.segments) {
    const fileOf = tables[index]?.file ?? new Int32Array(0);
    for (const { chunk: id, ...packed } of file.each(name)) {
      if ((steps += 1) % STEP === 0) {
        alive();
        if ((isCut = spent())) break;
      }
      const near = (fileOf[id] ?? -1) < 0 ? undefined : cosine(unit, packed);
      if (near === undefined) continue;
      compared += 1;
      const score = near * weigh(index, id);
      if (score > 0 && top.admits(score)) top.offer(score, (fileOf[id] ?? 0) * 1e6 + (id % 1e6), { segment: index, id, cosine: near });
    }
    if (isCut) break;
  }
  if (compared === 0) return undefined;
  return { chunks: top.sorted().map(({ value }) => value), vectors: compared < corpus.chunks ? 'some' : 'all' };
}
