import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { MemoryFilter, NewMemory } from '../../domains/memory/model.ts';
import { newMemory, NOW, SpaceUnderTest, type MemoryStoreHarness } from './memory-store-fixture.ts';

const TAGS = ['red', 'green', 'blue', "o'clock", '100%'];
const TYPES = ['note', 'fact'];
const THREADS = ['t1', 't2'];
const AUTHORS = ['user_a', 'user_b'];
const KEYS = ['k', 'a.b', '"quoted"', '$.k', 'back\\slash', ''];
const SCALARS = ['v', '5', "it's", 5, 0.1, -1e21, true, false, null];

const filters: fc.Arbitrary<MemoryFilter> = fc
  .record(
    {
      tagsAny: fc.subarray(TAGS),
      tagsAll: fc.subarray(TAGS, { maxLength: 2 }),
      type: fc.constantFrom(...TYPES),
      thread: fc.constantFrom(...THREADS),
      sinceMs: fc.integer({ min: NOW - 12, max: NOW }),
      untilMs: fc.integer({ min: NOW - 12, max: NOW }),
      metadata: fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...SCALARS), { maxKeys: 1 }),
      importId: fc.constantFrom('imp_1', 'imp_2'),
      author: fc.constantFrom(...AUTHORS),
    },
    { requiredKeys: [] },
  )
  .map((filter) => filter as MemoryFilter);

/** What the filter means, said plainly. */
function passes(filter: MemoryFilter, memory: NewMemory): boolean {
  const { tagsAny = [], tagsAll = [], metadata = {} } = filter;
  return (
    (tagsAny.length === 0 || tagsAny.some((tag) => memory.tags.includes(tag))) &&
    tagsAll.every((tag) => memory.tags.includes(tag)) &&
    (filter.type === undefined || memory.type === filter.type) &&
    (filter.thread === undefined || memory.thread === filter.thread) &&
    (filter.sinceMs === undefined || memory.occurredAt >= filter.sinceMs) &&
    (filter.untilMs === undefined || memory.occurredAt < filter.untilMs) &&
    (filter.importId === undefined || memory.importId === filter.importId) &&
    (filter.author === undefined || memory.author === filter.author) &&
    Object.entries(metadata).every(([key, value]) => Object.hasOwn(memory.metadata, key) && memory.metadata[key] === value) &&
    (memory.expiresAt === undefined || memory.expiresAt > NOW)
  );
}

/** 150 memories over all the values the filters name, many at equal times, some expired. */
function population(): NewMemory[] {
  const pick = <T>(values: readonly T[], n: number): T => values[n % values.length] as T;
  return Array.from({ length: 150 }, (_, n) => {
    const hash = (n * 2_654_435_761) % 4_294_967_296;
    const bits = (shift: number): number => Math.floor(hash / 2 ** shift);
    return newMemory({
      content: `owl ${n} ${n % 3 === 0 ? 'heron' : 'stork'}`,
      type: pick(TYPES, bits(3)),
      tags: TAGS.filter((_tag, index) => (bits(5 + index) & 1) === 1),
      metadata: { [pick(KEYS, bits(7))]: pick(SCALARS, bits(11)) },
      author: pick(AUTHORS, bits(13)),
      occurredAt: NOW - (bits(9) % 10),
      ...(n % 4 === 0 ? { thread: pick(THREADS, bits(15)) } : {}),
      ...(n % 5 === 0 ? { importId: pick(['imp_1', 'imp_2'], bits(4)) } : {}),
      ...(n % 11 === 0 ? { expiresAt: NOW - (n % 2) } : n % 13 === 0 ? { expiresAt: NOW + 1 } : {}),
    });
  });
}

/** Filters, pages and order, against a plain filter in memory. */
export function filtersContract(harness: () => MemoryStoreHarness): void {
  const memories = population();
  let space: SpaceUnderTest;
  const expected = (filter: MemoryFilter): string[] => memories.filter((memory) => passes(filter, memory)).map(({ uuid }) => uuid);

  beforeAll(async () => {
    space = new SpaceUnderTest(harness());
    await space.store.add(space.call({ now: NOW - 1000 }), memories);
  });

  it('lists, counts and scans exactly what a filter means', async () => {
    const property = fc.asyncProperty(filters, async (filter) => {
      const wanted = expected(filter).toSorted();
      expect((await space.all(filter)).map(({ uuid }) => uuid).toSorted()).toEqual(wanted);
      expect(await space.store.count(space.call(), filter)).toBe(wanted.length);
      expect((await space.store.scan(space.call(), filter, undefined, 200)).map(({ uuid }) => uuid)).toEqual(wanted);
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('filters before the cut when ranking', async () => {
    const property = fc.asyncProperty(filters, fc.constantFrom('owl', 'heron', 'heron stork owl'), async (filter, query) => {
      const words = query.split(' ');
      const allowed = new Set(expected(filter));
      const matching = memories.filter(({ uuid, content }) => allowed.has(uuid) && words.some((word) => content.includes(word)));
      const found = await space.search(query, { filter, limit: 200 });
      expect(found.filter((uuid) => !allowed.has(uuid))).toEqual([]);
      expect(found).toEqual(expect.arrayContaining(matching.map(({ uuid }) => uuid)));
      expect(await space.search(query, { filter, limit: 3 })).toEqual(found.slice(0, 3));
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('pages newest first without gap or repeat, also among equal times', async () => {
    const order = (await space.all()).map(({ occurredAt, uuid }) => [occurredAt, uuid] as const);
    expect(order).toEqual(order.toSorted((a, b) => b[0] - a[0] || (a[1] < b[1] ? 1 : -1)));
    for (const limit of [1, 7, 50]) {
      const seen: string[] = [];
      let page = await space.store.list(space.call(), {}, { limit });
      while (page.length > 0) {
        seen.push(...page.map(({ uuid }) => uuid));
        const { occurredAt, uuid } = page.at(-1) ?? { occurredAt: 0, uuid: '' };
        page = await space.store.list(space.call(), {}, { limit, after: { occurredAt, uuid } });
      }
      expect(seen).toEqual(order.map(([, uuid]) => uuid));
    }
  });

  it('counts tags of live memories, most used first', async () => {
    const live = memories.filter((memory) => passes({}, memory));
    const wanted = TAGS.map((tag) => ({ tag, count: live.filter((memory) => memory.tags.includes(tag)).length }));
    const byUse = wanted.toSorted((a, b) => b.count - a.count || (a.tag < b.tag ? -1 : 1));
    expect(await space.store.tags(space.call(), { limit: 10 })).toEqual(byUse);
    expect(await space.store.tags(space.call(), { limit: 2 })).toEqual(byUse.slice(0, 2));
    expect(await space.store.tags(space.call(), { prefix: 'gr', limit: 10 })).toEqual(byUse.filter(({ tag }) => tag === 'green'));
    expect(await space.store.tags(space.call(), { prefix: '%', limit: 10 })).toEqual([]);
  });

  it('tells what a space holds', async () => {
    const live = memories.filter((memory) => passes({}, memory));
    const times = live.map(({ occurredAt }) => occurredAt);
    const stats = await space.store.stats(space.call());
    expect(stats).toMatchObject({ memories: live.length, threads: 2, versions: 0, oldest: Math.min(...times), newest: Math.max(...times) });
    expect(Object.fromEntries(stats.types.map(({ type, count }) => [type, count]))).toEqual(
      Object.fromEntries(TYPES.map((type) => [type, live.filter((memory) => memory.type === type).length])),
    );
    expect(stats.fileBytes).toBeGreaterThan(stats.bytes);
  });
}
