/** How a language writes what is no code, and what is one token though it is long. */
interface TokenStyle {
  /** `//` and slash-star. */
  readonly slash?: true;
  readonly hash?: true;
  /** `--` */
  readonly dash?: true;
  /** Three quotes open a text over several lines. */
  readonly triple?: true;
  /** A backtick opens a text over several lines. */
  readonly backtick?: true;
  /** A single quote may stand alone: a lifetime. */
  readonly lifetimes?: true;
}

const SLASH: TokenStyle = { slash: true };
const HASH: TokenStyle = { hash: true };

/** Languages whose duplicates are looked for: code, no prose, no data. */
const STYLES = new Map<string, TokenStyle>(
  Object.entries({
    ...Object.fromEntries(['c', 'cpp', 'csharp', 'java', 'objective-c', 'glsl', 'solidity', 'zig', 'protobuf'].map((id) => [id, SLASH])),
    ...Object.fromEntries(['javascript', 'typescript', 'tsx', 'go', 'vue', 'svelte'].map((id) => [id, { slash: true, backtick: true }])),
    ...Object.fromEntries(['swift', 'kotlin', 'scala', 'dart', 'groovy'].map((id) => [id, { slash: true, triple: true }])),
    ...Object.fromEntries(['ruby', 'bash', 'perl', 'r', 'powershell', 'tcl'].map((id) => [id, HASH])),
    ...Object.fromEntries(['python', 'elixir', 'julia'].map((id) => [id, { hash: true, triple: true }])),
    ...Object.fromEntries(['lua', 'sql', 'haskell', 'ada', 'vhdl', 'elm'].map((id) => [id, { dash: true }])),
    php: { slash: true, hash: true },
    rust: { slash: true, lifetimes: true },
  }),
);

/** Is the language one whose tokens are compared? */
export function hasTokens(language: string): boolean {
  return STYLES.has(language);
}

const [TAB, LF, SPACE, DOUBLE, HASHSIGN, SINGLE, STAR, DASH, SLASHSIGN, BACKSLASH, BACKTICK] = [9, 10, 32, 34, 35, 39, 42, 45, 47, 92, 96] as const;

/** 1: part of a word: letters, digits, `_`, `$`, and all that is not ASCII. */
const WORD = Uint8Array.from({ length: 256 }, (_, code) => (code >= 128 || code === 36 || /\w/.test(String.fromCharCode(code)) ? 1 : 0));

/** Longest text within quotes that ends on its line: beyond it was no quote. */
const MAX_QUOTED = 2000;

/** Tokens of one file at a time: a hash of each, and the line it begins on, from 1. Its arrays are used again for the next file. */
export class Tokens {
  hashes = new Uint32Array(1 << 16);
  lines = new Uint32Array(1 << 16);
  length = 0;
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  #line = 1;
  #style: TokenStyle = {};

  /** Reads a file. White space and comments are no tokens; a text in quotes is one; so is every other character that is no word. */
  read(bytes: Uint8Array, language: string): void {
    this.#bytes = bytes;
    this.#style = STYLES.get(language) ?? {};
    this.#at = 0;
    this.#line = 1;
    this.length = 0;
    const end = bytes.length;
    while (this.#at < end) this.#step(bytes[this.#at] ?? 0);
    this.#bytes = new Uint8Array();
  }

  #step(code: number): void {
    if (code === LF) {
      this.#line += 1;
      this.#at += 1;
    } else if (code === SPACE || code === TAB || code < SPACE) this.#at += 1;
    else if (WORD[code] === 1) this.#word();
    else if (this.#isLineComment(code)) this.#skipLine();
    else if (code === SLASHSIGN && this.#style.slash === true && this.#bytes[this.#at + 1] === STAR) this.#skipBlock();
    else if (code === DOUBLE || code === SINGLE || (code === BACKTICK && this.#style.backtick === true)) this.#quoted(code);
    else this.#push(this.#at, this.#at + 1);
  }

  #isLineComment(code: number): boolean {
    const { slash, hash, dash } = this.#style;
    if (code === HASHSIGN) return hash === true;
    const next = this.#bytes[this.#at + 1];
    return (code === SLASHSIGN && slash === true && next === SLASHSIGN) || (code === DASH && dash === true && next === DASH);
  }

  #word(): void {
    const from = this.#at;
    let to = from + 1;
    while (WORD[this.#bytes[to] ?? 0] === 1) to += 1;
    this.#push(from, to);
  }

  #quoted(quote: number): void {
    const bytes = this.#bytes;
    const from = this.#at;
    if (quote === SINGLE && this.#style.lifetimes === true && bytes[from + 1] !== BACKSLASH && bytes[from + 2] !== SINGLE) {
      this.#push(from, from + 1);
      return;
    }
    const isTriple = this.#style.triple === true && bytes[from + 1] === quote && bytes[from + 2] === quote;
    const to = isTriple ? this.#endOfTriple(from + 3, quote) : this.#endOfQuoted(from + 1, quote);
    this.#push(from, to);
    for (let at = from; at < to; at += 1) if (bytes[at] === LF) this.#line += 1;
  }

  /** Without an end on its line (or anywhere, for a backtick) a quote is a character like others: a lifetime, an apostrophe. */
  #endOfQuoted(from: number, quote: number): number {
    const bytes = this.#bytes;
    const limit = quote === BACKTICK ? bytes.length : Math.min(bytes.length, from + MAX_QUOTED);
    for (let at = from; at < limit; at += 1) {
      const code = bytes[at];
      if (code === quote) return at + 1;
      if (code === BACKSLASH) at += 1;
      else if (code === LF && quote !== BACKTICK) return from;
    }
    return from;
  }

  #endOfTriple(from: number, quote: number): number {
    const bytes = this.#bytes;
    for (let at = from; at + 2 < bytes.length; at += 1) {
      if (bytes[at] === quote && bytes[at + 1] === quote && bytes[at + 2] === quote) return at + 3;
    }
    return bytes.length;
  }

  #skipLine(): void {
    const to = this.#bytes.indexOf(LF, this.#at);
    this.#at = to < 0 ? this.#bytes.length : to;
  }

  #skipBlock(): void {
    const bytes = this.#bytes;
    let at = this.#at + 2;
    for (; at < bytes.length && !(bytes[at] === STAR && bytes[at + 1] === SLASHSIGN); at += 1) if (bytes[at] === LF) this.#line += 1;
    this.#at = Math.min(bytes.length, at + 2);
  }

  /** FNV-1a over the bytes. */
  #push(from: number, to: number): void {
    let hash = 0x811c9dc5;
    for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (this.#bytes[at] ?? 0), 0x01000193);
    if (this.length === this.hashes.length) this.#grow();
    this.hashes[this.length] = hash;
    this.lines[this.length] = this.#line;
    this.length += 1;
    this.#at = to;
  }

  #grow(): void {
    const hashes = new Uint32Array(this.hashes.length * 2);
    const lines = new Uint32Array(hashes.length);
    hashes.set(this.hashes);
    lines.set(this.lines);
    this.hashes = hashes;
    this.lines = lines;
  }
}
