import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MemoryHarness, openMemoryHarness, personalSpace } from '../../../test/support/memory-harness.ts';
import { ManualClock } from '../../kernel/clock.ts';
import type { OperationContext } from '../../kernel/operation.ts';
import * as inputs from './inputs.ts';

let harness: MemoryHarness;
const clock = new ManualClock(Date.UTC(2026, 4, 13, 12));
let users = 0;

beforeAll(async () => {
  harness = await openMemoryHarness({ clock });
});
afterAll(() => harness[Symbol.asyncDispose]());

/** A user nobody was before. */
const newUser = (): string => `u${(users += 1)}`;
const store = (ctx: OperationContext, input: unknown) => harness.service.store(inputs.storeInput.parse(input), ctx);
const storeMany = (ctx: OperationContext, items: readonly unknown[]) => harness.service.storeMany(inputs.storeManyInput.parse({ items }), ctx);
const retrieve = (ctx: OperationContext, input: unknown) => harness.service.retrieve(inputs.retrieveInput.parse(input), ctx);
const search = (ctx: OperationContext, input: unknown = {}) => harness.service.search(inputs.searchInput.parse(input), ctx);
const get = (ctx: OperationContext, id: string, versions = false) => harness.service.get({ id, versions }, ctx);
const update = (ctx: OperationContext, input: unknown) => harness.service.update(inputs.updateInput.parse(input), ctx);
const forget = (ctx: OperationContext, input: unknown) => harness.service.forget(inputs.forgetInput.parse(input), ctx);
const used = async (user: string, ctx: OperationContext) => {
  const stats = await harness.service.stats({}, ctx);
  expect(await harness.quota.used(`usr_${user}`)).toBe(stats.bytes);
  return stats.bytes;
};

describe('store_memory', () => {
  it('is read back whole by the next call', async () => {
    const ctx = harness.as(newUser());
    const stored = await store(ctx, {
      content: 'Ann moved to Lisbon. \0 \u202e 漢字',
      type: 'fact',
      tags: 'people, ann',
      metadata: { room: 4, tags: ['lisbon'] },
      thread: 'chat-1',
      origin: 'https://example.org',
      occurredAt: '2026-05-01T10:00:00+02:00',
      expiresIn: 3600,
    });
    expect(stored).toMatchObject({ created: true, version: 1, place: 1, tags: ['people', 'ann', 'lisbon'], expiresAt: '2026-05-13T13:00:00.000Z' });
    const memory = await get(ctx, stored.id);
    expect(memory).toEqual({
      id: stored.id,
      space: stored.space,
      content: 'Ann moved to Lisbon. \0 \u202e 漢字',
      type: 'fact',
      tags: ['people', 'ann', 'lisbon'],
      metadata: { room: 4 },
      thread: 'chat-1',
      place: 1,
      source: { client: 'harness', origin: 'https://example.org' },
      author: ctx.caller.userId,
      occurredAt: '2026-05-01T08:00:00.000Z',
      createdAt: '2026-05-13T12:00:00.000Z',
      updatedAt: '2026-05-13T12:00:00.000Z',
      expiresAt: '2026-05-13T13:00:00.000Z',
      version: 1,
      versions: 0,
    });
    expect((await retrieve(ctx, { query: 'where does Ann live, Lisbon?' })).results[0]?.id).toBe(stored.id);
  });

  it('answers an equal text with the first id and counts its bytes once', async () => {
    const user = newUser();
    const ctx = harness.as(user);
    const first = await store(ctx, { content: 'same', tags: ['a'] });
    const bytes = await used(user, ctx);
    const second = await store(ctx, { content: 'same', tags: ['a', 'b'] });
    expect(second).toMatchObject({ id: first.id, created: false, tags: ['a', 'b'] });
    expect(await used(user, ctx)).toBe(bytes + 1);
  });

  it('is done once for an idempotency key, is refused for another input, and costs once', async () => {
    const user = newUser();
    const ctx = harness.as(user, { idempotencyKey: 'k1' });
    const first = await store(ctx, { content: 'one', thread: 't' });
    const bytes = await used(user, ctx);
    expect(await store(ctx, { thread: 't', content: 'one' })).toEqual(first);
    expect(await used(user, ctx)).toBe(bytes);
    await expect(store(ctx, { content: 'two', thread: 't' })).rejects.toMatchObject({ code: 'conflict' });
    expect((await search(ctx)).results).toHaveLength(1);
  });

  it('is refused beyond the quota, whose rest stays usable', async () => {
    await using small = await openMemoryHarness({ maxBytes: 1000 });
    const ctx = small.as('poor');
    await expect(small.service.store({ content: 'x'.repeat(2000) }, ctx)).rejects.toMatchObject({ code: 'quota_exceeded' });
    const stored = await small.service.store({ content: 'x'.repeat(900) }, ctx);
    await expect(small.service.store({ content: 'y'.repeat(200) }, ctx)).rejects.toMatchObject({ code: 'quota_exceeded' });
    await small.service.delete({ id: stored.id }, ctx);
    expect(await small.quota.used('usr_poor')).toBe(0);
    await small.service.store({ content: 'y'.repeat(200) }, ctx);
  });

  it('refuses a taken place with the public id of what is there', async () => {
    const ctx = harness.as(newUser());
    const first = await store(ctx, { content: 'a', thread: 't', place: 3 });
    await expect(store(ctx, { content: 'b', thread: 't', place: 3 })).rejects.toMatchObject({ code: 'conflict', details: { id: first.id } });
  });
});

