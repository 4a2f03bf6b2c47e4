import { hash } from 'node:crypto';
import type { ChunkPlace, ChunkText, FillVectors, VectorsFilled } from '../../../domains/code/search/code-index.ts';
import { lineCount, lineSpan } from '../../../domains/code/search/lines.ts';
import type { ChunkTable, SegmentReader } from './generation-reader.ts';
import { packVector } from './packed-vector.ts';
import type { SearchWork } from './search-work.ts';
import { VectorFile } from './vector-file.ts';

/** Chunks of which is asked at once whether they have a vector. */
const WINDOW = 1_024;
const HASH_BYTES = 16;
/** UTF-16 units of a chunk that are embedded. */
const MAX_TEXT = 8_000;

/** A text that waits for its vector, or (`known`) has one already. */
interface Found {
  readonly hash: Uint8Array;
  readonly text: string;
  readonly known?: number;
  readonly places: ChunkPlace[];
}

/** Keeps what was made and looks on for what lacks a vector, as {@link VectorIndex.fillVectors} says. */
export function fillVectors(work: SearchWork, query: FillVectors): VectorsFilled {
  const { reader, alive, vectors } = work;
  if (vectors === undefined) throw new RangeError('vectors were asked for without a file');
  const { tables, corpus } = reader.chunks(alive);
  using file = VectorFile.write(vectors, query.model);
  if (query.after === undefined) file.commit(() => unplaceDead(work, file, tables));
  file.commit(() => {
    for (const { hash: of, values, places } of query.made) placeAll(reader.segments, file, file.add(of, packVector(values)), places);
  });
  const { found, next } = lookOn(work, file, query, tables);
  const known = found.filter((each) => each.known !== undefined);
  file.commit(() => known.forEach((each) => placeAll(reader.segments, file, each.known ?? 0, each.places)));
  const waiting = found.filter((each) => each.known === undefined).map(({ hash: of, text, places }): ChunkText => ({ hash: of, text, places }));
  const isDone = waiting.length === 0 && next.segment >= reader.segments.length;
  if (isDone) file.commit(() => file.prune());
  return { chunks: corpus.chunks, embedded: file.places, waiting, ...(!isDone && { next }) };
}

function placeAll(segments: readonly SegmentReader[], file: VectorFile, vector: number, places: readonly ChunkPlace[]): void {
  for (const { segment, chunk } of places) {
    const name = segments[segment]?.name;
    if (name !== undefined) file.place(name, chunk, vector);
  }
}

/** Their vectors stay until the end of the walk: the same texts may lie elsewhere now. */
function unplaceDead({ reader, alive }: SearchWork, file: VectorFile, tables: readonly ChunkTable[]): void {
  for (const name of file.segments()) {
    alive();
    const table = tables[reader.segments.findIndex((segment) => segment.name === name)];
    if (table === undefined) file.unplace(name);
    else for (const chunk of file.placed(name, 0, Number.MAX_SAFE_INTEGER)) if ((table.file[chunk] ?? -1) < 0) file.unplace(name, chunk);
  }
}

function lookOn(
  work: SearchWork,
  file: VectorFile,
  { after, limit }: FillVectors,
  tables: readonly ChunkTable[],
): { readonly found: readonly Found[]; readonly next: ChunkPlace } {
  const byHash = new Map<string, Found>();
  let waiting = 0;
  for (const place of withoutVector(work, file, tables, after ?? { segment: 0, chunk: 0 })) {
    if (waiting >= limit || work.spent()) return { found: [...byHash.values()], next: place };
    const text = chunkText(work, place, tables);
    const digest = hash('sha256', text, 'buffer').subarray(0, HASH_BYTES);
    const key = digest.toString('latin1');
    const same = byHash.get(key);
    if (same !== undefined) same.places.push(place);
    else {
      const known = file.idOf(digest);
      byHash.set(key, { hash: digest, text, places: [place], ...(known !== undefined && { known }) });
      waiting += known === undefined ? 1 : 0;
    }
  }
  return { found: [...byHash.values()], next: { segment: work.reader.segments.length, chunk: 0 } };
}

function* withoutVector({ reader, alive }: SearchWork, file: VectorFile, tables: readonly ChunkTable[], from: ChunkPlace): Generator<ChunkPlace> {
  for (let segment = from.segment; segment < reader.segments.length; segment += 1) {
    const { file: fileOf } = tables[segment] ?? { file: new Int32Array(0) };
    const name = reader.segments[segment]?.name ?? '';
    for (let start = segment === from.segment ? from.chunk : 0; start < fileOf.length; start += WINDOW) {
      alive();
      const placed = new Set(file.placed(name, start, start + WINDOW));
      const end = Math.min(fileOf.length, start + WINDOW);
      for (let chunk = start; chunk < end; chunk += 1) if ((fileOf[chunk] ?? -1) >= 0 && !placed.has(chunk)) yield { segment, chunk };
    }
  }
}

/** Its lines alone, so that a file that only moved keeps its vectors. */
function chunkText({ reader, alive }: SearchWork, { segment, chunk }: ChunkPlace, tables: readonly ChunkTable[]): string {
  alive();
  const file = reader.file(tables[segment]?.file[chunk] ?? -1);
  const [from, to] = reader.segments[segment]?.symbols?.first('select line, end_line from chunk where id = ?', chunk) ?? [];
  if (file === undefined || from === undefined) return '';
  const { text, starts } = reader.content(file);
  const last = lineCount(starts);
  const [start] = lineSpan(text, starts, Math.min(Number(from), last));
  const [, end] = lineSpan(text, starts, Math.min(Number(to), last));
  return text.slice(start, Math.min(end, start + MAX_TEXT)).toWellFormed();
}
