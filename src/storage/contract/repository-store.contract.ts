import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PublishedIndex, SyncReport } from '../../domains/code/model.ts';
import type { EdgeBlock, NewRepository, RepositoryStore, StoredAnalysis } from '../../domains/code/store.ts';

/** An implementation under test, on storage of its own that nothing else uses. */
export interface RepositoryStoreUnderTest extends AsyncDisposable {
  readonly store: RepositoryStore;
}

const AT = 1_800_000_000_000;
const SPACE = '00000000000000aa';
const OTHER = '00000000000000bb';
let serial = 0;

function someRepository(name: string, fields: Partial<NewRepository> = {}): NewRepository {
  const uuid = (++serial).toString(16).padStart(32, '0');
  const source = { kind: 'git', url: `https://example.org/${serial}.git`, branch: 'main' } as const;
  return { uuid, space: SPACE, name, nameKey: name.toLowerCase(), source, createdBy: 'user_1', createdAt: AT + serial, ...fields };
}

function someIndex(generation: number, fields: Partial<PublishedIndex> = {}): PublishedIndex {
  const counts = { files: 3, symbols: 7, chunks: 5, sourceBytes: 1000, indexBytes: 800 };
  return { generation, stage: 'complete', treeId: `tree ${generation}`, ...counts, publishedAt: AT, ...fields };
}

function someReport(generation: number): SyncReport {
  return {
    complete: true,
    mode: 'full',
    treeId: `tree ${generation}`,
    generation,
    filesSeen: 4,
    filesIndexed: 3,
    skipped: [{ reason: 'binary', count: 1, examples: ['näme\u0000.bin'] }],
    notParsed: [],
    filesAdded: 3,
    filesChanged: 0,
    filesRemoved: 0,
    chunks: { new: 5, kept: 0, removed: 0 },
    symbols: 7,
    languages: [{ language: 'go', files: 3, bytes: 1000, lines: 40 }],
    sourceBytes: 1000,
    indexBytes: 800,
    phases: [{ phase: 'parse', seconds: 0.5 }],
  };
}

function someAnalysis(id: string, startedAt: number, fields: Partial<StoredAnalysis> = {}): StoredAnalysis {
  return { id, generation: 1, treeId: 't', startedAt, phases: {}, complete: false, ...fields };
}

/** A block whose rows begin with these names. */
function someBlock(number: number, names: readonly string[], direction: EdgeBlock['direction'] = 'out'): EdgeBlock {
  return { direction, number, last: names.at(-1) ?? '', rows: names.map((name) => [name, `${name} needs`, 'a\u{1f40b}']) };
}

