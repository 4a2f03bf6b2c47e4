/** The last characters of a stream, for a log line. */
export class TextTail {
  readonly #maxLength: number;
  #text = '';

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  add(chunk: string): void {
    this.#text = (this.#text + chunk.slice(-this.#maxLength)).slice(-this.#maxLength);
  }

  includes(part: string): boolean {
    return this.#text.includes(part);
  }

  /** Only printable ASCII and line feeds, the rest as `\u{…}`: nothing in it can act on a terminal or hide. */
  get escaped(): string {
    return this.#text.replaceAll(/[^\n\x20-\x7e]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
  }
}
