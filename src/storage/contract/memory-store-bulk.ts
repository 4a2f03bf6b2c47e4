import { expect, it } from 'vitest';
import type { MemoryFilter } from '../../domains/memory/model.ts';
import type { ImportSlice } from '../../domains/memory/store.ts';
import { newMemory, NOW, SpaceUnderTest, uuid, type MemoryStoreHarness } from './memory-store-fixture.ts';

/** Expiry, sweeping, forgetting by filter, imports, upkeep. */
export function bulkContract(harness: () => MemoryStoreHarness): void {
  const space = (): SpaceUnderTest => new SpaceUnderTest(harness());

  it('shows an expired memory in no method but the sweep', async () => {
    const s = space();
    const gone = await s.add({ content: 'ending owl', tags: ['t'], thread: 'th', expiresAt: NOW + 10 });
    const kept = await s.add({ content: 'lasting owl', tags: ['t'], thread: 'th' });
    const late = (): ReturnType<typeof s.call> => s.call({ now: NOW + 10 });
    expect(await s.store.count(s.call(), {})).toBe(2);
    expect(await s.store.get(late(), gone.uuid)).toBeUndefined();
    expect((await s.store.list(late(), {}, { limit: 10 })).map((memory) => memory.uuid)).toEqual([kept.uuid]);
    expect((await s.store.scan(late(), {}, undefined, 10)).map((memory) => memory.uuid)).toEqual([kept.uuid]);
    expect(await s.store.count(late(), {})).toBe(1);
    expect(await s.store.count(late(), { tagsAny: ['t'] })).toBe(1);
    const { hits } = await s.store.search(late(), { query: 'owl', filter: {}, limit: 10 });
    expect(hits.map(({ memory }) => memory.uuid)).toEqual([kept.uuid]);
    expect(await s.store.tags(late(), { limit: 10 })).toEqual([{ tag: 't', count: 1 }]);
    expect(await s.store.stats(late())).toMatchObject({ memories: 1, threads: 1 });
    expect(await s.store.update(late(), gone.uuid, { content: 'x', changedBy: 'user_a' })).toBeUndefined();
    expect(await s.store.remove(late(), gone.uuid)).toBeUndefined();
    expect((await s.store.vectorsPending(late(), 'm', 10)).map((row) => row.uuid)).toEqual([kept.uuid]);
    expect(await s.store.removeMatching(late(), { tagsAll: ['t'] }, 10)).toMatchObject({ removed: 1 });
    expect(await s.store.sweepExpired(late(), 10)).toMatchObject({ removed: 1 });
    expect(await s.store.usedBytes(late())).toBe(0);
  });

  it('lets an expired memory stand in nobody’s way', async () => {
    const s = space();
    const old = await s.add({ content: 'again', expiresAt: NOW + 1 });
    await s.add({ content: 'placed', thread: 't', place: 1, expiresAt: NOW + 1 });
    const other = await s.add({ content: 'other' });
    const again = await s.add({ content: 'again' }, { now: NOW + 1 });
    expect(again).toMatchObject({ created: true });
    expect(again.uuid).not.toBe(old.uuid);
    expect(await s.add({ content: 'different', thread: 't', place: 1 }, { now: NOW + 1 })).toMatchObject({ created: true, place: 1 });
    await s.add({ content: 'soon', expiresAt: NOW + 2 });
    expect(await s.store.update(s.call({ now: NOW + 2 }), other.uuid, { content: 'soon', changedBy: 'user_a' })).toMatchObject({
      memory: { version: 2 },
    });
    expect(await s.bytesOff()).toBe(0);
  });

  it('sweeps in slices and says when the next one expires', async () => {
    const s = space();
    await s.store.add(
      s.call(),
      Array.from({ length: 25 }, (_, index) => newMemory({ expiresAt: NOW + 1 + index })),
    );
    await s.add({ content: 'for ever' });
    expect(await s.store.sweepExpired(s.call(), 10)).toEqual({ removed: 0, freedBytes: 0, nextAt: NOW + 1 });
    const late = s.call({ now: NOW + 20 });
    expect(await s.store.sweepExpired(late, 15)).toMatchObject({ removed: 15, nextAt: NOW + 16 });
    expect(await s.store.sweepExpired(late, 15)).toMatchObject({ removed: 5, nextAt: NOW + 21 });
    const rest = await s.store.sweepExpired(s.call({ now: NOW + 100 }), 15);
    expect(rest).toMatchObject({ removed: 5 });
    expect(rest).not.toHaveProperty('nextAt');
    expect(await s.bytesOff()).toBe(0);
  });

  it('forgets what matches and nothing else, slice by slice', async () => {
    const s = space();
    for (let n = 0; n < 24; n += 1) {
      await s.store.add(
        s.call(),
        Array.from({ length: 100 }, (_, index) => newMemory({ tags: index % 4 === 0 ? ['go'] : ['stay'] })),
      );
    }
    const used = await s.store.usedBytes(s.call());
    const { removed, freedBytes } = await forget(s, { tagsAny: ['go'] });
    expect(removed).toBe(600);
    expect(await s.store.usedBytes(s.call())).toBe(used - freedBytes);
    expect([await s.store.count(s.call(), {}), await s.store.count(s.call(), { tagsAny: ['go'] })]).toEqual([1800, 0]);
    expect(await forget(s, { type: 'absent' })).toMatchObject({ removed: 0 });
    expect(await s.bytesOff()).toBe(0);
  });

  it('commits an import slice with its resume point; a replayed slice changes nothing', async () => {
    const s = space();
    const run = { importId: 'imp_1', user: 'user_a', spoolId: 'spool', name: 'notes.jsonl' };
    expect(await s.store.importState(s.call(), 'imp_1')).toBeUndefined();
    expect(await s.store.importBegin(s.call(), run)).toEqual({
      ...run,
      status: 'running',
      created: 0,
      duplicates: 0,
      badLines: 0,
      bad: [],
      nextByte: 0,
      nextLine: 0,
      startedAt: NOW,
    });
    const first = slice({ items: ['a', 'b', 'a'], lines: [1, 2, 4], bad: [{ line: 3, message: 'no JSON' }], nextByte: 40, nextLine: 4 });
    const { state, addedBytes } = await s.store.importSlice(s.call(), first);
    expect(state).toMatchObject({ created: 2, duplicates: 1, badLines: 1, bad: [{ line: 3, message: 'no JSON' }], nextByte: 40, nextLine: 4 });
    expect(await s.store.usedBytes(s.call())).toBe(addedBytes);
    expect(await s.store.importSlice(s.call(), first)).toEqual({ state, addedBytes: 0 });
    expect(await s.store.importBegin(s.call({ now: NOW + 5 }), run)).toEqual(state);
    await s.store.importSlice(s.call(), slice({ items: ['c'], lines: [5], nextByte: 50, nextLine: 5 }));
    expect(await s.store.importEnd(s.call({ now: NOW + 9 }), 'imp_1', 'succeeded')).toMatchObject({
      status: 'succeeded',
      created: 3,
      endedAt: NOW + 9,
    });
    expect(await s.store.importEnd(s.call({ now: NOW + 99 }), 'imp_1', 'failed')).toMatchObject({ status: 'succeeded', endedAt: NOW + 9 });
    const late = s.store.importSlice(s.call(), slice({ items: ['d'], lines: [6], nextByte: 60, nextLine: 6 }));
    await expect(late).rejects.toMatchObject({ code: 'conflict' });
    expect((await s.all({ importId: 'imp_1' })).map(({ content }) => content).toSorted()).toEqual(['a', 'b', 'c']);
    expect(await s.bytesOff()).toBe(0);
  });

  it('reports a line that conflicts and takes the others of its slice', async () => {
    const s = space();
    await s.add({ content: 'there', thread: 't', place: 1 });
    await s.store.importBegin(s.call(), { importId: 'imp_1', user: 'user_a', spoolId: 'spool', name: 'n' });
    const clash = newMemory({ content: 'other', thread: 't', place: 1 });
    const old = { version: 2, content: 'old', type: 'note', tags: [], metadata: {}, replacedAt: NOW, replacedBy: 'user_a' };
    const confused = newMemory({ content: 'version 1 with a history of version 2', version: 1, history: [old] });
    const items = [newMemory({ content: 'fine' }), clash, confused, newMemory({ content: 'fine too' })];
    const { state } = await s.store.importSlice(s.call(), { ...slice({ items: [], lines: [7, 8, 9, 10], nextByte: 9, nextLine: 10 }), items });
    expect(state).toMatchObject({
      created: 2,
      duplicates: 0,
      badLines: 2,
      bad: [{ line: 8, message: expect.stringContaining('Place 1') }, { line: 9 }],
    });
    expect((await s.all()).map(({ content }) => content).toSorted()).toEqual(['fine', 'fine too', 'there']);
    expect(await s.bytesOff()).toBe(0);
  });

  it('keeps the first 100 problems and counts them all', async () => {
    const s = space();
    await s.store.importBegin(s.call(), { importId: 'imp_1', user: 'user_a', spoolId: 'spool', name: 'n' });
    for (let n = 0; n < 3; n += 1) {
      const bad = Array.from({ length: 60 }, (_, index) => ({ line: n * 60 + index, message: 'bad' }));
      await s.store.importSlice(s.call(), slice({ items: [], lines: [], bad, nextByte: n + 1, nextLine: n * 60 + 60 }));
    }
    const state = await s.store.importState(s.call(), 'imp_1');
    expect([state?.badLines, state?.bad.length, state?.bad.at(-1)?.line]).toEqual([180, 100, 99]);
  });

  it('takes an import back, leaving what was there before', async () => {
    const s = space();
    const before = await s.add({ content: 'mine' });
    await s.store.importBegin(s.call(), { importId: 'imp_1', user: 'user_a', spoolId: 'spool', name: 'n' });
    await s.store.importSlice(s.call(), slice({ items: ['mine', 'new'], lines: [1, 2], nextByte: 2, nextLine: 2 }));
    expect(await forget(s, { importId: 'imp_1' })).toMatchObject({ removed: 1 });
    expect((await s.all()).map((memory) => memory.uuid)).toEqual([before.uuid]);
  });

  it('knows no import of another space', async () => {
    const [a, b] = [space(), space()];
    await a.store.importBegin(a.call(), { importId: 'imp_1', user: 'user_a', spoolId: 'spool', name: 'n' });
    await b.add();
    expect(await b.store.importState(b.call(), 'imp_1')).toBeUndefined();
    await expect(b.store.importSlice(b.call(), slice({ items: ['x'], lines: [1], nextByte: 1, nextLine: 1 }))).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(b.store.importEnd(b.call(), 'imp_1', 'failed')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('finishes upkeep of the full text and keeps what is found', async () => {
    const s = space();
    const items = Array.from({ length: 100 }, (_, index) => newMemory({ content: `owl number ${index}` }));
    await s.store.add(s.call(), items);
    for (const { uuid: id } of items.slice(0, 50)) await s.store.remove(s.call(), id);
    let slices = 0;
    while (!(await s.store.scrubText(s.call())).done) expect((slices += 1)).toBeLessThan(100);
    expect(await s.store.scrubText(s.call())).toEqual({ done: true });
    expect(await s.store.reindexText(s.call(), 50)).toEqual({ done: true });
    expect(await s.search('owl', { limit: 100 })).toHaveLength(50);
  });
}

function slice(
  part: Omit<Partial<ImportSlice>, 'items'> & {
    readonly items: readonly string[];
    readonly lines: readonly number[];
    readonly nextByte: number;
    readonly nextLine: number;
  },
): ImportSlice {
  return { importId: 'imp_1', bad: [], ...part, items: part.items.map((content) => newMemory({ content, uuid: uuid() })) };
}

async function forget(space: SpaceUnderTest, filter: MemoryFilter): Promise<{ readonly removed: number; readonly freedBytes: number }> {
  let [removed, freedBytes] = [0, 0];
  let after: string | undefined;
  do {
    const outcome = await space.store.removeMatching(space.call(), filter, 50, after);
    expect(outcome.removed).toBeLessThanOrEqual(50);
    removed += outcome.removed;
    freedBytes += outcome.freedBytes;
    after = outcome.next;
  } while (after !== undefined);
  return { removed, freedBytes };
}
