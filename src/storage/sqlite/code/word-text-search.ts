import { identifierTerms } from '../../../domains/code/index/identifier-terms.ts';
import { idf } from '../../../domains/code/search/bm25.ts';
import type { CodeHits, CodeQuery, FileHit } from '../../../domains/code/search/code-index.ts';
import { lineAt, lineCount } from '../../../domains/code/search/lines.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import { makeSnippet, type Span } from '../../../domains/code/search/snippet.ts';
import { literalQuery } from '../../../domains/code/search/text-query.ts';
import { TopList } from '../../../domains/code/search/top-list.ts';
import type { WordsQuery } from '../../../domains/code/search/words-query.ts';
import type { IndexedFile } from './generation-reader.ts';
import { candidateLocals } from './posting-sources.ts';
import { fileFactor, liveFiles, type SearchWork } from './search-work.ts';
import { loweredBy } from './text-search.ts';

/** Files that are read, the most promising by their trigrams. */
const TOP_FILES = 200;
const MAX_PLACES = 200;
const WORD = /[\p{L}\p{N}\p{M}_]+/gu;

/** Words while there are no symbols yet: whole files whose trigrams hold most of the rare words, then ranked by what is really in them. */
export function searchWordsInText(work: SearchWork, query: CodeQuery, words: WordsQuery): CodeHits {
  // What lies in which definition is not known yet.
  if (query.kinds !== undefined) return { files: [], more: false };
  const values = new Map<string, number>();
  const hits: FileHit[] = [];
  for (const file of promising(work, query, words, values)) {
    work.alive();
    if (work.spent()) return pageOf(hits, query, true);
    const hit = lookInto(work, file, values);
    if (hit !== undefined) hits.push(hit);
  }
  return pageOf(hits, query, false);
}

function pageOf(hits: readonly FileHit[], { offset, limit }: CodeQuery, isStopped: boolean): CodeHits {
  const ordered = hits.toSorted((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1));
  return {
    files: ordered.slice(offset, offset + limit),
    more: ordered.length > offset + limit,
    ...(isStopped && { stopped: 'time' }),
  };
}

/** Fills `values` with what each term says, by the files that may hold it. */
function promising(work: SearchWork, query: CodeQuery, words: WordsQuery, values: Map<string, number>): readonly IndexedFile[] {
  const { reader, alive } = work;
  const allowed = reader.allowed(query.filter, alive);
  const sums = new Float32Array(reader.files.length);
  const corpus = { chunks: reader.files.length, terms: 0 };
  for (const { term, weight } of words.terms) {
    // A stem ends before what changes: a last `i` may stand for `y`.
    const literal = literalQuery(term.endsWith('i') ? term.slice(0, -1) : term);
    if (literal.kind === 'any') continue;
    const files = reader.segments.flatMap((segment) => [...liveFiles(work, segment.index, candidateLocals(segment, literal, alive), undefined)]);
    const value = weight * idf(corpus, files.length);
    values.set(term, value);
    for (const { index } of files) if (allowed?.[index] !== 0) sums[index] = (sums[index] ?? 0) + value;
  }
  const top = new TopList<IndexedFile>(TOP_FILES);
  for (const file of reader.files) {
    const score = (sums[file.index] ?? 0) * fileFactor(file.flags);
    if (score > 0 && top.admits(score)) top.offer(score, file.index, file);
  }
  return top.sorted().map(({ value }) => value);
}

function lookInto({ reader }: SearchWork, file: IndexedFile, values: ReadonlyMap<string, number>): FileHit | undefined {
  const { text: content, starts } = reader.content(file);
  const counts = new Map<string, number>();
  const places: Span[] = [];
  for (const { 0: word, index } of content.matchAll(WORD)) {
    if (word.length > 80) continue;
    const found = identifierTerms(word).filter((term) => values.has(term));
    for (const term of found) counts.set(term, (counts.get(term) ?? 0) + 1);
    if (found.length > 0 && places.length < MAX_PLACES) places.push([index, index + word.length]);
  }
  const [first] = places;
  if (first === undefined) return undefined;
  const sum = [...counts].reduce((total, [term, count]) => total + (values.get(term) ?? 0) * (count / (count + 2)), 0);
  const from = lineAt(starts, first[0]);
  const snippet = makeSnippet(content, starts, { from: Math.max(1, from - 1), to: lineCount(starts) }, places);
  return {
    path: plainLine(file.path),
    language: file.language,
    score: sum * fileFactor(file.flags),
    tier: 0,
    why: { words: sum, ...loweredBy(file) },
    matches: [{ line: snippet.line, endLine: snippet.line + snippet.text.split('\n').length - 1, snippet }],
    matchCount: places.length,
  };
}
