import { TopList } from '../search/top-list.ts';

/** Keeps the best of many by score; of equals those that come first in the order of paths, then by line. */
export class Ranking<T> {
  readonly #list: TopList<T>;

  constructor(size: number) {
    this.#list = new TopList(size);
  }

  /** `make` is asked only for what is kept for now. */
  offer(score: number, rank: number, make: () => T): void {
    if (this.#list.admits(score)) this.#list.offer(score, rank, make());
  }

  values(): T[] {
    return this.#list.sorted().map(({ value }) => value);
  }
}

/** A rank by file, then by line; lines above a million count as equal. */
export function placeRank(file: number, line: number): number {
  return file * 1_000_000 + Math.min(line, 999_999);
}

/** Counts by key, with a few examples of each. */
export class Tally {
  readonly #counts = new Map<string, { count: number; readonly examples: string[] }>();
  readonly #maxExamples: number;

  constructor(maxExamples = 20) {
    this.#maxExamples = maxExamples;
  }

  add(key: string, example?: string, by = 1): void {
    const entry = this.#counts.get(key) ?? { count: 0, examples: [] };
    this.#counts.set(key, entry);
    entry.count += by;
    if (example !== undefined && entry.examples.length < this.#maxExamples) entry.examples.push(example);
  }

  /** Most first, then by key. */
  entries(): { readonly key: string; readonly count: number; readonly examples: string[] }[] {
    return [...this.#counts]
      .map(([key, { count, examples }]) => ({ key, count, examples }))
      .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
  }
}