describe('store_memories', () => {
  it('stores all in order with an outcome each, or nothing', async () => {
    const ctx = harness.as(newUser());
    const answer = await storeMany(ctx, [{ content: 'a', thread: 't' }, { content: 'b', thread: 't' }, { content: 'c' }, { content: 'c' }]);
    expect(answer).toMatchObject({ created: 3, duplicates: 1 });
    expect(answer.items.map(({ place, created }) => [place, created])).toEqual([
      [1, true],
      [2, true],
      [undefined, true],
      [undefined, false],
    ]);
    await expect(storeMany(ctx, [{ content: 'new' }, { content: 'other', thread: 't', place: 1 }])).rejects.toMatchObject({ code: 'conflict' });
    expect((await search(ctx, { limit: 50 })).results.map(({ content }) => content).toSorted()).toEqual(['a', 'b', 'c']);
  });
});

describe('update_memory', () => {
  it('keeps the old state, replaces what is given, and clears an expiry', async () => {
    const user = newUser();
    const ctx = harness.as(user);
    const { id } = await store(ctx, { content: 'old', tags: ['a'], metadata: { k: 1 }, expiresIn: 60 });
    clock.advance(1000);
    const changed = await update(ctx, { id, content: 'new', expiresAt: null });
    expect(changed).toMatchObject({
      id,
      content: 'new',
      tags: ['a'],
      metadata: { k: 1 },
      version: 2,
      updatedAt: new Date(clock.now()).toISOString(),
    });
    expect(changed.expiresAt).toBeUndefined();
    expect(await get(ctx, id, true)).toMatchObject({ versions: 1, history: [{ version: 1, content: 'old', replacedBy: ctx.caller.userId }] });
    await used(user, ctx);
  });

  it('refuses another version, an equal text (with its id), and what is not there', async () => {
    const ctx = harness.as(newUser());
    const a = await store(ctx, { content: 'a' });
    const b = await store(ctx, { content: 'b' });
    await expect(update(ctx, { id: b.id, content: 'a' })).rejects.toMatchObject({ code: 'conflict', details: { id: a.id } });
    await expect(update(ctx, { id: b.id, content: 'c', ifVersion: 2 })).rejects.toMatchObject({
      code: 'conflict',
      details: { version: 1, id: b.id },
    });
    await harness.service.delete({ id: b.id }, ctx);
    await expect(update(ctx, { id: b.id, content: 'c' })).rejects.toMatchObject({ code: 'not_found', message: 'No such memory.' });
  });
});

describe('delete_memory', () => {
  it('deletes once; the bytes come back once', async () => {
    const user = newUser();
    const ctx = harness.as(user, { idempotencyKey: 'again' });
    const { id } = await store(harness.as(user), { content: 'x' });
    await store(harness.as(user), { content: 'stays' });
    expect(await harness.service.delete({ id }, ctx)).toEqual({ id, deleted: true });
    await expect(harness.service.delete({ id }, ctx)).rejects.toMatchObject({ code: 'not_found' });
    await expect(get(ctx, id)).rejects.toMatchObject({ code: 'not_found' });
    expect(await used(user, ctx)).toBeGreaterThan(0);
  });
});

