const NEWLINE = 10;
const SPACE = 32;

/** A text and where its lines begin. Lines count from 1 and end at `\n`; an empty rest after the last one is no line. */
export class SourceLines {
  readonly text: string;
  readonly count: number;
  readonly #starts: Uint32Array;

  constructor(text: string) {
    this.text = text;
    let count = 1;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
    const starts = new Uint32Array(count + 1);
    let line = 1;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts[line++] = at + 1;
    starts[count] = text.length + 1;
    this.#starts = starts;
    this.count = text === '' || text.charCodeAt(text.length - 1) === NEWLINE ? count - 1 : count;
  }

  /** Where the line begins; for the line after the last one, where the text ends. */
  start(line: number): number {
    return Math.min(this.#starts[line - 1] ?? this.text.length, this.text.length);
  }

  /** Without its `\n`. */
  line(line: number): string {
    return this.text.slice(this.start(line), this.end(line));
  }

  /** Where the line's text ends, before its `\n`. */
  end(line: number): number {
    return Math.max(this.start(line), (this.#starts[line] ?? this.text.length + 1) - 1);
  }

  /** The line an index lies in. */
  lineAt(index: number): number {
    let low = 1;
    let high = Math.max(1, this.count);
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.start(middle) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  isBlank(line: number): boolean {
    const end = this.end(line);
    for (let at = this.start(line); at < end; at += 1) if (!isSpace(this.text.charCodeAt(at))) return false;
    return true;
  }

  /** Characters of white space before the line's text. */
  indent(line: number): number {
    const start = this.start(line);
    const end = this.end(line);
    let at = start;
    while (at < end && isSpace(this.text.charCodeAt(at))) at += 1;
    return at - start;
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || (code >= 9 && code <= 13) || code === 0xa0 || code === 0xfeff;
}
