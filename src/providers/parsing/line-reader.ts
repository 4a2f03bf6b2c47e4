import type { Language, LinePattern } from '../../domains/code/languages/language.ts';
import type { Definition } from './definition.ts';
import type { SourceLines } from './source-lines.ts';

/** Longer lines are not looked at: no definition begins in one, and a pattern must stay cheap. */
const MAX_LINE = 1_000;
const MAX_NAME = 200;
/** Lines at the definition's own indentation that still belong to it. */
const CONTINUES =
  /^\s*(?:[{})\]]|end\b|else\b|elif\b|elsif\b|except\b|rescue\b|ensure\b|finally\b|catch\b|#\s*(?:if|ifdef|ifndef|else|elif|endif)\b)/;
const CLOSES = /^\s*(?:[})\]]|end\b)/;

export interface LineReading {
  readonly definitions: readonly Definition[];
  readonly imports: readonly string[];
}

interface Head {
  readonly pattern: LinePattern;
  readonly name: string;
  readonly line: number;
  readonly indent: number;
  readonly level: number;
}

/** Finds definitions by their first line. Where they end is told by indentation, and for headings by the next one of their level. */
export function readByLines(lines: SourceLines, language: Language): LineReading {
  const patterns = language.lines ?? [];
  if (patterns.length === 0) return { definitions: [], imports: [] };
  const heads: Head[] = [];
  const imports = new Set<string>();
  for (const line of countedLines(lines, language.fence)) {
    const written = lines.line(line).trimEnd();
    for (const pattern of patterns) {
      const groups = pattern.pattern.exec(written)?.groups;
      if (groups === undefined) continue;
      const name = (groups['name'] ?? groups['imported'] ?? '').slice(0, MAX_NAME).trim().toWellFormed();
      if (name === '') continue;
      if (groups['imported'] !== undefined) imports.add(name);
      else heads.push({ pattern, name, line, indent: lines.indent(line), level: groups['level']?.length ?? 0 });
      break;
    }
  }
  const definitions = heads.map((head, index) => toDefinition(head, endOf(heads, index, lines), lines));
  return { definitions, imports: [...imports] };
}

function* countedLines(lines: SourceLines, fence: RegExp | undefined): Generator<number> {
  let fenced: string | undefined;
  for (let line = 1; line <= lines.count; line += 1) {
    if (lines.end(line) - lines.start(line) > MAX_LINE) continue;
    const mark = fence?.exec(lines.line(line))?.[1];
    if (mark !== undefined && (fenced === undefined || mark.startsWith(fenced))) fenced = fenced === undefined ? mark : undefined;
    else if (fenced === undefined) yield line;
  }
}

function toDefinition({ pattern, name, line, indent, level }: Head, endLine: number, lines: SourceLines): Definition {
  return {
    kind: pattern.kind,
    name,
    line,
    endLine,
    nameLine: line,
    start: lines.start(line) + indent,
    end: lines.end(endLine),
    indent: pattern.kind === 'heading' ? level : indent,
    byLine: true,
  };
}

function endOf(heads: readonly Head[], index: number, lines: SourceLines): number {
  const head = heads[index];
  if (head === undefined) return lines.count;
  if (head.pattern.kind === 'heading') return endOfSection(heads, index, lines);
  return endOfBlock(head, heads[index + 1]?.line ?? 0, lines);
}

function endOfSection(heads: readonly Head[], index: number, lines: SourceLines): number {
  const level = heads[index]?.level ?? 0;
  let next = index + 1;
  while (next < heads.length && (heads[next]?.level ?? 0) > level) next += 1;
  return lastWritten(lines, heads[index]?.line ?? 1, (heads[next]?.line ?? lines.count + 1) - 1);
}

/** Up to the next line that is indented no deeper and closes or goes on with nothing. */
function endOfBlock({ line, indent }: Head, nextHead: number, lines: SourceLines): number {
  for (let at = line + 1; at <= lines.count; at += 1) {
    if (lines.isBlank(at) || lines.indent(at) > indent) continue;
    const written = lines.text.slice(lines.start(at), Math.min(lines.end(at), lines.start(at) + MAX_LINE));
    if (at !== nextHead && CLOSES.test(written)) return at;
    if (at === nextHead || !CONTINUES.test(written)) return lastWritten(lines, line, at - 1);
  }
  return lastWritten(lines, line, lines.count);
}

function lastWritten(lines: SourceLines, first: number, last: number): number {
  let at = last;
  while (at > first && lines.isBlank(at)) at -= 1;
  return at;
}
