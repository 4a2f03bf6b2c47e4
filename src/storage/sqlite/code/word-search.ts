import { decodeWeighted } from '../../../domains/code/index/postings.ts';
import { idf, saturation } from '../../../domains/code/search/bm25.ts';
import type { CodeHits, CodeMatch, CodeQuery, FileHit, HitReasons } from '../../../domains/code/search/code-index.ts';
import { lineCount, lineSpan } from '../../../domains/code/search/lines.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import { makeSnippet } from '../../../domains/code/search/snippet.ts';
import { TopList } from '../../../domains/code/search/top-list.ts';
import { wordSpans } from '../../../domains/code/search/word-spans.ts';
import { type NameStrength, parseWordsQuery, type WordsQuery } from '../../../domains/code/search/words-query.ts';
import { unpacked } from './content-blocks.ts';
import type { ChunkTable, FileText, IndexedFile, SegmentReader } from './generation-reader.ts';
import { searchWordsInText } from './word-text-search.ts';
import { textOf } from './open-immutable.ts';
import { byFile, type ChunkHit, type ChunkScores, fuse, type RankedFile } from './ranked-files.ts';
import { fileFactor, type SearchWork } from './search-work.ts';
import { matchSymbol, SYMBOL_COLUMNS, symbolRow } from './symbol-rows.ts';
import { loweredBy } from './text-search.ts';
import { type NearChunks, nearestChunks } from './vector-search.ts';

/** Chunks that are ranked by file; the same for every page, so that pages fit together. */
const TOP_CHUNKS = 1_000;
const MAX_MATCHES = 3;
/** A further match of a file is shown when it is at least this share as good as its best. */
const WORTH_SHOWING = 0.4;
const MAX_NAMED = 200;
/** Packed postings claim their size; a segment of 64 MB has none that are longer. */
const MAX_POSTINGS = 64 * 1024 * 1024;

const NAME_FACTORS = { symbol: 4, definition: 3, phrase: 1.1 } as const satisfies Record<NameStrength, number>;
const PATH_FACTOR = 2;
const LANGUAGE_FACTOR = 1.2;

/** Files ranked by the words of a question, and by its meaning where there are vectors. Without symbols yet: by the words of whole files. */
export function searchWords(work: SearchWork, query: CodeQuery): CodeHits {
  const words = parseWordsQuery(query.text.toWellFormed());
  if (words.terms.length === 0 && query.vector === undefined) return { files: [], more: false };
  if (!work.reader.hasSymbols) return words.terms.length === 0 ? { files: [], more: false } : searchWordsInText(work, query, words);
  const { scores, stopped } = gather(work, words);
  for (const each of scores) noteNames(work, each, words.names);
  const admission = admit(work, query, words, scores);
  const byWords = byFile(bestChunks(work, scores, admission));
  const near = query.vector && nearestChunks(work, query.vector, admission.nearness);
  const files = near === undefined ? byWords : fuse(byWords, byFile(nearHits(work, near, scores)));
  const page = files.slice(query.offset, query.offset + query.limit);
  const more = files.length > query.offset + page.length;
  return {
    files: page.map((file) => fileHit(work, file, words)),
    more,
    ...(near !== undefined && { vectors: near.vectors }),
    ...(stopped && { stopped: 'time' }),
  };
}

function nearHits({ reader }: SearchWork, { chunks }: NearChunks, scores: readonly ChunkScores[]): readonly ChunkHit[] {
  return chunks.flatMap(({ segment, id, cosine }) => {
    const each = scores[segment];
    const file = reader.file(each?.table.file[id] ?? -1);
    return each === undefined || file === undefined ? [] : [{ file, scores: each, id, score: cosine, cosine }];
  });
}

/** Term by term, over all segments: first how many live chunks hold it, then what that adds to each. */
function gather({ reader, alive, spent }: SearchWork, words: WordsQuery): { readonly scores: readonly ChunkScores[]; readonly stopped: boolean } {
  const { tables, corpus } = reader.chunks(alive);
  const scores = reader.segments.map((segment, at): ChunkScores => {
    const table = tables[at] ?? { file: new Int32Array(0), length: new Int32Array(0) };
    const { length } = table.file;
    return { segment, table, sum: new Float32Array(length), found: new Uint8Array(length), named: new Map() };
  });
  const saturate = saturation(corpus);
  for (const { term, weight } of words.terms) {
    if (spent()) return { scores, stopped: true };
    const lists = scores.map(({ segment }) => postingsOf(segment, term, alive));
    const live = lists.reduce((sum, list, at) => sum + countLive(list, tables[at]), 0);
    if (live === 0) continue;
    const value = weight * idf(corpus, live);
    const isNeeded = words.needed.has(term) ? 1 : 0;
    for (const [at, { ids, weights }] of lists.entries()) {
      alive();
      const { sum, found, table } = scores[at] ?? {};
      if (sum === undefined || found === undefined || table === undefined) continue;
      for (let entry = 0; entry < ids.length; entry += 1) {
        const id = ids[entry] ?? 0;
        sum[id] = (sum[id] ?? 0) + value * saturate(weights[entry] ?? 1, table.length[id] ?? 0);
        found[id] = (found[id] ?? 0) + isNeeded;
      }
    }
  }
  return { scores, stopped: false };
}