describe('retrieve_memory', () => {
  it('merges several spaces by rank and says where each result lives', async () => {
    const [a, b] = [newUser(), newUser()];
    for (const user of [a, b]) {
      await store(harness.as(user), { content: `${user} planted tomatoes` });
      await store(harness.as(user), { content: `${user} bought a car` });
    }
    const spaces = [personalSpace(a), personalSpace(b)];
    const { results, mode } = await retrieve(harness.as(a, { spaces }), { query: 'tomatoes', spaces: 'all' });
    expect(mode).toBe('lexical');
    expect(
      results
        .slice(0, 2)
        .map(({ space }) => space)
        .toSorted(),
    ).toEqual(spaces.map(({ id }) => id).toSorted());
    expect(results[0]).toMatchObject({ score: 1, why: { lexical: expect.any(Number) as number } });
    expect((await retrieve(harness.as(a), { query: 'tomatoes' })).results.every(({ space }) => space === personalSpace(a).id)).toBe(true);
  });

  it('says the range that words of time meant, in the zone asked for', async () => {
    const ctx = harness.as(newUser());
    await store(ctx, { content: 'rain on the trip', occurredAt: '2026-05-06T12:00:00Z' });
    await store(ctx, { content: 'sun on the trip', occurredAt: '2026-04-06T12:00:00Z' });
    const answer = await retrieve(ctx, { query: 'trip', since: 'last week', timeZone: 'Europe/Berlin' });
    expect(answer.results.map(({ content }) => content)).toEqual(['rain on the trip']);
    expect(answer.range).toEqual({ since: '2026-05-03T22:00:00.000Z', until: '2026-05-10T22:00:00.000Z' });
    await expect(retrieve(ctx, { query: 'trip', since: 'whenever' })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('refuses space and spaces together', async () => {
    const ctx = harness.as(newUser());
    await expect(retrieve(ctx, { query: 'x', space: 'space_a', spaces: 'all' })).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('search_memory', () => {
  it('pages through everything newest first, once each, while words of time stand still', async () => {
    const ctx = harness.as(newUser());
    const items = Array.from({ length: 25 }, (_, at) => ({ content: `m${at}`, occurredAt: clock.now() - (at % 5) * 1000 }));
    await storeMany(ctx, items);
    const seen: string[] = [];
    let cursor: string | undefined;
    const ranges = new Set<string>();
    do {
      const page = await search(ctx, { limit: 4, since: 'last 3 days', ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.results.map(({ occurredAt, content }) => `${occurredAt} ${content}`));
      ranges.add(JSON.stringify(page.range));
      cursor = page.cursor;
      clock.advance(10);
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(25);
    expect(seen.map((entry) => entry.slice(0, 24))).toEqual(
      seen
        .map((entry) => entry.slice(0, 24))
        .toSorted()
        .toReversed(),
    );
    expect(ranges.size).toBe(1);
  });

  it('refuses a cursor of other conditions or another space', async () => {
    const [ctx, other] = [harness.as(newUser()), harness.as(newUser())];
    await storeMany(ctx, [{ content: 'a' }, { content: 'b' }]);
    const { cursor } = await search(ctx, { limit: 1 });
    await expect(search(ctx, { limit: 1, type: 'note', cursor })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(search(other, { limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await search(ctx, { limit: 1, cursor })).results).toHaveLength(1);
  });
});

describe('forget_memories', () => {
  it('counts first, then deletes what matches and nothing else, in slices', async () => {
    const user = newUser();
    const ctx = harness.as(user);
    for (let batch = 0; batch < 3; batch += 1) {
      await storeMany(
        ctx,
        Array.from({ length: 60 }, (_, at) => ({ content: `m${batch}-${at}`, tags: [at % 2 === 0 ? 'even' : 'odd'] })),
      );
    }
    expect(await forget(ctx, { tagsAny: ['even'], dryRun: true })).toEqual({ count: 90, dryRun: true, freedBytes: 0 });
    expect(await forget(ctx, { tagsAny: ['even'] })).toMatchObject({ count: 90, dryRun: false });
    expect(await forget(ctx, { tagsAny: ['even'] })).toMatchObject({ count: 0 });
    expect((await harness.service.tags({ limit: 10 }, ctx)).tags).toEqual([{ tag: 'odd', count: 90 }]);
    expect(ctx.told.at(-1)).toMatchObject({ phase: 'forget', done: 90 });
    await used(user, ctx);
    expect(await forget(ctx, { all: true })).toMatchObject({ count: 90 });
    expect(await used(user, ctx)).toBe(0);
  });

  it('takes no missing condition for everything', async () => {
    const ctx = harness.as(newUser());
    await store(ctx, { content: 'x' });
    await expect(forget(ctx, {})).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(forget(ctx, { tagsAny: [] })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(forget(ctx, { all: true, type: 'note' })).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await search(ctx)).results).toHaveLength(1);
  });

  it('stops between slices when its caller gives up', async () => {
    const user = newUser();
    await storeMany(
      harness.as(user),
      Array.from({ length: 100 }, (_, at) => ({ content: `m${at}` })),
    );
    const controller = new AbortController();
    const ctx = harness.as(user, { signal: controller.signal, progress: () => controller.abort() });
    await expect(forget(ctx, { all: true })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await harness.service.stats({}, harness.as(user))).memories).toBe(50);
    await used(user, harness.as(user));
  });
});

describe('reading an empty space', () => {
  it('finds nothing and makes nothing', async () => {
    const ctx = harness.as(newUser());
    expect(await retrieve(ctx, { query: 'anything' })).toEqual({ mode: 'lexical', results: [] });
    expect(await search(ctx)).toEqual({ results: [] });
    expect(await harness.service.tags({ limit: 5 }, ctx)).toEqual({ tags: [] });
    expect(await harness.service.stats({}, ctx)).toMatchObject({ memories: 0, bytes: 0, fileBytes: 0 });
    expect(await forget(ctx, { all: true })).toMatchObject({ count: 0 });
  });
});
