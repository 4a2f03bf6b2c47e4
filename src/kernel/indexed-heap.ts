/** Something that knows where it stands in each heap that may hold it: one index per heap, -1 when it is not in there. */
export interface HeapItem {
  readonly heapAt: number[];
}

/**
 * A binary heap whose items can be moved and removed from the middle in O(log n), because each keeps its own index.
 * One item may stand in several heaps, each with a `slot` of its own in `heapAt`.
 */
export class IndexedHeap<T extends HeapItem> implements Iterable<T> {
  readonly #items: T[] = [];
  readonly #slot: number;
  readonly #before: (a: T, b: T) => boolean;

  constructor(slot: number, before: (a: T, b: T) => boolean) {
    this.#slot = slot;
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  has(item: T): boolean {
    return this.#indexOf(item) >= 0;
  }

  /** Puts the item where it belongs, whether it is new here or its key has changed. */
  place(item: T): void {
    const index = this.#indexOf(item);
    if (index < 0) this.#rise(item, this.#items.length);
    else this.#settle(item, index);
  }

  remove(item: T): boolean {
    const index = this.#indexOf(item);
    if (index < 0) return false;
    const last = this.#items.pop();
    item.heapAt[this.#slot] = -1;
    if (last !== undefined && last !== item) this.#settle(last, index);
    return true;
  }

  /** In no particular order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  #indexOf(item: T): number {
    return item.heapAt[this.#slot] ?? -1;
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapAt[this.#slot] = index;
  }

  #settle(item: T, index: number): void {
    const parent = this.#items[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && this.#before(item, parent)) this.#rise(item, index);
    else this.#sink(item, index);
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(item, index);
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const least = this.#lesser(left, left + 1);
      const child = this.#items[least];
      if (child === undefined || !this.#before(child, item)) break;
      this.#put(child, index);
      index = least;
    }
    this.#put(item, index);
  }

  #lesser(left: number, right: number): number {
    const a = this.#items[left];
    const b = this.#items[right];
    return a !== undefined && b !== undefined && this.#before(b, a) ? right : left;
  }
}