interface Postings {
  readonly ids: Uint32Array;
  readonly weights: Uint32Array;
}

function postingsOf({ symbols }: SegmentReader, term: string, alive: () => void): Postings {
  alive();
  const [bytes, postings] = symbols?.first('select bytes, postings from term where term = ?', term) ?? [];
  if (!(postings instanceof Uint8Array)) return { ids: new Uint32Array(0), weights: new Uint32Array(0) };
  return decodeWeighted(bytes === 0 ? postings : unpacked(postings, Math.min(MAX_POSTINGS, Number(bytes))));
}

function countLive({ ids }: Postings, table: ChunkTable | undefined): number {
  let live = 0;
  for (let entry = 0; entry < ids.length; entry += 1) if ((table?.file[ids[entry] ?? 0] ?? -1) >= 0) live += 1;
  return live;
}

/** Finds the chunks of definitions that have one of the names. */
function noteNames({ alive }: SearchWork, { segment: { symbols }, named }: ChunkScores, names: WordsQuery['names']): void {
  for (const [name, strength] of names) {
    alive();
    const sql = `select c.id from symbol s join parse p on p.local = s.local
      join chunk c on c.id >= p.first_chunk and c.id < p.first_chunk + p.chunks and c.symbol = s.id
      where s.name_key = ? limit ${MAX_NAMED}`;
    for (const [id] of symbols?.all(sql, name) ?? []) {
      const known = named.get(Number(id));
      if (known === undefined || NAME_FACTORS[strength] > NAME_FACTORS[known]) named.set(Number(id), strength);
    }
  }
}

/** Which chunks may be found, and what they count. */
interface Admission {
  /** What a file's chunks count: 0 when it is not asked for. */
  readonly factors: Float32Array;
  /** By segment: one byte a chunk, 1 = it is of a kind that is asked for. Undefined: all are. */
  readonly ofKind: readonly (Uint8Array | undefined)[];
  /** What a chunk's cosine counts. */
  readonly nearness: (segment: number, id: number) => number;
}

function admit(work: SearchWork, { filter, kinds }: CodeQuery, words: WordsQuery, scores: readonly ChunkScores[]): Admission {
  const factors = fileFactors(work, filter, words);
  const ofKind = scores.map((each) => (kinds === undefined ? undefined : chunksOfKinds(each, kinds, work.alive)));
  const nearness = (segment: number, id: number): number => {
    const index = scores[segment]?.table.file[id] ?? -1;
    const isAsked = (factors[index] ?? 0) > 0 && ofKind[segment]?.[id] !== 0;
    return isAsked ? fileFactor(work.reader.file(index)?.flags ?? 0) : 0;
  };
  return { factors, ofKind, nearness };
}

function bestChunks(work: SearchWork, scores: readonly ChunkScores[], { factors, ofKind }: Admission): readonly ChunkHit[] {
  const top = new TopList<Omit<ChunkHit, 'score'>>(TOP_CHUNKS);
  for (const [at, each] of scores.entries()) {
    work.alive();
    const fits = ofKind[at];
    for (let id = 0; id < each.sum.length; id += 1) {
      const sum = each.sum[id] ?? 0;
      const index = each.table.file[id] ?? -1;
      if (sum <= 0 || index < 0 || fits?.[id] === 0) continue;
      const strength = each.named.size === 0 ? undefined : each.named.get(id);
      const score = sum * (factors[index] ?? 0) * (strength === undefined ? 1 : NAME_FACTORS[strength]);
      if (score <= 0 || !top.admits(score)) continue;
      const file = work.reader.file(index);
      if (file !== undefined) top.offer(score, index * 1e6 + (id % 1e6), { file, scores: each, id });
    }
  }
  return top.sorted().map(({ score, value }) => ({ ...value, score }));
}

