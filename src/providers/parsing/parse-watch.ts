/** Looked at once in so many calls: the clock costs more than the question. */
const LOOK_EVERY = 16;
/** A parse may grow the memory by this; the runtime as a whole ends at `grammars.ts` MOST_PAGES. */
const MAX_GROWTH = 500 * 1024 * 1024;

/** Tells a parse that it has had its time or its memory. One for each text. */
export class ParseWatch {
  readonly #memory: WebAssembly.Memory;
  readonly #now: () => number;
  readonly #deadline: number;
  readonly #mostBytes: number;
  #calls = 0;
  #isOver = false;

  constructor(memory: WebAssembly.Memory, now: () => number, maxMs: number) {
    this.#memory = memory;
    this.#now = now;
    this.#deadline = now() + maxMs;
    this.#mostBytes = memory.buffer.byteLength + MAX_GROWTH;
  }

  /** Once true, always true. */
  isOver(): boolean {
    this.#calls += 1;
    if (!this.#isOver && this.#calls % LOOK_EVERY === 0) {
      this.#isOver = this.#now() > this.#deadline || this.#memory.buffer.byteLength > this.#mostBytes;
    }
    return this.#isOver;
  }
}
