import { PolymniaError } from './errors.ts';

/** A place in a queue, as `push` gave it: what `remove` takes. */
export interface QueuePlace<T> {
  readonly value: T;
}

interface Node<T> extends QueuePlace<T> {
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
}

/**
 * First in, first out, never longer than `maxLength`. A doubly linked list, so that a waiting caller who gives up
 * leaves from the middle in O(1), as push and shift are.
 */
export class BoundedQueue<T> implements Iterable<T> {
  /** Every place that still stands in this queue; a place of another queue, or one that has left, is not in it. */
  readonly #places = new Map<QueuePlace<T>, Node<T>>();
  readonly #maxLength: number;
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;

  constructor(maxLength: number) {
    if (!(maxLength >= 1)) throw new PolymniaError('internal', `A bounded queue needs a length of at least 1, not ${maxLength}.`);
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#places.size;
  }

  get full(): boolean {
    return this.#places.size >= this.#maxLength;
  }

  /** Appends, and gives the place that `remove` takes; false, and nothing changed, when the queue is full. */
  push(value: T): QueuePlace<T> | false {
    if (this.full) return false;
    const node: Node<T> = { value, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#places.set(node, node);
    return node;
  }

  /** The first value, left in its place. */
  peek(): T | undefined {
    return this.#first?.value;
  }

  shift(): T | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.remove(first);
    return first.value;
  }

  /** Takes one entry out, wherever it stands; false when it has left already. */
  remove(place: QueuePlace<T>): boolean {
    const node = this.#places.get(place);
    if (node === undefined) return false;
    this.#places.delete(place);
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    return true;
  }

  clear(): void {
    this.#places.clear();
    this.#first = undefined;
    this.#last = undefined;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let node = this.#first; node !== undefined; node = node.next) yield node.value;
  }
}
