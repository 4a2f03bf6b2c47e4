import type { SkippedItem, SourceItem } from './source-item.ts';

/** Lines are sent together up to this size. */
const CHUNK_CHARACTERS = 64 * 1024;
/** Items reported by place; beyond it they are only counted. */
const MAX_REPORTED = 100;
/** Lines whose place in the source is remembered, to name it when the server refuses one. */
const MAX_PLACES = 1_000_000;

/** Items as the JSON Lines of an upload, with the book of what was left out and which line came from where. */
export class ImportBody {
  readonly #items: AsyncIterable<SourceItem>;
  readonly #places: string[] = [];
  readonly #skipped: SkippedItem[] = [];
  #skippedCount = 0;
  #itemCount = 0;

  constructor(items: AsyncIterable<SourceItem>) {
    this.#items = items;
  }

  /** Items that could not be converted, the first hundred. */
  get skipped(): readonly SkippedItem[] {
    return this.#skipped;
  }

  get skippedCount(): number {
    return this.#skippedCount;
  }

  /** Items read so far. */
  get itemCount(): number {
    return this.#itemCount;
  }

  /** Where the line of this number, from 1, came from. */
  placeOf(line: number): string {
    return this.#places[line - 1] ?? `line ${line} of what was sent`;
  }

  /** The upload, made only as it is taken. Can be read once. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder();
    let text = '';
    for await (const item of this.#items) {
      text += this.#take(item);
      if (text.length < CHUNK_CHARACTERS) continue;
      yield encoder.encode(text);
      text = '';
    }
    if (text !== '') yield encoder.encode(text);
  }

  #take({ place, lines, problem }: SourceItem): string {
    this.#itemCount += 1;
    if (problem !== undefined) {
      this.#skippedCount += 1;
      if (this.#skipped.length < MAX_REPORTED) this.#skipped.push({ place, message: problem });
    }
    for (const _line of lines) if (this.#places.length < MAX_PLACES) this.#places.push(place);
    return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}
