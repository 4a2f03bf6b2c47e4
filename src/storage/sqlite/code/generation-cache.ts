import type { IndexSource } from '../../../domains/code/search/code-index.ts';
import { type Alive, GenerationReader } from './generation-reader.ts';

export interface GenerationCacheLimits {
  readonly openGenerations: number;
  readonly openBytes: number;
}

/** The generations a thread has open, the least recently used closed first. One at least stays, however large. */
export class GenerationCache implements Disposable {
  readonly #limits: GenerationCacheLimits;
  /** In order of use. */
  readonly #open = new Map<string, { readonly folder: string; readonly reader: GenerationReader }>();

  constructor(limits: GenerationCacheLimits) {
    this.#limits = limits;
  }

  /** Folders of which files are open. */
  get folders(): readonly string[] {
    return [...new Set([...this.#open.values()].map(({ folder }) => folder))];
  }

  /** The manifest of a stage is a file of its own: what was opened as text is opened anew once the generation is complete. */
  get(source: IndexSource, alive: Alive): GenerationReader {
    const key = `${source.stage} ${source.folder}`;
    const entry = this.#open.get(key) ?? { folder: source.folder, reader: new GenerationReader(source, alive) };
    this.#open.delete(key);
    this.#open.set(key, entry);
    if (source.stage === 'complete') this.#close(`text ${source.folder}`);
    return entry.reader;
  }

  /** Closes what is too much. To be called between tasks, when sizes are known. */
  trim(): void {
    const { openGenerations, openBytes } = this.#limits;
    let bytes = 0;
    for (const { reader } of this.#open.values()) bytes += reader.bytes;
    for (const [key, { reader }] of this.#open) {
      if (this.#open.size <= 1 || (this.#open.size <= openGenerations && bytes <= openBytes)) return;
      bytes -= reader.bytes;
      this.#close(key);
    }
  }

  release(folder: string): void {
    for (const [key, entry] of this.#open) if (entry.folder === folder) this.#close(key);
  }

  [Symbol.dispose](): void {
    for (const key of this.#open.keys()) this.#close(key);
  }

  #close(key: string): void {
    this.#open.get(key)?.reader[Symbol.dispose]();
    this.#open.delete(key);
  }
}
