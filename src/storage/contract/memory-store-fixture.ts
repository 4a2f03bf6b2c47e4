import { randomBytes } from 'node:crypto';
import type { MemoryFilter, NewMemory, StoredMemory } from '../../domains/memory/model.ts';
import type { AddOutcome, MemoryStore, WriteCall } from '../../domains/memory/store.ts';

/** A memory store under test, empty, with whatever it needs. */
export interface MemoryStoreHarness extends AsyncDisposable {
  readonly store: MemoryStore;
  /** A call with a live signal and a deadline far off; `space` and `now` are always given by the suite. */
  call(overrides: Partial<WriteCall> & Pick<WriteCall, 'space' | 'now'>): WriteCall;
}

/** Wall time of the suite's calls unless a test moves it. */
export const NOW = Date.UTC(2026, 5, 1);

/** One space of a harness, with the calls a test makes on it. */
export class SpaceUnderTest {
  readonly store: MemoryStore;
  readonly key = randomBytes(8).toString('hex');
  readonly #harness: MemoryStoreHarness;

  constructor(harness: MemoryStoreHarness) {
    this.store = harness.store;
    this.#harness = harness;
  }

  call(overrides: Partial<WriteCall> = {}): WriteCall {
    return this.#harness.call({ space: this.key, now: NOW, ...overrides });
  }

  /** Stores one memory. */
  async add(memory: Partial<NewMemory> = {}, overrides: Partial<WriteCall> = {}): Promise<AddOutcome> {
    const [outcome] = await this.store.add(this.call(overrides), [newMemory(memory)]);
    if (outcome === undefined) throw new Error('add answered nothing');
    return outcome;
  }

  async all(filter: MemoryFilter = {}): Promise<readonly StoredMemory[]> {
    const rows: StoredMemory[] = [];
    for (;;) {
      const last = rows.at(-1);
      const page = await this.store.list(this.call(), filter, {
        limit: 100,
        ...(last === undefined ? {} : { after: { occurredAt: last.occurredAt, uuid: last.uuid } }),
      });
      rows.push(...page);
      if (page.length < 100) return rows;
    }
  }

  async search(query: string, request: Partial<Parameters<MemoryStore['search']>[1]> = {}): Promise<readonly string[]> {
    const { hits } = await this.store.search(this.call(), { query, filter: {}, limit: 10, ...request });
    return hits.map(({ memory }) => memory.uuid);
  }

  /** How far the counter of used bytes is from what the contents add up to: always 0. */
  async bytesOff(): Promise<number> {
    let sum = 0;
    let after: string | undefined;
    for (;;) {
      const page = await this.store.scan(this.call(), {}, after, 50);
      for (const memory of page) for (const state of [memory, ...(memory.history ?? [])]) sum += bytesOf(state);
      after = page.at(-1)?.uuid;
      if (after === undefined) break;
    }
    return (await this.store.usedBytes(this.call())) - sum;
  }
}

/** Written anew on purpose: the suite must not trust the rule it checks. */
function bytesOf({ content, tags, metadata }: Pick<StoredMemory, 'content' | 'tags' | 'metadata'>): number {
  return Buffer.byteLength(content + tags.join('') + JSON.stringify(metadata));
}

let made = 0;

/** UUIDv7-like, increasing. */
export function uuid(): string {
  made += 1;
  return `${NOW.toString(16).padStart(12, '0')}7${made.toString(16).padStart(19, '0')}`;
}

export function newMemory(memory: Partial<NewMemory> = {}): NewMemory {
  const id = memory.uuid ?? uuid();
  return {
    uuid: id,
    content: `content ${id}`,
    type: 'note',
    tags: [],
    metadata: {},
    source: {},
    author: 'user_a',
    occurredAt: NOW - 1000,
    createdAt: NOW - 500,
    updatedAt: NOW - 500,
    ...memory,
  };
}

/** Everything a memory can carry. */
export function fullMemory(): NewMemory {
  return newMemory({
    content: 'Zoë said: "naïve" 东京 \u0000 🦉',
    type: 'fact',
    tags: ['b', 'a', 'tag with, comma'],
    metadata: { deep: { list: [1, 2.5, null, true] }, 'odd "key"\\': 'x', n: 5 },
    thread: 'thread 1',
    place: 3,
    source: { client: 'claude-code', origin: 'file.md' },
    occurredAt: NOW - 86_400_000,
    expiresAt: NOW + 1000,
    version: 3,
    importId: 'imp_1',
    history: [
      { version: 1, content: 'first', type: 'note', tags: ['old'], metadata: { v: 1 }, replacedAt: NOW - 2000, replacedBy: 'user_a' },
      { version: 2, content: 'second', type: 'note', tags: [], metadata: {}, replacedAt: NOW - 1500, replacedBy: 'user_b' },
    ],
  });
}
