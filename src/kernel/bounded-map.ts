import type { Clock } from './clock.ts';
import { PolymniaError } from './errors.ts';

export interface BoundedMapOptions<K, V> {
  /** Most entries held; the least recently used one goes first. At least 1. */
  readonly maxSize: number;
  /** How long an entry lives after it was set, however often it is read. Without it entries do not age. */
  readonly ttl?: { readonly ms: number; readonly clock: Pick<Clock, 'monotonic'> };
  /** Told of each entry the map drops by itself: pushed out by size, or found too old. Not of `delete`, `clear` or a replaced value. */
  readonly onEvict?: (key: K, value: V) => void;
}

interface Slot<V> {
  readonly value: V;
  readonly expiresAt: number;
}

/**
 * A map that never holds more than `maxSize` entries and, if asked, none older than its time to live.
 * Every operation is O(1). Entries that are too old are dropped when they are met, so until then they count in `size`.
 */
export class BoundedMap<K, V> implements Iterable<[K, V]> {
  /** Least recently used first: a JavaScript map keeps the order of insertion, and a use inserts anew. */
  readonly #slots = new Map<K, Slot<V>>();
  readonly #options: BoundedMapOptions<K, V>;

  constructor(options: BoundedMapOptions<K, V>) {
    if (!(options.maxSize >= 1)) throw new PolymniaError('internal', `A bounded map needs a size of at least 1, not ${options.maxSize}.`);
    this.#options = options;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The value, which thereby becomes the most recently used one; undefined when absent or too old. */
  get(key: K): V | undefined {
    const slot = this.#live(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    return slot.value;
  }

  /** Whether a live entry exists; no use in the sense of the order. */
  has(key: K): boolean {
    return this.#live(key) !== undefined;
  }

  /** Sets the value and starts its life anew; may push out the least recently used entry. */
  set(key: K, value: V): void {
    const { ttl, maxSize } = this.#options;
    this.#slots.delete(key);
    this.#slots.set(key, { value, expiresAt: ttl === undefined ? Infinity : ttl.clock.monotonic() + ttl.ms });
    if (this.#slots.size <= maxSize) return;
    for (const [oldest, slot] of this.#slots) {
      this.#evict(oldest, slot);
      return;
    }
  }

  delete(key: K): boolean {
    return this.#slots.delete(key);
  }

  clear(): void {
    this.#slots.clear();
  }

  /** Live entries, least recently used first; reading them so is no use. */
  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const [key, slot] of this.#slots) {
      if (this.#expired(slot)) this.#evict(key, slot);
      else yield [key, slot.value];
    }
  }

  #live(key: K): Slot<V> | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#expired(slot)) return slot;
    this.#evict(key, slot);
    return undefined;
  }

  #expired(slot: Slot<V>): boolean {
    const { ttl } = this.#options;
    return ttl !== undefined && ttl.clock.monotonic() >= slot.expiresAt;
  }

  #evict(key: K, slot: Slot<V>): void {
    this.#slots.delete(key);
    this.#options.onEvict?.(key, slot.value);
  }
}
