import type { Definition } from './definition.ts';
import type { SourceLines } from './source-lines.ts';

const MAX_SIGNATURE = 300;
/** Read of the source before white space is folded. */
const MAX_READ = 1_000;
const ONLY_WORDS = /^[\w\s@]*$/;
const SPACES = /\s+/g;
/** What begins a body or a value and says nothing without it. */
const OPENING = /(?:[\s{:=([]|=>|->)+$/;

/** A definition's first line or lines, up to its body. */
export function signatureOf(definition: Definition, lines: SourceLines): string {
  const { text } = lines;
  const lineStart = lines.start(definition.line);
  const start = ONLY_WORDS.test(text.slice(lineStart, Math.min(definition.start, lineStart + MAX_READ))) ? lineStart : definition.start;
  const end = definition.bodyStart ?? Math.min(definition.end, lines.end(definition.line));
  const written = text
    .slice(start, Math.min(end, start + MAX_READ))
    .replace(SPACES, ' ')
    .trim();
  return cut(written.toWellFormed().replace(OPENING, '') || written);
}

function cut(written: string): string {
  return written.length <= MAX_SIGNATURE ? written : `${written.slice(0, MAX_SIGNATURE - 1).trimEnd()}…`.toWellFormed();
}

const SELF = /^&?(?:'\w+\s+)?(?:mut\s+)?(?:self|cls|this)\b(?:\s*:.*)?$/s;
const NOTHING = new Set(['', 'void', '*', '/']);

/** How many parameters a written list names, without `self`. */
export function countParameters(written: string): number {
  const inner = /^\s*[(|[](.*)[)|\]]\s*$/s.exec(written)?.[1] ?? written;
  const parts = splitAtCommas(inner).map((part) => part.trim());
  return parts.filter((part) => !NOTHING.has(part) && !SELF.test(part)).length;
}

const OPEN = new Set('([{<');
const CLOSE = new Set(')]}>');
const QUOTES = new Set('"\'`');

function splitAtCommas(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (QUOTES.has(char)) at = endOfQuote(text, at);
    else if (OPEN.has(char)) depth += 1;
    else if (CLOSE.has(char) && !isArrow(text, at)) depth -= 1;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}

/** The closing quote's place; the opening one's where none follows (a lifetime, an apostrophe). */
function endOfQuote(text: string, at: number): number {
  const end = text.indexOf(text[at] ?? '', at + 1);
  return end === -1 ? at : end;
}

function isArrow(text: string, at: number): boolean {
  return text[at] === '>' && (text[at - 1] === '=' || text[at - 1] === '-');
}
