import type { Snippet } from './code-index.ts';
import { lineAt, lineCount, lineSpan } from './lines.ts';
import { plainText } from './plain-text.ts';

const MAX_LINES = 12;
const MAX_LINE_LENGTH = 240;
/** Shown before the first mark of a line that is cut. */
const LEAD = 60;
const MAX_MARKS = 50;

/** A stretch of a file's text, UTF-16 offsets, end exclusive. */
export type Span = readonly [start: number, end: number];

/** Lines `from` to `to` of a text, at most 12 of them, those with the most marks; long lines cut around their first mark. */
export function makeSnippet(
  text: string,
  starts: Uint32Array,
  range: { readonly from: number; readonly to: number },
  spans: readonly Span[],
): Snippet {
  const to = Math.min(range.to, lineCount(starts));
  const first = bestWindow(starts, Math.min(range.from, to), to, spans);
  const last = Math.min(to, first + MAX_LINES - 1);
  let shown = '';
  const marks: [number, number][] = [];
  for (let line = first; line <= last; line += 1) {
    const span = lineSpan(text, starts, line);
    const inLine = spans.filter(([start, end]) => start < span[1] && end > span[0] && end > start);
    const [start, end] = cutLine(span, inLine[0]);
    if (line > first) shown += '\n';
    const base = shown.length - start;
    shown += text.slice(start, end);
    for (const mark of inLine) if (marks.length < MAX_MARKS) addMark(marks, Math.max(start, mark[0]) + base, Math.min(end, mark[1]) + base);
  }
  return { line: first, text: plainText(shown), marks };
}

function addMark(marks: [number, number][], start: number, end: number): void {
  const before = marks.at(-1);
  if (end <= start) return;
  if (before !== undefined && start <= before[1]) before[1] = Math.max(before[1], end);
  else marks.push([start, end]);
}

function cutLine([start, end]: Span, mark: Span | undefined): Span {
  if (end - start <= MAX_LINE_LENGTH) return [start, end];
  const from = mark === undefined ? start : Math.max(start, Math.min(mark[0] - LEAD, end - MAX_LINE_LENGTH));
  return [from, Math.min(end, from + MAX_LINE_LENGTH)];
}

/** The first line of the window that holds the most lines with marks, the earliest of equals. */
function bestWindow(starts: Uint32Array, from: number, to: number, spans: readonly Span[]): number {
  if (to - from < MAX_LINES) return from;
  const marked = new Set(spans.map(([start]) => lineAt(starts, start)));
  const count = (first: number): number => [...marked].filter((line) => line >= first && line < first + MAX_LINES).length;
  let best = from;
  let most = count(from);
  for (const line of marked) {
    const first = Math.max(from, Math.min(line - 1, to - MAX_LINES + 1));
    const here = count(first);
    if (here > most) [best, most] = [first, here];
  }
  return best;
}