/** What every repository store must do, whatever it stands on. */
export function describeRepositoryStore(name: string, open: () => Promise<RepositoryStoreUnderTest>): void {
  describe(`repository store: ${name}`, () => {
    let subject: RepositoryStoreUnderTest;
    let store: RepositoryStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(async () => subject[Symbol.asyncDispose]());

    const add = async (text: string, fields?: Partial<NewRepository>): Promise<NewRepository> => {
      const repository = someRepository(text, fields);
      expect((await store.ensure(repository, 100))?.created).toBe(true);
      return repository;
    };

    test('a repository is made once; who comes second gets the first, whatever the source', async () => {
      const first = await add('Atlas');
      const { nameKey: _key, ...facts } = first;
      expect(await store.get(SPACE, first.uuid)).toEqual(facts);
      const again = await store.ensure(someRepository('ATLAS', { source: { kind: 'folder', path: '/elsewhere' } }), 100);
      expect(again).toEqual({ repository: facts, created: false });
      expect(await store.byName(SPACE, 'atlas')).toEqual(facts);
      expect(await store.byName(SPACE, 'Atlas')).toBeUndefined();
    });

    test('of many who make it at once one does', async () => {
      const asked = await Promise.all(Array.from({ length: 10 }, () => store.ensure(someRepository('same'), 100)));
      expect(asked.filter((each) => each?.created)).toHaveLength(1);
      expect(new Set(asked.map((each) => each?.repository.uuid)).size).toBe(1);
    });

    test('a space has at most so many, counted with those that are made at the same time; the known ones are still found', async () => {
      const asked = await Promise.all(Array.from({ length: 5 }, (_, n) => store.ensure(someRepository(`r${n}`), 3)));
      expect(asked.filter((each) => each !== undefined)).toHaveLength(3);
      expect((await store.ensure(someRepository('r0'), 3))?.created).toBe(false);
      expect((await store.ensure(someRepository('r0', { space: OTHER }), 3))?.created).toBe(true);
    });

    test('a repository of another space does not exist', async () => {
      const { uuid } = await add('mine');
      await store.publish(SPACE, uuid, someIndex(await store.nextGeneration(SPACE, uuid)));
      await store.setSource(OTHER, uuid, { kind: 'folder', path: '/theirs' });
      await store.noteResult(OTHER, uuid, someReport(1), AT);
      await store.putAnalysis(OTHER, uuid, someAnalysis('a', AT));
      expect(await store.get(OTHER, uuid)).toBeUndefined();
      expect(await store.byName(OTHER, 'mine')).toBeUndefined();
      expect(await store.list(OTHER, 10)).toEqual([]);
      expect(await store.analyses(OTHER, uuid)).toEqual([]);
      await expect(store.nextGeneration(OTHER, uuid)).rejects.toMatchObject({ code: 'not_found' });
      expect(await store.publish(OTHER, uuid, someIndex(9))).toBeUndefined();
      expect(await store.remove(OTHER, uuid)).toBeUndefined();
      const kept = await store.get(SPACE, uuid);
      expect(kept).toMatchObject({ source: { kind: 'git' }, published: { generation: 1 } });
      expect(kept?.lastResult).toBeUndefined();
      expect(await store.analyses(SPACE, uuid)).toEqual([]);
    });

    test('lists go by name in pages, without last results', async () => {
      for (const text of ['b', 'C', 'a', 'd']) await add(text);
      await add('x', { space: OTHER });
      const first = await store.list(SPACE, 2);
      await store.noteResult(SPACE, first[0]?.uuid ?? '', someReport(1), AT + 5);
      expect(first.map((each) => each.name)).toEqual(['a', 'b']);
      expect((await store.list(SPACE, 10, 'b')).map((each) => each.name)).toEqual(['C', 'd']);
      const [listed] = await store.list(SPACE, 1);
      expect(listed).toMatchObject({ name: 'a', lastSyncedAt: AT + 5 });
      expect(listed?.lastResult).toBeUndefined();
    });

    test('generation numbers are never given twice', async () => {
      const { uuid } = await add('r');
      const numbers = await Promise.all(Array.from({ length: 5 }, () => store.nextGeneration(SPACE, uuid)));
      expect(new Set(numbers)).toEqual(new Set([1, 2, 3, 4, 5]));
      await store.publish(SPACE, uuid, someIndex(2));
      await store.unpublish(uuid, 2);
      expect(await store.nextGeneration(SPACE, uuid)).toBe(6);
    });

    test('a generation is published in stages, and never by a sync that was overtaken', async () => {
      const { uuid } = await add('r');
      for (let n = 0; n < 3; n++) await store.nextGeneration(SPACE, uuid);
      expect(await store.publish(SPACE, uuid, someIndex(2, { stage: 'text', indexBytes: 300 }))).toEqual({ replacedBytes: 0 });
      expect(await store.publish(SPACE, uuid, someIndex(2, { commit: 'c', indexBytes: 500 }))).toEqual({ replacedBytes: 300 });
      expect(await store.publish(SPACE, uuid, someIndex(1))).toBeUndefined();
      expect((await store.get(SPACE, uuid))?.published).toEqual(someIndex(2, { commit: 'c', indexBytes: 500 }));
      expect(await store.publish(SPACE, uuid, someIndex(3, { indexBytes: 100 }))).toEqual({ replacedBytes: 500 });
    });

    test('what is taken back is not read, unless a newer one is', async () => {
      const { uuid } = await add('r');
      await store.publish(SPACE, uuid, someIndex(2));
      await store.unpublish(uuid, 1);
      expect((await store.get(SPACE, uuid))?.published?.generation).toBe(2);
      await store.unpublish(uuid, 2);
      expect((await store.get(SPACE, uuid))?.published).toBeUndefined();
      expect(await store.indexBytes(SPACE)).toBe(0);
    });

    test('index bytes are those of what is published in the space', async () => {
      expect(await store.indexBytes(SPACE)).toBe(0);
      for (const text of ['a', 'b']) await store.publish(SPACE, (await add(text)).uuid, someIndex(1, { indexBytes: 400 }));
      await store.publish(OTHER, (await add('c', { space: OTHER })).uuid, someIndex(1));
      expect(await store.indexBytes(SPACE)).toBe(800);
    });

    test('the last result and its time stay, as they were told', async () => {
      const { uuid } = await add('r');
      await store.noteResult(SPACE, uuid, someReport(1), AT + 1);
      await store.noteResult(SPACE, uuid, someReport(2), AT + 2);
      expect(await store.get(SPACE, uuid)).toMatchObject({ lastResult: someReport(2), lastSyncedAt: AT + 2 });
      await store.setSource(SPACE, uuid, { kind: 'folder', path: '/new' });
      expect(await store.get(SPACE, uuid)).toMatchObject({ source: { kind: 'folder', path: '/new' }, lastSyncedAt: AT + 2 });
    });

    test('a removed repository is gone with its analyses, and its name is free', async () => {
      const { uuid } = await add('r');
      await store.publish(SPACE, uuid, someIndex(1));
      await store.putAnalysis(SPACE, uuid, someAnalysis('a', AT));
      expect(await store.remove(SPACE, uuid)).toMatchObject({ name: 'r', published: { indexBytes: 800 } });
      expect(await store.remove(SPACE, uuid)).toBeUndefined();
      expect(await store.get(SPACE, uuid)).toBeUndefined();
      expect(await store.analyses(SPACE, uuid)).toEqual([]);
      expect(await store.publish(SPACE, uuid, someIndex(2))).toBeUndefined();
      await expect(store.nextGeneration(SPACE, uuid)).rejects.toMatchObject({ code: 'not_found' });
      await store.putAnalysis(SPACE, uuid, someAnalysis('b', AT));
      await add('r');
    });

    test('a space goes with all its repositories and no other', async () => {
      const gone = [(await add('a')).uuid, (await add('b')).uuid];
      const kept = await add('a', { space: OTHER });
      expect((await store.removeSpace(SPACE)).toSorted()).toEqual(gone.toSorted());
      expect(await store.removeSpace(SPACE)).toEqual([]);
      expect(await store.list(SPACE, 10)).toEqual([]);
      expect(await store.published(10)).toEqual([{ uuid: kept.uuid }]);
    });

    test('what one author made in a space goes, and nothing else', async () => {
      const gone = [await add('a', { createdBy: 'user_2' }), await add('b', { createdBy: 'user_2' })];
      const kept = [await add('c'), await add('a', { space: OTHER, createdBy: 'user_2' })];
      await store.putAnalysis(SPACE, gone[0]?.uuid ?? '', someAnalysis('x', AT));
      expect((await store.removeAuthored(SPACE, 'user_2')).toSorted()).toEqual(gone.map(({ uuid }) => uuid).toSorted());
      expect(await store.removeAuthored(SPACE, 'user_2')).toEqual([]);
      expect((await store.published(10)).map(({ uuid }) => uuid)).toEqual(kept.map(({ uuid }) => uuid).toSorted());
      expect(await store.analyses(SPACE, gone[0]?.uuid ?? '')).toEqual([]);
    });

    test('what is published can be walked, over all spaces', async () => {
      const all = [await add('a'), await add('b', { space: OTHER }), await add('c')];
      await store.publish(OTHER, all[1]?.uuid ?? '', someIndex(4));
      const first = await store.published(2);
      const rest = await store.published(2, first.at(-1)?.uuid);
      expect([...first, ...rest]).toEqual([{ uuid: all[0]?.uuid }, { uuid: all[1]?.uuid, generation: 4, stage: 'complete' }, { uuid: all[2]?.uuid }]);
      expect(await store.publishedOf(all[1]?.uuid ?? '')).toEqual({ uuid: all[1]?.uuid, generation: 4, stage: 'complete' });
      expect(await store.publishedOf(all[0]?.uuid ?? '')).toEqual({ uuid: all[0]?.uuid });
      expect(await store.publishedOf('f'.repeat(32))).toBeUndefined();
    });

    test('the phases of an analysis come one by one; the two newest analyses stay', async () => {
      const { uuid } = await add('r');
      await store.putAnalysis(SPACE, uuid, someAnalysis('a', AT, { phases: { sizes: { n: 1 } } }));
      await store.putAnalysis(SPACE, uuid, someAnalysis('a', AT, { phases: { graph: [null] }, finishedAt: AT + 9, complete: true }));
      expect(await store.analyses(SPACE, uuid)).toEqual([
        someAnalysis('a', AT, { phases: { sizes: { n: 1 }, graph: [null] }, finishedAt: AT + 9, complete: true }),
      ]);
      await store.putAnalysis(SPACE, uuid, someAnalysis('c', AT + 2));
      await store.putAnalysis(SPACE, uuid, someAnalysis('b', AT + 1));
      expect((await store.analyses(SPACE, uuid)).map(({ id }) => id)).toEqual(['c', 'b']);
    });

    test('edges of a graph are found by their block’s number and by name, both directions apart', async () => {
      const { uuid } = await add('r');
      await store.putAnalysis(SPACE, uuid, someAnalysis('a', AT));
      // In order of UTF-16, where the pair of U+1F40B comes before U+FF5E.
      const blocks = [someBlock(0, ['a', 'b/c']), someBlock(1, ['b/c']), someBlock(2, ['b/c', 'd', '\u{1f40b}']), someBlock(3, ['\uff5e'])];
      await store.putEdges(SPACE, uuid, 'a', blocks.slice(0, 3));
      await store.putEdges(SPACE, uuid, 'a', [...blocks.slice(3), someBlock(0, ['z'], 'in')]);
      const found = (from: number | string, direction: EdgeBlock['direction'] = 'out'): Promise<EdgeBlock | undefined> =>
        store.edgeBlock(SPACE, uuid, 'a', direction, from);
      for (const block of blocks) expect(await found(block.number)).toEqual(block);
      expect(await found(4)).toBeUndefined();
      for (const [name, number] of [
        ['', 0],
        ['a', 0],
        ['b', 0],
        ['b/c', 0],
        ['b/d', 2],
        ['\u{1f40b}', 2],
        ['\u{1f40c}', 3],
      ] as const) {
        expect((await found(name))?.number, name).toBe(number);
      }
      expect(await found('\uffff')).toBeUndefined();
      expect(await found(0, 'in')).toEqual(someBlock(0, ['z'], 'in'));
    });

    test('edges go with their analysis, and are not those of another space or analysis', async () => {
      const { uuid } = await add('r');
      await store.putEdges(SPACE, uuid, 'a', [someBlock(0, ['a'])]);
      await store.putAnalysis(SPACE, uuid, someAnalysis('a', AT));
      await store.putEdges(OTHER, uuid, 'a', [someBlock(0, ['a'])]);
      expect(await store.edgeBlock(SPACE, uuid, 'a', 'out', 0)).toBeUndefined();
      await store.putEdges(SPACE, uuid, 'a', [someBlock(0, ['a'])]);
      await store.putAnalysis(SPACE, uuid, someAnalysis('a', AT, { complete: true }));
      expect(await store.edgeBlock(SPACE, uuid, 'a', 'out', 0)).toEqual(someBlock(0, ['a']));
      expect(await store.edgeBlock(OTHER, uuid, 'a', 'out', 0)).toBeUndefined();
      expect(await store.edgeBlock(SPACE, uuid, 'b', 'out', '')).toBeUndefined();
      await store.putAnalysis(SPACE, uuid, someAnalysis('b', AT + 1));
      await store.putAnalysis(SPACE, uuid, someAnalysis('c', AT + 2));
      expect(await store.edgeBlock(SPACE, uuid, 'a', 'out', 0)).toBeUndefined();
      await store.putEdges(SPACE, uuid, 'c', [someBlock(0, ['a'])]);
      await store.remove(SPACE, uuid);
      expect(await store.edgeBlock(SPACE, uuid, 'c', 'out', 0)).toBeUndefined();
    });

    test('allowed roots are those set last', async () => {
      expect(await store.allowedRoots()).toEqual([]);
      await store.setAllowedRoots(['/srv/code', '/home/ä, "b"']);
      expect(await store.allowedRoots()).toEqual(['/srv/code', '/home/ä, "b"']);
      await store.setAllowedRoots([]);
      expect(await store.allowedRoots()).toEqual([]);
    });
  });
}
