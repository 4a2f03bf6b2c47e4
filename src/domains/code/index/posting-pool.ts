import { PolymniaError } from '../../../kernel/errors.ts';

/** Fields of a list: the id before, the number of entries, where the list begins, where it goes on, where its slice ends, the slice's length. */
const FIELDS = 6;
const LAST = 0;
const COUNT = 1;
const FIRST = 2;
const NEXT = 3;
const END = 4;
const SLICE = 5;
/** At the end of each slice: where the next one begins. */
const LINK_BYTES = 4;
const FIRST_SLICE = 16;
const LARGEST_SLICE = 8192;
const FIRST_LISTS = 1 << 12;
const FIRST_BYTES = 1 << 20;
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Many growing lists of ids in one block of memory, in the encoding of `postings.ts`: each list is a chain of slices, every one
 * twice as long as the one before (Lucene's byte pool). A list is named by the number that {@link PostingPool.newList} gave; its ids
 * must come in rising order. Holds up to 2 GiB.
 */
export class PostingPool {
  #lists = new Int32Array(FIRST_LISTS * FIELDS);
  #count = 0;
  #memory = new Uint8Array(FIRST_BYTES);
  #used = 0;

  newList(): number {
    const list = this.#count++;
    const at = list * FIELDS;
    if (at + FIELDS > this.#lists.length) this.#lists = enlarged(this.#lists, new Int32Array(this.#lists.length * 2));
    const start = this.#reserve(FIRST_SLICE);
    this.#lists[at + FIRST] = start;
    this.#lists[at + NEXT] = start;
    this.#lists[at + END] = start + FIRST_SLICE - LINK_BYTES;
    this.#lists[at + SLICE] = FIRST_SLICE;
    return list;
  }

  /** Adds an id to a list of `encodeIds`' form. */
  add(list: number, id: number): void {
    this.#put(list * FIELDS, this.#advance(list * FIELDS, id));
  }

  /** Adds an id with a weight of at least 1 to a list of `encodeWeighted`'s form. */
  addWeighted(list: number, id: number, weight: number): void {
    const at = list * FIELDS;
    const distance = this.#advance(at, id);
    if (weight === 1) return this.#put(at, distance * 2 + 1);
    this.#put(at, distance * 2);
    this.#put(at, weight);
  }

  /** How many entries a list has. */
  size(list: number): number {
    return this.#lists[list * FIELDS + COUNT] ?? 0;
  }

  /** A list's bytes, as `encodeIds` or `encodeWeighted` would give them: a view that holds until the next call. */
  encoded(list: number): Uint8Array {
    const at = list * FIELDS;
    const end = this.#lists[at + NEXT] ?? 0;
    let start = this.#lists[at + FIRST] ?? 0;
    let filled = 0;
    for (let slice = FIRST_SLICE; ; slice = Math.min(slice * 2, LARGEST_SLICE)) {
      const room = slice - LINK_BYTES;
      const isLast = end >= start && end <= start + room;
      const length = isLast ? end - start : room;
      if (filled + length > this.#out.length) this.#out = enlarged(this.#out, new Uint8Array((filled + length) * 2));
      this.#out.set(this.#memory.subarray(start, start + length), filled);
      filled += length;
      if (isLast) return this.#out.subarray(0, filled);
      start = this.#link(start + room);
    }
  }

  #out = new Uint8Array(FIRST_SLICE);

  #advance(at: number, id: number): number {
    const lists = this.#lists;
    const distance = id - (lists[at + LAST] ?? 0);
    lists[at + LAST] = id;
    lists[at + COUNT] = (lists[at + COUNT] ?? 0) + 1;
    return distance;
  }

  #put(at: number, value: number): void {
    const lists = this.#lists;
    let next = lists[at + NEXT] ?? 0;
    let end = lists[at + END] ?? 0;
    let rest = value >>> 0;
    for (;;) {
      if (next === end) {
        next = this.#grow(at, next);
        end = lists[at + END] ?? 0;
      }
      if (rest < 128) break;
      this.#memory[next++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#memory[next] = rest;
    lists[at + NEXT] = next + 1;
  }

  /** Gives a list whose slice is full the next one, and answers where it begins. */
  #grow(at: number, end: number): number {
    const length = Math.min((this.#lists[at + SLICE] ?? FIRST_SLICE) * 2, LARGEST_SLICE);
    const start = this.#reserve(length);
    for (let byte = 0; byte < LINK_BYTES; byte++) this.#memory[end + byte] = start >>> (byte * 8);
    this.#lists[at + END] = start + length - LINK_BYTES;
    this.#lists[at + SLICE] = length;
    return start;
  }

  #link(at: number): number {
    let start = 0;
    for (let byte = 0; byte < LINK_BYTES; byte++) start |= (this.#memory[at + byte] ?? 0) << (byte * 8);
    return start;
  }

  #reserve(length: number): number {
    const start = this.#used;
    if (start + length > MAX_BYTES) throw new PolymniaError('too_large', 'One segment of a code index outgrew its memory; use smaller segments.');
    if (start + length > this.#memory.length) {
      this.#memory = enlarged(this.#memory, new Uint8Array(Math.min(MAX_BYTES, Math.ceil(this.#memory.length * 1.5))));
    }
    this.#used = start + length;
    return start;
  }
}

function enlarged<T extends Int32Array | Uint8Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
