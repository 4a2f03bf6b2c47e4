import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallFiles, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { TOKENISER_VERSION } from '../../domains/memory/text/tokenise.ts';
import { newMemory, SpaceUnderTest, type MemoryStoreHarness } from '../contract/memory-store-fixture.ts';
import { memoryStoreContract } from '../contract/memory-store.contract.ts';
import type { SpaceFiles } from './space-files.ts';
import { createSqliteMemoryStore } from './sqlite-memory-store.ts';
import { vectorExtension } from './vector-extension.ts';

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

const openFiles = (folder: string): SpaceFiles => smallFiles(folder, { vectorExtension: vectorExtension() });

function harnessOver(files: SpaceFiles, dispose: () => Promise<void>): MemoryStoreHarness {
  return {
    store: createSqliteMemoryStore(files),
    call: (overrides) => storeCall(overrides.space, 'user_a', overrides),
    [Symbol.asyncDispose]: dispose,
  };
}

memoryStoreContract('SQLite files and threads', async () => {
  const folder = await temporaryFolder();
  const files = openFiles(folder.path);
  return harnessOver(files, async () => {
    await files[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
});

describe('the file of a space', () => {
  let folder: Folder;
  let files: SpaceFiles;
  let space: SpaceUnderTest;

  beforeEach(async () => {
    folder = await temporaryFolder();
    files = openFiles(folder.path);
    space = new SpaceUnderTest(harnessOver(files, async () => {}));
  });

  afterEach(async () => {
    await files[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Closes the files, does something to the space's own, and opens them again. */
  async function withFile<T>(run: (db: DatabaseSync) => T): Promise<T> {
    await files[Symbol.asyncDispose]();
    const name = (await readdir(folder.path, { recursive: true })).find((path) => path.endsWith(`${space.key}.db`));
    using db = new DatabaseSync(join(folder.path, name ?? ''));
    const result = run(db);
    files = openFiles(folder.path);
    space = Object.assign(new SpaceUnderTest(harnessOver(files, async () => {})), { key: space.key });
    return result;
  }

  async function rawBytes(): Promise<string> {
    await files[Symbol.asyncDispose]();
    const names = (await readdir(folder.path, { recursive: true })).filter((path) => path.includes(space.key));
    const contents = await Promise.all(names.map((name) => readFile(join(folder.path, name), 'latin1')));
    files = openFiles(folder.path);
    return contents.join('');
  }

  it('keeps under an idempotency key nothing that users wrote, and answers it in full again', async () => {
    const idempotency = { user: 'user_a', operation: 'store_memory', key: 'k1', inputHash: 'h1' };
    const tags = Array.from({ length: 32 }, (_, at) => `keptcanary${at}`);
    const stored = await space.add({ content: 'first', tags }, { idempotency });
    const change = { content: 'keptcanary '.repeat(5000), changedBy: 'user_a' };
    const update = () => space.store.update(space.call({ idempotency: { ...idempotency, operation: 'update_memory' } }), stored.uuid, change);
    const updated = await update();
    const answers = await withFile((db) =>
      db
        .prepare('select answer from idempotency')
        .all()
        .map(({ answer }) => String(answer)),
    );
    expect(answers).toHaveLength(2);
    expect(answers.every((answer) => answer.length < 200 && !answer.includes('keptcanary'))).toBe(true);
    expect(await space.add({ content: 'never', tags: [] }, { idempotency })).toEqual(stored);
    expect(await update()).toEqual(updated);
  });

  it('holds no deleted word once it has been scrubbed', async () => {
    const canary = newMemory({ content: 'the password is xylocanaryq', tags: ['qtagcanaryx'] });
    for (let n = 0; n < 6; n += 1)
      await space.store.add(
        space.call(),
        Array.from({ length: 50 }, (_, at) => newMemory({ content: `filler ${n} ${at}` })),
      );
    await space.store.add(space.call(), [canary]);
    const idempotency = { user: 'user_a', operation: 'update_memory', key: 'k', inputHash: 'h' };
    await space.store.update(space.call({ idempotency }), canary.uuid, { content: 'now it is zylocanaryq', changedBy: 'user_a' });
    for (let n = 6; n < 12; n += 1)
      await space.store.add(
        space.call(),
        Array.from({ length: 50 }, (_, at) => newMemory({ content: `filler ${n} ${at}` })),
      );
    expect(await rawBytes()).toMatch(/ylocanaryq/);
    space = Object.assign(new SpaceUnderTest(harnessOver(files, async () => {})), { key: space.key });
    await space.store.remove(space.call(), canary.uuid);
    while (!(await space.store.scrubText(space.call())).done);
    expect(await rawBytes()).not.toMatch(/canary/);
  });

  it('derives the full text anew under another tokeniser, slice by slice', async () => {
    await space.store.add(
      space.call(),
      Array.from({ length: 100 }, (_, at) => newMemory({ content: `owl ${at}` })),
    );
    await withFile((db) => {
      db.exec(`update meta set value = ${TOKENISER_VERSION + 1} where key = 'tokeniser_version';
        insert into memory_text (memory_text) values ('delete-all')`);
    });
    expect(await space.search('owl', { limit: 100 })).toHaveLength(0);
    expect(await space.store.reindexText(space.call(), 40)).toEqual({ done: false });
    expect(await space.search('owl', { limit: 100 })).toHaveLength(40);
    expect(await space.store.reindexText(space.call(), 40)).toEqual({ done: false });
    expect(await space.store.reindexText(space.call(), 40)).toEqual({ done: true });
    expect(await space.search('owl', { limit: 100 })).toHaveLength(100);
    expect(await space.store.reindexText(space.call(), 40)).toEqual({ done: true });
  });

  it('keeps counters and derived tables exact through every kind of write', async () => {
    const items = Array.from({ length: 60 }, (_, at) => newMemory({ content: `item ${at}`, tags: [`t${at % 7}`, 'all'], metadata: { at } }));
    await space.store.add(space.call(), items, { embedModel: 'm' });
    const pending = await space.store.vectorsPending(space.call(), 'm', 100);
    await space.store.vectorsPut(
      space.call(),
      'm',
      pending.map(({ uuid, version }) => ({ uuid, version, values: Float32Array.of(1, 2) })),
    );
    for (const { uuid } of items.slice(0, 30))
      await space.store.update(space.call(), uuid, { content: `changed ${uuid}`, tags: ['all'], changedBy: 'u' });
    for (const { uuid } of items.slice(20, 40)) await space.store.remove(space.call(), uuid);
    await space.add({ content: 'item 45', tags: ['new'] });
    const sums = await withFile((db) => ({
      ...db
        .prepare(`select
        (select sum(bytes) from memories) + (select sum(bytes) from memory_versions) - (select value from meta where key = 'bytes') as bytes,
        (select count(*) from memories) - (select value from meta where key = 'memories') as memories,
        (select count(*) from memory_versions) - (select value from meta where key = 'versions') as versions,
        (select count(*) from memory_tags) - (select count(*) from memories, json_each(memories.tags)) as tags,
        (select count(*) from vectors) - (select vectors from vector_models) as vectors,
        (select count(*) from memory_versions where memory not in (select id from memories)) as orphans`)
        .get(),
    }));
    expect(sums).toEqual({ bytes: 0, memories: 0, versions: 0, tags: 0, vectors: 0, orphans: 0 });
    expect(await space.store.stats(space.call())).toMatchObject({ memories: 40, versions: 20, pendingVectors: 20 });
  });

  it('leaves the commonest words to count only beside rarer ones in a large space, and still finds by them alone', async () => {
    for (let n = 0; n < 60; n += 1) {
      await space.store.add(
        space.call(),
        Array.from({ length: 100 }, (_, at) => newMemory({ content: `meadow ${n * 100 + at} ${at % 5 === 0 ? 'heron' : ''}` })),
      );
    }
    const rare = await space.add({ content: 'meadow with a kingfisher' });
    expect((await space.search('kingfisher meadow heron'))[0]).toBe(rare.uuid);
    expect(await space.search('meadow')).toHaveLength(10);
    expect(await space.search('meadow heron', { filter: { type: 'absent' } })).toEqual([]);
    const one = await space.add({ content: 'meadow alone', type: 'rare type' });
    expect(await space.search('meadow heron', { filter: { type: 'rare type' } })).toEqual([one.uuid]);
  });

  it('stops a long search when its call is aborted', async () => {
    for (let n = 0; n < 60; n += 1)
      await space.store.add(
        space.call(),
        Array.from({ length: 100 }, () => newMemory({})),
      );
    const controller = new AbortController();
    const search = space.store.list(space.call({ signal: controller.signal }), { metadata: { absent: 1 } }, { limit: 1 });
    controller.abort();
    await expect(search).rejects.toMatchObject({ code: 'cancelled' });
    expect(await space.store.count(space.call(), {})).toBe(6000);
  });
});
