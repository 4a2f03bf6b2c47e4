import { expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { fullMemory, newMemory, NOW, SpaceUnderTest, uuid, type MemoryStoreHarness } from './memory-store-fixture.ts';

/** One memory: storing, duplicates, threads, reading, changing, deleting. */
export function recordsContract(harness: () => MemoryStoreHarness): void {
  const space = (): SpaceUnderTest => new SpaceUnderTest(harness());

  it('gives back every field as it was stored', async () => {
    const s = space();
    const memory = fullMemory();
    expect(await s.add(memory)).toMatchObject({
      uuid: memory.uuid,
      created: true,
      place: 3,
      version: 3,
      tags: memory.tags,
      expiresAt: memory.expiresAt,
    });
    expect(await s.store.get(s.call(), memory.uuid, { versions: true })).toEqual({ ...memory, versions: 2 });
    const { history: _history, ...current } = memory;
    expect(await s.store.list(s.call(), {}, { limit: 10 })).toEqual([current]);
    expect(await s.store.scan(s.call(), {}, undefined, 10)).toEqual([{ ...memory, versions: 2 }]);
    expect(await s.bytesOff()).toBe(0);
  });

  it('reads an unmade space as empty and changes nothing there', async () => {
    const s = space();
    expect(await s.store.get(s.call(), uuid())).toBeUndefined();
    expect(await s.all()).toEqual([]);
    expect(await s.search('anything')).toEqual([]);
    expect(await s.store.update(s.call(), uuid(), { content: 'x', changedBy: 'user_a' })).toBeUndefined();
    expect(await s.store.remove(s.call(), uuid())).toBeUndefined();
    expect(await s.store.removeMatching(s.call(), {}, 10)).toEqual({ removed: 0, freedBytes: 0 });
    expect(await s.store.stats(s.call())).toEqual({ memories: 0, threads: 0, versions: 0, bytes: 0, fileBytes: 0, types: [], pendingVectors: 0 });
  });

  it('answers equal content and type outside threads with the first, unites tags, keeps the later or no expiry', async () => {
    const s = space();
    const first = await s.add({ content: 'same', tags: ['a', 'b'], expiresAt: NOW + 10 });
    const second = await s.add({ content: 'same', tags: ['b', 'c'], expiresAt: NOW + 20 });
    expect(second).toMatchObject({ uuid: first.uuid, created: false, tags: ['a', 'b', 'c'], expiresAt: NOW + 20, version: 2, addedBytes: 1 });
    const third = await s.add({ content: 'same' });
    expect(third).toMatchObject({ uuid: first.uuid, created: false });
    expect(third).not.toHaveProperty('expiresAt');
    expect(await s.add({ content: 'same', tags: ['a'], expiresAt: NOW + 5 })).toMatchObject({ uuid: first.uuid, version: 3, addedBytes: 0 });
    expect((await s.add({ content: 'same', type: 'fact' })).created).toBe(true);
    expect((await s.all({ tagsAll: ['a', 'c'] })).map((memory) => memory.uuid)).toEqual([first.uuid]);
    expect(await s.search('c')).toEqual([first.uuid]);
    expect(await s.bytesOff()).toBe(0);
  });

  it('keeps at most 32 tags when uniting, and says how many found no room', async () => {
    const s = space();
    const tags = (from: number, count: number): string[] => Array.from({ length: count }, (_, index) => `t${from + index}`);
    await s.add({ content: 'same', tags: tags(0, 30) });
    const outcome = await s.add({ content: 'same', tags: tags(29, 6) });
    expect(outcome).toMatchObject({ tags: tags(0, 32), tagsDropped: 3 });
    expect(await s.add({ content: 'other', tags: tags(0, 2) })).not.toHaveProperty('tagsDropped');
  });

  it('takes duplicates within one call, all or none of it', async () => {
    const s = space();
    const outcomes = await s.store.add(s.call(), [
      newMemory({ content: 'x' }),
      newMemory({ content: 'x', tags: ['t'] }),
      newMemory({ content: 'y' }),
    ]);
    expect(outcomes.map(({ created }) => created)).toEqual([true, false, true]);
    const clash = [
      newMemory({ content: 'z' }),
      newMemory({ content: 'p', thread: 't', place: 1 }),
      newMemory({ content: 'q', thread: 't', place: 1 }),
    ];
    await expect(s.store.add(s.call(), clash)).rejects.toMatchObject({ code: 'conflict' });
    expect((await s.all()).map(({ content }) => content).toSorted()).toEqual(['x', 'y']);
    expect(await s.bytesOff()).toBe(0);
  });

  it('takes the same uuid again as the same memory', async () => {
    const s = space();
    const memory = newMemory({ content: 'once' });
    await s.add(memory);
    expect(await s.add({ ...memory, content: 'changed' })).toMatchObject({ uuid: memory.uuid, created: false, addedBytes: 0 });
    expect((await s.all()).map(({ content }) => content)).toEqual(['once']);
  });

  it('numbers a thread from 1, keeps equal text apart there, and refuses another content at a taken place', async () => {
    const s = space();
    const first = await s.add({ content: 'hello', thread: 't' });
    const second = await s.add({ content: 'hello', thread: 't' });
    expect([first, second]).toMatchObject([
      { created: true, place: 1 },
      { created: true, place: 2 },
    ]);
    expect(await s.add({ content: 'later', thread: 't', place: 9 })).toMatchObject({ place: 9 });
    expect(await s.add({ content: 'next', thread: 't' })).toMatchObject({ place: 10 });
    expect(await s.add({ content: 'hello', thread: 't', place: 2 })).toMatchObject({ uuid: second.uuid, created: false, place: 2 });
    await expect(s.add({ content: 'other', thread: 't', place: 2 })).rejects.toMatchObject({ code: 'conflict', details: { uuid: second.uuid } });
    expect(await s.add({ content: 'hello', thread: 'u' })).toMatchObject({ created: true, place: 1 });
    expect(await s.add({ content: 'hello' })).toMatchObject({ created: true });
  });

  it('changes what is given, keeps the old state, and does nothing when nothing differs', async () => {
    const s = space();
    const { uuid: id } = await s.add({ content: 'old', tags: ['a'], metadata: { k: 1 }, expiresAt: NOW + 50 });
    const call = s.call({ now: NOW + 1 });
    const outcome = await s.store.update(call, id, { content: 'new words', tags: ['b'], expiresAt: null, changedBy: 'user_b' });
    expect(outcome?.memory).toMatchObject({ content: 'new words', tags: ['b'], metadata: { k: 1 }, version: 2, updatedAt: NOW + 1 });
    expect(outcome?.memory).not.toHaveProperty('expiresAt');
    expect(await s.store.update(call, id, { content: 'new words', tags: ['b'], changedBy: 'user_b' })).toMatchObject({
      memory: { version: 2 },
      addedBytes: 0,
    });
    const stored = await s.store.get(s.call(), id, { versions: true });
    expect(stored).toMatchObject({ versions: 1, history: [{ version: 1, content: 'old', tags: ['a'], replacedAt: NOW + 1, replacedBy: 'user_b' }] });
    expect([await s.search('old'), await s.search('words')]).toEqual([[], [id]]);
    expect([await s.all({ tagsAny: ['a'] }), await s.all({ tagsAny: ['b'] })]).toMatchObject([[], [{ uuid: id }]]);
    expect(await s.bytesOff()).toBe(0);
  });

  it('keeps 20 old versions, the oldest goes first', async () => {
    const s = space();
    const { uuid: id } = await s.add({ content: 'version 1' });
    for (let n = 2; n <= 25; n += 1) await s.store.update(s.call(), id, { content: `version ${n}`, changedBy: 'user_a' });
    const stored = await s.store.get(s.call(), id, { versions: true });
    expect(stored?.history?.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, index) => index + 5));
    expect(await s.store.stats(s.call())).toMatchObject({ memories: 1, versions: 20 });
    expect(await s.bytesOff()).toBe(0);
  });

  it('refuses to update into an existing content and names it', async () => {
    const s = space();
    const taken = await s.add({ content: 'taken' });
    const other = await s.add({ content: 'other' });
    const threaded = await s.add({ content: 'threaded', thread: 't' });
    const change = { content: 'taken', changedBy: 'user_a' };
    await expect(s.store.update(s.call(), other.uuid, change)).rejects.toMatchObject({ code: 'conflict', details: { uuid: taken.uuid } });
    expect(await s.store.get(s.call(), other.uuid)).toMatchObject({ content: 'other', version: 1, versions: 0 });
    expect(await s.store.update(s.call(), threaded.uuid, change)).toMatchObject({ memory: { content: 'taken', version: 2 } });
  });

  it('refuses an update from another version', async () => {
    const s = space();
    const { uuid: id } = await s.add({ content: 'a' });
    await s.store.update(s.call(), id, { content: 'b', ifVersion: 1, changedBy: 'user_a' });
    const late = s.store.update(s.call(), id, { content: 'c', ifVersion: 1, changedBy: 'user_a' });
    await expect(late).rejects.toMatchObject({ code: 'conflict', details: { version: 2 } });
    expect(await s.store.get(s.call(), id)).toMatchObject({ content: 'b' });
  });

  it('loses no update under concurrency', async () => {
    const s = space();
    const { uuid: id } = await s.add({ content: 'shared' });
    const append = async (tag: string): Promise<void> => {
      for (;;) {
        const current = await s.store.get(s.call(), id);
        if (current === undefined) throw new Error('gone');
        const change = { tags: [...current.tags, tag], ifVersion: current.version, changedBy: tag };
        const done = await s.store.update(s.call(), id, change).then(
          () => true,
          (error: { readonly code?: string }) => {
            if (error.code !== 'conflict') throw error;
            return false;
          },
        );
        if (done) return;
      }
    };
    const tags = Array.from({ length: 12 }, (_, index) => `tag${index}`);
    await Promise.all(tags.map(append));
    const stored = await s.store.get(s.call(), id);
    expect([stored?.tags.toSorted(), stored?.version]).toEqual([tags.toSorted(), 13]);
  });

  it('stores equal content once however many store it at the same time', async () => {
    const s = space();
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => s.add({ content: 'race', tags: [`t${index}`] })));
    expect(outcomes.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(outcomes.map((outcome) => outcome.uuid)).size).toBe(1);
    expect((await s.all())[0]?.tags).toHaveLength(20);
  });

  it('deletes a memory with all that belongs to it', async () => {
    const s = space();
    const memory = fullMemory();
    await s.add(memory);
    const used = await s.store.usedBytes(s.call());
    expect(await s.store.remove(s.call(), memory.uuid)).toEqual({ removed: 1, freedBytes: used });
    expect(await s.store.remove(s.call(), memory.uuid)).toBeUndefined();
    expect([await s.all(), await s.search('zoe'), await s.store.tags(s.call(), { limit: 10 })]).toEqual([[], [], []]);
    expect(await s.store.stats(s.call())).toMatchObject({ memories: 0, versions: 0, bytes: 0, threads: 0, types: [] });
    expect((await s.add({ ...memory, uuid: uuid() })).created).toBe(true);
  });

  it('writes nothing when aborted before', async () => {
    const s = space();
    await s.add({ content: 'kept' });
    const late = AbortSignal.abort(new PolymniaError('timed_out', 'too late'));
    await expect(s.add({ content: 'never' }, { signal: late })).rejects.toMatchObject({ code: 'timed_out' });
    await expect(s.add({ content: 'never' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await s.all()).map(({ content }) => content)).toEqual(['kept']);
  });

  it('answers the same key and input as the first time, and refuses another input', async () => {
    const s = space();
    const idempotency = { user: 'user_a', operation: 'store_memory', key: 'k1', inputHash: 'h1' };
    const first = await s.add({ content: 'idempotent' }, { idempotency });
    expect(await s.add({ content: 'never stored' }, { idempotency })).toEqual(first);
    await expect(s.add({}, { idempotency: { ...idempotency, inputHash: 'h2' } })).rejects.toMatchObject({ code: 'conflict' });
    expect((await s.add({ content: 'of another user' }, { idempotency: { ...idempotency, user: 'user_b' } })).created).toBe(true);
    expect(await s.store.count(s.call(), {})).toBe(2);
  });

  it('forgets saved answers that hold a deleted memory', async () => {
    const s = space();
    const { uuid: id } = await s.add({ content: 'first' });
    const idempotency = { user: 'user_a', operation: 'update_memory', key: 'k1', inputHash: 'h1' };
    const update = () => s.store.update(s.call({ idempotency }), id, { content: 'secret', changedBy: 'user_a' });
    expect(await update()).toEqual(await update());
    await s.store.remove(s.call(), id);
    expect(await update()).toBeUndefined();
  });

  it('keeps spaces with equal contents apart on every path', async () => {
    const [a, b] = [space(), space()];
    const mine = await a.add({ content: 'equal words', tags: ['t'] });
    const theirs = await b.add({ content: 'equal words', tags: ['t'] });
    expect([mine.created, theirs.created]).toEqual([true, true]);
    expect([await a.search('words'), await b.search('words')]).toEqual([[mine.uuid], [theirs.uuid]]);
    expect(await a.store.get(a.call(), theirs.uuid)).toBeUndefined();
    expect(await a.store.update(a.call(), theirs.uuid, { content: 'x', changedBy: 'user_a' })).toBeUndefined();
    expect(await a.store.remove(a.call(), theirs.uuid)).toBeUndefined();
    expect(await a.store.removeMatching(a.call(), {}, 10)).toMatchObject({ removed: 1 });
    expect(await b.all()).toMatchObject([{ uuid: theirs.uuid, content: 'equal words' }]);
  });
}
