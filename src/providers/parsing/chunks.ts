import type { CodeChunk, CodeSymbol, SymbolKind } from '../../domains/code/model.ts';
import type { SourceLines } from './source-lines.ts';

const MAX_LINES = 80;
/** A longer class is cut into its methods. */
const WHOLE_CONTAINER_LINES = 40;
/** Pieces below this are put together with small neighbours, up to `MERGED_LINES`. */
const SMALL_LINES = 6;
const MERGED_LINES = 40;
/** A gap of so few lines goes to the piece beside it. */
const GAP_LINES = 3;

interface Piece {
  readonly line: number;
  readonly endLine: number;
  readonly symbol: number | undefined;
  /** The definition around it; pieces of two definitions are not put together. */
  readonly parent: number;
  /** Holds two definitions or more. */
  readonly several?: boolean;
}

/**
 * Cuts a text into chunks: every line that is not blank lies in exactly one. `symbols` in order of their first line, outer ones first.
 * `leading` tells the lines that belong to the definition below them.
 */
export function chunksOf(lines: SourceLines, symbols: readonly CodeSymbol[], leading: RegExp | undefined): readonly CodeChunk[] {
  const cutter = new Cutter(lines, symbols, leading);
  const pieces = cutter.cut(1, lines.count, 0, symbols.length, -1);
  return merge(pieces).map(({ line, endLine, symbol }) => ({ line, endLine, ...(symbol !== undefined && { symbol }) }));
}

class Cutter {
  readonly #lines: SourceLines;
  readonly #symbols: readonly CodeSymbol[];
  readonly #leading: RegExp | undefined;

  constructor(lines: SourceLines, symbols: readonly CodeSymbol[], leading: RegExp | undefined) {
    this.#lines = lines;
    this.#symbols = symbols;
    this.#leading = leading;
  }

  /** Pieces of the lines `from` to `to`, in which the symbols `first` to `last - 1` begin. Its own stack: definitions can nest deeply. */
  cut(from: number, to: number, first: number, last: number, parent: number): readonly Piece[] {
    const pieces: Piece[] = [];
    const stack = [{ next: from, to, symbol: first, last, parent }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const symbol = this.#symbols[top.symbol];
      if (top.symbol >= top.last || symbol === undefined || symbol.line > top.to) {
        this.#addRun(pieces, top.next, top.to, top.parent, top.parent);
        stack.pop();
        continue;
      }
      const after = this.#afterInner(top.symbol, top.last);
      const start = Math.max(top.next, this.#withLeading(symbol.line, top.next));
      const end = Math.min(symbol.endLine, top.to);
      const index = top.symbol;
      top.symbol = after;
      if (end < start) continue;
      this.#addRun(pieces, top.next, start - 1, top.parent, top.parent);
      top.next = end + 1;
      if (after === index + 1 || end - start < wholeLines(symbol.kind)) this.#addRun(pieces, start, end, index, top.parent);
      else stack.push({ next: start, to: end, symbol: index + 1, last: after, parent: index });
    }
    return pieces;
  }

  /** The first symbol that does not begin inside the given one. */
  #afterInner(index: number, last: number): number {
    const end = this.#symbols[index]?.endLine ?? 0;
    let after = index + 1;
    while (after < last && (this.#symbols[after]?.line ?? 0) <= end) after += 1;
    return after;
  }

  #withLeading(line: number, from: number): number {
    let start = line;
    while (this.#leading !== undefined && start > from && this.#leading.test(this.#lines.line(start - 1).slice(0, 200))) start -= 1;
    return start;
  }

  /** The lines without the blank ones at both ends, in parts of at most `MAX_LINES`, cut at a blank line where there is one near. */
  #addRun(pieces: Piece[], from: number, to: number, symbol: number, parent: number): void {
    let line = from;
    for (;;) {
      while (line <= to && this.#lines.isBlank(line)) line += 1;
      if (line > to) return;
      const cutAt = this.#cutAt(line, to);
      let endLine = cutAt;
      while (this.#lines.isBlank(endLine)) endLine -= 1;
      pieces.push({ line, endLine, symbol: symbol === -1 ? undefined : symbol, parent });
      line = cutAt + 1;
    }
  }

  #cutAt(line: number, to: number): number {
    const farthest = line + MAX_LINES - 1;
    if (to <= farthest) return to;
    for (let at = farthest; at > line + MAX_LINES / 2; at -= 1) if (this.#lines.isBlank(at)) return at;
    return farthest;
  }
}

/** How long a definition with others in it may be to stay in one piece. What only holds others is always cut. */
function wholeLines(kind: SymbolKind): number {
  if (kind === 'namespace' || kind === 'module') return 0;
  return kind === 'function' || kind === 'method' || kind === 'constructor' ? MAX_LINES : WHOLE_CONTAINER_LINES;
}

function merge(pieces: readonly Piece[]): readonly Piece[] {
  const merged: Piece[] = [];
  for (const piece of pieces) {
    const before = merged.at(-1);
    if (before !== undefined && belongTogether(before, piece)) merged[merged.length - 1] = joined(before, piece);
    else merged.push(piece);
  }
  return merged;
}

function size({ line, endLine }: Piece): number {
  return endLine - line + 1;
}

function belongTogether(before: Piece, piece: Piece): boolean {
  const total = piece.endLine - before.line + 1;
  if (before.parent !== piece.parent || total > MAX_LINES) return false;
  if (before.symbol === piece.symbol && before.symbol !== undefined && before.symbol !== before.parent) return false;
  if (isGap(before) || isGap(piece)) return true;
  return total <= MERGED_LINES && size(before) < SMALL_LINES && size(piece) < SMALL_LINES;
}

/** A few lines that are no definition of their own. */
function isGap(piece: Piece): boolean {
  return (piece.symbol === undefined || piece.symbol === piece.parent) && size(piece) <= GAP_LINES;
}

/** The one definition of the two; where there are more, the one around them. */
function joined(before: Piece, piece: Piece): Piece {
  const { line, parent } = before;
  const own = [before, piece].filter((each) => each.several === true || (each.symbol !== undefined && each.symbol !== parent));
  const only = own.length === 1 ? own[0] : undefined;
  const symbol = only?.symbol ?? (parent === -1 ? undefined : parent);
  return { line, endLine: piece.endLine, symbol, parent, several: own.length > 1 || only?.several === true };
}
