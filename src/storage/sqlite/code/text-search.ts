import type { CodeHits, CodeMatch, CodeQuery, FileHit } from '../../../domains/code/search/code-index.ts';
import { lineAt, lineCount } from '../../../domains/code/search/lines.ts';
import { exactMatcher, regexMatcher, type TextMatcher } from '../../../domains/code/search/matcher.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import { makeSnippet, type Span } from '../../../domains/code/search/snippet.ts';
import type { FileText, IndexedFile } from './generation-reader.ts';
import { candidateLocals } from './posting-sources.ts';
import { fileFactor, liveFiles, type SearchWork } from './search-work.ts';
import { inKinds, matchSymbol, symbolAround } from './symbol-rows.ts';

const MAX_MATCHES = 3;
/** Places of one file that are looked at. */
const MAX_SPANS = 100;
/** Matching lines nearer than this are shown as one. */
const NEAR = 3;
const DEFINITION_SCORE = 4;
const NAME = /^[\p{L}_$][\p{L}\p{N}_$]{0,99}$/u;

/**
 * Files that hold a text or match an expression. Candidates come from the trigrams and are looked at in a fixed order, those that define
 * the name first, tests and generated files last, until there are enough: so a page costs what it shows, and the next one goes on.
 */
export function searchText(work: SearchWork, query: CodeQuery): CodeHits {
  const text = query.text.toWellFormed();
  const matcher = query.mode === 'regex' ? regexMatcher(text, query.caseSensitive) : exactMatcher(text, query.caseSensitive);
  const hits: FileHit[] = [];
  let passed = 0;
  for (const { file, score } of inOrder(work, matcher, query)) {
    work.alive();
    if (work.spent()) return { files: hits, more: true, stopped: 'time' };
    const hit = lookInto(work, file, matcher, query, score);
    if (hit === undefined) continue;
    passed += 1;
    if (passed > query.offset + query.limit) return { files: hits, more: true };
    if (passed > query.offset) hits.push(hit);
  }
  return { files: hits, more: false };
}

interface Candidate {
  readonly file: IndexedFile;
  readonly score: number;
}

function inOrder(work: SearchWork, matcher: TextMatcher, { text, filter, mode }: CodeQuery): readonly Candidate[] {
  const { reader, alive } = work;
  const allowed = reader.allowed(filter, alive);
  const defining = mode === 'exact' && NAME.test(text) ? definingFiles(work, text) : new Set<number>();
  const candidates: Candidate[] = [];
  for (const segment of reader.segments) {
    for (const file of liveFiles(work, segment.index, candidateLocals(segment, matcher.query, alive), allowed)) {
      candidates.push({ file, score: fileFactor(file.flags) * (defining.has(file.index) ? DEFINITION_SCORE : 1) });
    }
  }
  return candidates.sort((a, b) => b.score - a.score || a.file.index - b.file.index);
}

function definingFiles({ reader, alive }: SearchWork, name: string): Set<number> {
  const found = new Set<number>();
  for (const { symbols, fileOf } of reader.segments) {
    alive();
    for (const [local] of symbols?.all('select distinct local from symbol where name_key = ? limit 1000', name.toLowerCase()) ?? []) {
      found.add(fileOf[Number(local)] ?? -1);
    }
  }
  return found;
}

function lookInto(work: SearchWork, file: IndexedFile, matcher: TextMatcher, query: CodeQuery, score: number): FileHit | undefined {
  const content = work.reader.content(file);
  const found = matcher.find(content.text, () => content.starts, MAX_SPANS, work.alive);
  const spans = query.kinds === undefined ? found.spans : ofKinds(work, file, found.spans, content.starts, query.kinds);
  if (spans.length === 0) return undefined;
  const matchCount = query.kinds === undefined ? found.count : spans.length;
  const isDefinition = score >= 1 && score / fileFactor(file.flags) >= DEFINITION_SCORE;
  return {
    path: plainLine(file.path),
    language: file.language,
    score,
    tier: isDefinition ? 2 : 1,
    why: { exact: matchCount, ...(isDefinition && { definition: DEFINITION_SCORE }), ...loweredBy(file) },
    matches: makeMatches(work, file, content, spans),
    matchCount,
  };
}

/** The factor of a file that counts less, as a reason. */
export function loweredBy({ flags }: IndexedFile): { readonly lowered?: number } {
  const factor = fileFactor(flags);
  return factor === 1 ? {} : { lowered: factor };
}

function ofKinds(
  { reader }: SearchWork,
  file: IndexedFile,
  spans: readonly Span[],
  starts: Uint32Array,
  kinds: NonNullable<CodeQuery['kinds']>,
): readonly Span[] {
  const isIn = inKinds(reader, file, kinds);
  return spans.filter(([start]) => isIn(lineAt(starts, start)));
}

function makeMatches({ reader }: SearchWork, file: IndexedFile, { text, starts }: FileText, spans: readonly Span[]): readonly CodeMatch[] {
  const last = lineCount(starts);
  return groupLines(starts, spans)
    .slice(0, MAX_MATCHES)
    .map(({ from, to }) => {
      const symbol = symbolAround(reader, file, from);
      return {
        line: from,
        endLine: to,
        ...(symbol !== undefined && { symbol: matchSymbol(symbol) }),
        snippet: makeSnippet(text, starts, { from: Math.max(1, from - 1), to: Math.min(last, to + 1) }, spans),
      };
    });
}

function groupLines(starts: Uint32Array, spans: readonly Span[]): { readonly from: number; readonly to: number }[] {
  const groups: { from: number; to: number }[] = [];
  for (const [start, end] of spans) {
    const from = lineAt(starts, start);
    const to = lineAt(starts, Math.max(start, end - 1));
    const group = groups.at(-1);
    if (group !== undefined && from - group.to <= NEAR) group.to = Math.max(to, group.to);
    else groups.push({ from, to });
  }
  return groups;
}
