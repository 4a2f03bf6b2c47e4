import { RE2JS, RE2JSException } from 're2js';
import { lineAt, lineCount, lineSpan } from './lines.ts';
import { regexTextQuery } from './regex-text-query.ts';
import type { Span } from './snippet.ts';
import { anyCaseQuery, literalQuery, literalsOf, type TextQuery } from './text-query.ts';

/** Finds places in a text. */
export interface TextMatcher {
  /** What a text must hold to be looked at at all. */
  readonly query: TextQuery;
  /**
   * Places in rising order, at most `most`; `count` goes on to `10 × most`. An expression matches within one line. `alive` is called
   * between steps of a few milliseconds and may throw.
   */
  find(text: string, starts: () => Uint32Array, most: number, alive: () => void): { readonly spans: readonly Span[]; readonly count: number };
}

/** An expression that cannot be used; the message says why. */
export class BadPattern extends Error {
  override readonly name = 'BadPattern';
}

const COUNT_FACTOR = 10;
/** Time to match grows with the text's length times this. */
const MAX_PROGRAM = 10_000;
const MAX_REPETITIONS = 2_000;
const TOO_LARGE = 'the expression is too large; use smaller repetitions';
const BLOCK = 64 * 1024;
const MAX_IN_LINE = 20;

/** Finds a text as it is, or in any case. Linear. */
export function exactMatcher(text: string, caseSensitive: boolean): TextMatcher {
  const finder = caseSensitive ? byIndexOf(text) : byFolding(text);
  return {
    query: caseSensitive ? literalQuery(text) : anyCaseQuery(text),
    find(content, _starts, most, alive) {
      const spans: Span[] = [];
      let count = 0;
      for (let span = finder(content, 0); span !== undefined && count < most * COUNT_FACTOR; span = finder(content, span[1])) {
        if (count % 1024 === 0) alive();
        count += 1;
        if (spans.length < most) spans.push(span);
      }
      return { spans, count };
    },
  };
}

type Finder = (content: string, from: number) => Span | undefined;

function byIndexOf(text: string): Finder {
  return (content, from) => {
    const at = content.indexOf(text, from);
    return at < 0 ? undefined : [at, at + text.length];
  };
}

/** A literal alone: the engine has nothing to go back over. */
function byFolding(text: string): Finder {
  const pattern = new RegExp(escaped(text), 'gi');
  return (content, from) => {
    pattern.lastIndex = from;
    const found = pattern.exec(content);
    return found === null ? undefined : [found.index, found.index + found[0].length];
  };
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/** Finds an RE2 expression, in time linear in the text. Throws {@link BadPattern}. */
export function regexMatcher(pattern: string, caseSensitive: boolean): TextMatcher {
  const compiled = compile(pattern, caseSensitive);
  const query = regexTextQuery(pattern, !caseSensitive);
  const linesOf = candidateFinder(compiled, pattern, query);
  return {
    query,
    find(content, starts, most, alive) {
      const spans: Span[] = [];
      let count = 0;
      for (const line of linesOf(content, starts, alive)) {
        if (count >= most * COUNT_FACTOR) break;
        const [start, end] = lineSpan(content, starts(), line);
        if (end - start > BLOCK || (line & 255) === 0) alive();
        for (const span of inLine(compiled, content.slice(start, end), start)) {
          count += 1;
          if (spans.length < most) spans.push(span);
        }
      }
      return { spans, count };
    },
  };
}

function compile(pattern: string, caseSensitive: boolean): RE2JS {
  try {
    if (repetitions(pattern) > MAX_REPETITIONS) throw new BadPattern(TOO_LARGE);
    const compiled = RE2JS.compile(pattern, RE2JS.MULTILINE | (caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE));
    if (compiled.programSize() <= MAX_PROGRAM) return compiled;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new BadPattern(error.message.slice(0, 200));
  }
  throw new BadPattern(TOO_LARGE);
}

/** Counted before it is compiled, since that takes its time too. */
function repetitions(pattern: string): number {
  return pattern.matchAll(/\{(\d*),?(\d*)\}/g).reduce((sum, [, least, most]) => sum + Math.max(Number(least), Number(most)), 0);
}

/** Lines in which a match can begin, rising, each once. */
type CandidateLines = (content: string, starts: () => Uint32Array, alive: () => void) => Generator<number>;

/** Literals are found fastest; without any, whole blocks are looked at, which is quicker than line by line. */
function candidateFinder(compiled: RE2JS, pattern: string, query: TextQuery): CandidateLines {
  const literals = literalsOf(query);
  // Case may be ignored within the expression only: looked for in any case they are found too often, never too seldom.
  if (literals !== undefined) return linesWith(new RegExp(literals.map(escaped).join('|'), 'gi'));
  return /\\[Az]/.test(pattern) ? allLines : linesInBlocks(compiled);
}

function linesWith(literals: RegExp): CandidateLines {
  return function* (content, starts, alive) {
    literals.lastIndex = 0;
    for (let found = literals.exec(content); found !== null; found = literals.exec(content)) {
      alive();
      const line = lineAt(starts(), found.index);
      yield line;
      literals.lastIndex = starts()[line] ?? content.length;
    }
  };
}

function* allLines(_content: string, starts: () => Uint32Array): Generator<number> {
  const last = lineCount(starts());
  for (let line = 1; line <= last; line += 1) yield line;
}

function linesInBlocks(compiled: RE2JS): CandidateLines {
  return function* (content, linesOf, alive) {
    const starts = linesOf();
    const last = lineCount(starts);
    for (let from = 1; from <= last;) {
      alive();
      const begin = starts[from - 1] ?? 0;
      const to = Math.max(from, Math.min(last, lineAt(starts, begin + BLOCK) - 1));
      const matcher = compiled.matcher(content.slice(begin, starts[to] ?? content.length));
      for (let line = from; line <= to && matcher.find((starts[line - 1] ?? 0) - begin); line += 1) {
        line = lineAt(starts, begin + matcher.start());
        if (line <= to) yield line;
      }
      from = to + 1;
    }
  };
}

function inLine(compiled: RE2JS, line: string, offset: number): Span[] {
  const matcher = compiled.matcher(line);
  const spans: Span[] = [];
  while (spans.length < MAX_IN_LINE && matcher.find()) spans.push([offset + matcher.start(), offset + matcher.end()]);
  return spans;
}
