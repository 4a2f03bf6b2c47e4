import { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import type { Exchange } from '../model.ts';
import type { ShortTerm } from '../ports.ts';
import { decodeExchanges, encodeExchanges, SHORT_TERM_MS } from './kept-exchanges.ts';

export interface MemoryShortTermOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Most memory of all texts together; default 64 MiB. */
  readonly maxBytes?: number;
  /** Most conversations; default 50,000. */
  readonly maxConversations?: number;
}

interface Kept {
  readonly space: SpaceKey;
  /** JSON, and not the exchanges themselves: its size is known, and it holds no part of a larger text alive. */
  readonly text: string;
}

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_CONVERSATIONS = 50_000;
/** The most a character of a text takes in memory. */
const BYTES_PER_CHARACTER = 2;

/** A cache in this process. When it is full, what was not used for longest goes. Nothing here waits. */
export class MemoryShortTerm implements ShortTerm {
  readonly #kept: BoundedMap<string, Kept>;
  /** Keys of what is kept, so that all of a space is found without a look at the others. */
  readonly #keysBySpace = new Map<SpaceKey, Set<string>>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ clock, maxBytes = MAX_BYTES, maxConversations = MAX_CONVERSATIONS }: MemoryShortTermOptions) {
    this.#maxBytes = maxBytes;
    this.#kept = new BoundedMap({
      maxSize: maxConversations,
      ttl: { ms: SHORT_TERM_MS, clock },
      onEvict: (key, kept) => this.#forget(key, kept),
    });
  }

  read(space: SpaceKey, conversation: string): Promise<readonly Exchange[] | undefined> {
    const kept = this.#kept.get(keyOf(space, conversation));
    return Promise.resolve(kept === undefined ? undefined : decodeExchanges(kept.text));
  }

  write(space: SpaceKey, conversation: string, exchanges: readonly Exchange[]): Promise<void> {
    const key = keyOf(space, conversation);
    this.#remove(key);
    const text = encodeExchanges(exchanges);
    if (text !== undefined) this.#keep(key, { space, text });
    return Promise.resolve();
  }

  drop(space: SpaceKey, conversation?: string): Promise<void> {
    const keys = conversation === undefined ? (this.#keysBySpace.get(space) ?? []) : [keyOf(space, conversation)];
    for (const key of keys) this.#remove(key);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#kept.clear();
    this.#keysBySpace.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }

  #keep(key: string, kept: Kept): void {
    const keys = this.#keysBySpace.get(kept.space) ?? new Set();
    this.#keysBySpace.set(kept.space, keys.add(key));
    this.#bytes += bytesOf(kept);
    this.#kept.set(key, kept);
    this.#makeRoom();
  }

  /** The map lists what was not used for longest first, and lets go of what is too old there. */
  #makeRoom(): void {
    for (const [key] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#forget(key, kept);
  }

  /** What it took beside its place in the map. */
  #forget(key: string, kept: Kept): void {
    this.#bytes -= bytesOf(kept);
    const keys = this.#keysBySpace.get(kept.space);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysBySpace.delete(kept.space);
  }
}

function keyOf(space: SpaceKey, conversation: string): string {
  return `${space}:${conversation}`;
}

function bytesOf({ text }: Kept): number {
  return text.length * BYTES_PER_CHARACTER;
}
