import { expect, it } from 'vitest';
import type { MemoryStore, VectorRow } from '../../domains/memory/store.ts';
import { newMemory, NOW, SpaceUnderTest, type MemoryStoreHarness } from './memory-store-fixture.ts';

const DAY = 86_400_000;

/** Ranked search, by words and by vectors. */
export function searchContract(harness: () => MemoryStoreHarness): void {
  const space = (): SpaceUnderTest => new SpaceUnderTest(harness());

  it('finds by stems and tags, scores 0 to 1 best first, and says why', async () => {
    const s = space();
    const both = await s.add({ content: 'The owls were hunting mice' });
    const one = await s.add({ content: 'An owl slept through a long and quiet winter afternoon' });
    const tagged = await s.add({ content: 'unrelated', tags: ['owl'] });
    const { mode, hits } = await s.store.search(s.call(), { query: 'owl hunts?', filter: {}, limit: 10 });
    expect(mode).toBe('lexical');
    expect(hits.map(({ memory }) => memory.uuid)[0]).toBe(both.uuid);
    expect(new Set(hits.map(({ memory }) => memory.uuid))).toEqual(new Set([both.uuid, one.uuid, tagged.uuid]));
    expect(hits[0]?.score).toBe(1);
    for (const { score, why } of hits) {
      expect(score).toBeGreaterThan(0);
      expect(why.lexical).toBeCloseTo(score, 6);
    }
    const [, second] = hits;
    expect(await s.search('owl hunts?', { minScore: second?.score ?? 0 })).toHaveLength(
      hits.filter(({ score }) => score >= (second?.score ?? 0)).length,
    );
    expect(await s.search('owl hunts?', { minScore: 0.999 })).toEqual([both.uuid]);
  });

  it('finds nothing for a query without words, and takes no syntax from it', async () => {
    const s = space();
    const { uuid } = await s.add({ content: 'plain owl' });
    for (const query of ['', '   ', '?!', '"', '*', '-- ;']) expect(await s.search(query)).toEqual([]);
    for (const query of ['owl"', 'owl OR', 'NEAR(owl', 'content:owl*', '^owl AND (']) expect(await s.search(query), query).toEqual([uuid]);
  });

  it('puts the newest first among equals', async () => {
    const s = space();
    const outcomes = await s.store.add(
      s.call(),
      [3, 1, 2].map((age) => newMemory({ content: 'equal owl', type: `type${age}`, occurredAt: NOW - age * DAY })),
    );
    const [oldest, newest, middle] = outcomes.map(({ uuid }) => uuid);
    expect(await s.search('owl')).toEqual([newest, middle, oldest]);
  });

  it('cuts a long list where it would without the cut, the newest first among many equals', async () => {
    const s = space();
    const equals = Array.from({ length: 120 }, (_, age) =>
      newMemory({ content: 'equal owl', type: `type${age}`, occurredAt: NOW - ((age * 7) % 120) * DAY }),
    );
    const better = Array.from({ length: 3 }, (_, at) => newMemory({ content: `owl owl ${'owl '.repeat(at)}`, occurredAt: NOW }));
    await s.store.add(s.call(), [...equals, ...better]);
    const whole = await s.search('owl', { limit: 123 });
    const byAge = equals.toSorted((a, b) => b.occurredAt - a.occurredAt).map(({ uuid }) => uuid);
    expect(whole.filter((uuid) => byAge.includes(uuid))).toEqual(byAge);
    for (const limit of [1, 3, 10, 72]) expect(await s.search('owl', { limit })).toEqual(whole.slice(0, limit));
  });

  it('prefers the recent when asked to, and the time a question names', async () => {
    const s = space();
    const old = await s.add({ content: 'owl owl owl', occurredAt: NOW - 900 * DAY });
    const fresh = await s.add({ content: 'an owl today among many other words here', occurredAt: NOW });
    expect(await s.search('owl')).toEqual([old.uuid, fresh.uuid]);
    const { hits } = await s.store.search(s.call(), { query: 'owl', filter: {}, limit: 10, recencyWeight: 5 });
    expect(hits.map(({ memory }) => memory.uuid)).toEqual([fresh.uuid, old.uuid]);
    expect(hits[0]?.why.recency).toBeGreaterThan(0.5);
    const before = await s.store.search(s.call(), { query: 'owl', filter: {}, limit: 10 });
    const lifted = await s.store.search(s.call(), { query: 'owl', filter: {}, limit: 10, spans: [{ sinceMs: NOW - DAY, untilMs: NOW }] });
    const scoreOf = (answer: typeof before): number => answer.hits.find(({ memory }) => memory.uuid === fresh.uuid)?.score ?? 0;
    expect(scoreOf(lifted)).toBeGreaterThan(scoreOf(before));
  });

  it('lends score within a thread, also to neighbours that hold none of the words', async () => {
    const s = space();
    const turns = ['good morning', 'did you see the owl', 'yes in the old tree', 'lovely', 'what is for lunch', 'soup'];
    const outcomes = await s.store.add(
      s.call(),
      turns.map((content) => newMemory({ content, thread: 't' })),
    );
    const { hits } = await s.store.search(s.call(), { query: 'owl', filter: {}, limit: 10 });
    const ids = outcomes.map(({ uuid }) => uuid);
    expect(hits[0]).toMatchObject({ memory: { uuid: ids[1] }, score: 1 });
    expect(hits.map(({ memory }) => memory.uuid).toSorted()).toEqual(ids.slice(0, 4));
    const neighbour = hits.find(({ memory }) => memory.uuid === ids[2]);
    expect(neighbour?.why).toEqual({ neighbour: expect.any(Number) });
    await s.store.update(s.call(), ids[2] ?? '', { type: 'fact', changedBy: 'user_a' });
    expect(await s.search('owl', { filter: { type: 'note' } })).not.toContain(ids[2]);
  });

  it('ranks by vectors of the searchable model only, alone or fused with words', async () => {
    const s = space();
    const items = ['apple', 'banana', 'cherry'].map((content) => newMemory({ content }));
    await s.store.add(s.call(), items, { embedModel: 'm1' });
    expect(await s.store.search(s.call(), { query: 'apple', filter: {}, limit: 9 })).toMatchObject({ mode: 'lexical', pendingVectors: 3 });
    const vector = { model: 'm1', values: Float32Array.of(0, 1) };
    const rows = items.map(({ uuid }, index) => ({ uuid, version: 1, values: Float32Array.of(1 - index / 2, index / 2) }));
    expect(await s.store.vectorsPut(s.call(), 'm1', rows.slice(0, 2))).toMatchObject({ saved: 2, pending: 1 });
    expect(await s.store.search(s.call(), { query: '', filter: {}, limit: 9, vector })).toMatchObject({ mode: 'lexical', hits: [] });
    expect(await s.store.vectorsPut(s.call(), 'm1', rows.slice(2))).toEqual({ saved: 1, pending: 0, stale: 0 });
    const answer = await s.store.search(s.call(), { query: '', filter: {}, limit: 9, vector });
    expect(answer).toMatchObject({ mode: 'hybrid', pendingVectors: 0 });
    expect(answer.hits.map(({ memory }) => memory.content)).toEqual(['cherry', 'banana', 'apple']);
    expect(answer.hits[0]).toMatchObject({ score: 1, why: { vector: expect.closeTo(1, 5) } });
    const fused = await s.store.search(s.call(), { query: 'apple', filter: {}, limit: 9, vector });
    expect(fused.hits.find(({ memory }) => memory.content === 'apple')?.why).toEqual({ lexical: 1, vector: expect.any(Number) });
    expect(await s.search('', { vector: { ...vector, model: 'm2' } })).toEqual([]);
    expect(await s.search('', { vector, filter: { untilMs: 0 } })).toEqual([]);
  });

  it('drops vectors of what changed or went, and asks for them anew', async () => {
    const s = space();
    const items = ['a one', 'a two', 'a three'].map((content) => newMemory({ content }));
    const [one, two, three] = items.map(({ uuid }) => uuid) as [string, string, string];
    await s.store.add(s.call(), items, { embedModel: 'm1' });
    expect((await pending(s, 'm1')).map(({ uuid, text }) => [uuid, text])).toEqual(items.map(({ uuid, content }) => [uuid, content]));
    const rows = vectorsFor(await pending(s, 'm1'));
    await s.store.update(s.call(), one, { content: 'a changed', changedBy: 'user_a', embedModel: 'm1' });
    await s.store.remove(s.call(), two);
    expect(await s.store.vectorsPut(s.call(), 'm1', rows)).toMatchObject({ saved: 1, pending: 1 });
    expect(await pending(s, 'm1')).toEqual([{ uuid: one, version: 2, text: 'a changed' }]);
    await embedAll(s, 'm1');
    await s.store.update(s.call(), three, { content: 'a third', changedBy: 'user_a', embedModel: 'm1' });
    expect((await pending(s, 'm1')).map(({ uuid }) => uuid)).toEqual([three]);
    expect(await s.store.stats(s.call())).toMatchObject({ pendingVectors: 1, vectorModel: 'm1' });
    const late = newMemory({ content: 'a late one' });
    await s.store.add(s.call(), [late], { embedModel: 'm1' });
    expect((await pending(s, 'm1')).map(({ uuid }) => uuid)).toEqual([three, late.uuid]);
    await embedAll(s, 'm1');
    expect(await s.store.stats(s.call())).toMatchObject({ pendingVectors: 0 });
  });

  it('leaves no row out when the last one is deleted and another takes its place', async () => {
    const s = space();
    const last = await s.add({ content: 'one' });
    await embedAll(s, 'm1');
    await s.store.remove(s.call(), last.uuid);
    const next = await s.add({ content: 'two' });
    expect((await pending(s, 'm1')).map(({ uuid }) => uuid)).toEqual([next.uuid]);
  });

  it('switches the model only when all is embedded anew, then lets the old vectors go', async () => {
    const s = space();
    const count = 300;
    for (let n = 0; n < count; n += 100)
      await s.store.add(
        s.call(),
        Array.from({ length: 100 }, () => newMemory({})),
        { embedModel: 'old' },
      );
    await embedAll(s, 'old');
    const asked = { model: 'old', values: Float32Array.of(1, 0) };
    const first = await pending(s, 'new');
    expect(await s.store.vectorsPut(s.call(), 'new', vectorsFor(first, 3))).toMatchObject({ pending: count - first.length, stale: 0 });
    expect(await s.store.search(s.call(), { query: '', filter: {}, limit: 1, vector: asked })).toMatchObject({ mode: 'hybrid' });
    await embedAll(s, 'new', 3);
    expect(await s.store.stats(s.call())).toMatchObject({ pendingVectors: 0, vectorModel: 'new' });
    expect(await s.store.search(s.call(), { query: '', filter: {}, limit: 1, vector: asked })).toMatchObject({ mode: 'lexical' });
    const now = { model: 'new', values: Float32Array.of(1, 0, 0) };
    expect(await s.store.search(s.call(), { query: '', filter: {}, limit: 1, vector: now })).toMatchObject({ mode: 'hybrid' });
    expect((await pending(s, 'old')).length).toBeGreaterThan(0);
    const wrong = (await s.all()).slice(0, 1).map(({ uuid }) => ({ uuid, version: 1, values: Float32Array.of(1) }));
    await expect(s.store.vectorsPut(s.call(), 'new', wrong)).rejects.toMatchObject({ code: 'invalid_input' });
  });
}

type Pending = Awaited<ReturnType<MemoryStore['vectorsPending']>>;

function pending(space: SpaceUnderTest, model: string): Promise<Pending> {
  return space.store.vectorsPending(space.call(), model, 100);
}

function vectorsFor(rows: Pending, dimension = 2): VectorRow[] {
  return rows.map(({ uuid, version }, index) => ({
    uuid,
    version,
    values: Float32Array.from({ length: dimension }, (_, at) => 1 + ((index + at) % 7)),
  }));
}

async function embedAll(space: SpaceUnderTest, model: string, dimension = 2): Promise<void> {
  for (;;) {
    const rows = vectorsFor(await pending(space, model), dimension);
    const { stale } = await space.store.vectorsPut(space.call(), model, rows);
    if (rows.length === 0 && stale === 0) return;
  }
}
