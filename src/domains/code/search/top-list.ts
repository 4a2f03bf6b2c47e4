/** Keeps the best of many, in bounded memory: those with the highest score, of equals those with the lowest rank. */
export class TopList<T> {
  readonly #size: number;
  /** A heap, the worst first. */
  readonly #heap: { readonly score: number; readonly rank: number; readonly value: T }[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Would something of this score be kept, whatever its rank? A quick no for most. */
  admits(score: number): boolean {
    return this.#heap.length < this.#size || score >= (this.#heap[0]?.score ?? 0);
  }

  offer(score: number, rank: number, value: T): void {
    const entry = { score, rank, value };
    const heap = this.#heap;
    const worst = heap[0];
    if (heap.length < this.#size) {
      heap.push(entry);
      this.#rise(heap.length - 1);
    } else if (worst !== undefined && isBetter(entry, worst)) {
      heap[0] = entry;
      this.#sink();
    }
  }

  /** Best first. */
  sorted(): { readonly score: number; readonly value: T }[] {
    return this.#heap.toSorted((a, b) => (isBetter(a, b) ? -1 : 1)).map(({ score, value }) => ({ score, value }));
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBetter(parent, at)) return;
      at = parent;
    }
  }

  #sink(): void {
    const { length } = this.#heap;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      if (left >= length) return;
      const right = left + 1;
      const worse = right < length && this.#isBetterAt(left, right) ? right : left;
      if (!this.#swapIfBetter(at, worse)) return;
      at = worse;
    }
  }

  #isBetterAt(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a], this.#heap[b]];
    return left !== undefined && right !== undefined && isBetter(left, right);
  }

  /** Puts the worse of the two above. */
  #swapIfBetter(above: number, below: number): boolean {
    const [a, b] = [this.#heap[above], this.#heap[below]];
    if (a === undefined || b === undefined || !isBetter(a, b)) return false;
    this.#heap[above] = b;
    this.#heap[below] = a;
    return true;
  }
}

function isBetter(a: { readonly score: number; readonly rank: number }, b: { readonly score: number; readonly rank: number }): boolean {
  return a.score === b.score ? a.rank < b.rank : a.score > b.score;
}