/** What a file's chunks count: 0 when it is not asked for. */
function fileFactors({ reader, alive }: SearchWork, filter: CodeQuery['filter'], words: WordsQuery): Float32Array {
  const allowed = reader.allowed(filter, alive);
  const factors = new Float32Array(reader.files.length);
  for (const file of reader.files) {
    if (allowed?.[file.index] === 0) continue;
    factors[file.index] = fileFactor(file.flags) * pathFactor(file, words) * (words.languages.includes(file.language) ? LANGUAGE_FACTOR : 1);
  }
  return factors;
}

function pathFactor({ path }: IndexedFile, { paths }: WordsQuery): number {
  return paths.some((named) => path === named || path.endsWith(`/${named}`)) ? PATH_FACTOR : 1;
}

/** One byte a chunk: 1 = it is a definition of one of the kinds. */
function chunksOfKinds({ segment: { symbols }, table }: ChunkScores, kinds: NonNullable<CodeQuery['kinds']>, alive: () => void): Uint8Array {
  const fits = new Uint8Array(table.file.length);
  const wanted = JSON.stringify(kinds);
  const sql = `select json_group_array(c.id) from chunk c join symbol s on s.id = c.symbol
    where c.id >= ? and c.id < ? and s.kind in (select value from json_each(?))`;
  for (let from = 0; from < fits.length; from += 20_000) {
    alive();
    const [ids] = symbols?.first(sql, from, from + 20_000, wanted) ?? [];
    for (const id of JSON.parse(ids === undefined ? '[]' : textOf(ids)) as number[]) fits[id] = 1;
  }
  return fits;
}

function fileHit(work: SearchWork, { chunks, score }: RankedFile, words: WordsQuery): FileHit {
  const [best] = chunks;
  if (best === undefined) throw new RangeError('a file was found without a chunk');
  const { file } = best;
  const shown = chunks.slice(0, MAX_MATCHES).filter((chunk) => chunk.score >= best.score * WORTH_SHOWING);
  const content = work.reader.content(file);
  const isNamed = chunks.some(({ scores, id }) => ['symbol', 'definition'].includes(scores.named.get(id) ?? ''));
  const isWhole = chunks.some(({ scores, id }) => (scores.found[id] ?? 0) >= words.needed.size);
  return {
    path: plainLine(file.path),
    language: file.language,
    score,
    tier: isNamed ? 2 : isWhole ? 1 : 0,
    why: { ...reasons(best, words), ...nearestOf(chunks) },
    matches: shown.map((chunk) => chunkMatch(chunk, content, words)),
    matchCount: chunks.length,
  };
}

function nearestOf(chunks: readonly ChunkHit[]): HitReasons {
  const cosines = chunks.flatMap(({ cosine }) => cosine ?? []);
  return cosines.length === 0 ? {} : { vector: Math.max(...cosines) };
}

function reasons({ file, scores, id }: ChunkHit, words: WordsQuery): HitReasons {
  const strength = scores.named.get(id);
  const path = pathFactor(file, words);
  const sum = scores.sum[id] ?? 0;
  return {
    ...(sum > 0 && { words: sum }),
    ...(strength === 'symbol' && { symbol: NAME_FACTORS.symbol }),
    ...((strength === 'definition' || strength === 'phrase') && { definition: NAME_FACTORS[strength] }),
    ...(path > 1 && { path }),
    ...loweredBy(file),
  };
}

function chunkMatch({ scores: { segment }, id }: ChunkHit, { text, starts }: FileText, words: WordsQuery): CodeMatch {
  const [from = 1, to = 1, symbolId] = segment.symbols?.first('select line, end_line, symbol from chunk where id = ?', id) ?? [];
  const row = symbolId === null ? undefined : segment.symbols?.first(`select ${SYMBOL_COLUMNS} from symbol where id = ?`, Number(symbolId));
  const last = lineCount(starts);
  const range = { from: Math.min(Number(from), last), to: Math.min(Number(to), last) };
  const terms = new Set(words.terms.filter(({ weight }) => weight >= 1).map(({ term }) => term));
  const stretch = [lineSpan(text, starts, range.from)[0], lineSpan(text, starts, range.to)[1]] as const;
  return {
    line: range.from,
    endLine: range.to,
    ...(row !== undefined && { symbol: matchSymbol(symbolRow(row)) }),
    snippet: makeSnippet(text, starts, range, wordSpans(text, stretch, terms)),
  };
}
