import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { type LogFields, silentLogger } from '../../kernel/logger.ts';
import { writeGeneration } from '../../storage/sqlite/code/generation-test-kit.ts';
import { SearchThreads } from '../../storage/sqlite/code/search-threads.ts';
import type { PublishedIndex } from './model.ts';
import { OTHER, RepositoryKit, SPACE } from './repository-test-kit.ts';
import { searchCodeInput } from './search-inputs.ts';
import { createCodeSearch } from './searching.ts';
import { CodeVectors } from './vectors.ts';

let kit: RepositoryKit;
let index: SearchThreads;
let count = 0;

beforeAll(async () => {
  kit = await RepositoryKit.open();
  index = new SearchThreads({ threads: 1, clock: new ManualClock(0) });
});
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

async function publish(text: string | undefined, stage: PublishedIndex['stage'] = 'complete', space = SPACE) {
  const uuid = `${(count += 1)}`.padStart(32, '0');
  const name = `r${count}`;
  const source = { kind: 'folder', path: '/x' } as const;
  await kit.store.ensure({ uuid, space: space.key, name, nameKey: name, source, createdBy: 'ann', createdAt: 1 }, 100);
  const generation = await kit.store.nextGeneration(space.key, uuid);
  if (text !== undefined) writeGeneration(kit.folders.generation(uuid, generation), [[{ path: 'a.py', text }]], { textOnly: stage === 'text' });
  const counts = { files: 1, symbols: 1, chunks: 1, sourceBytes: 1, indexBytes: 1 };
  const published: PublishedIndex = { generation, stage, treeId: 't', ...counts, publishedAt: 1 };
  await kit.store.publish(space.key, uuid, published);
  return { uuid, published };
}

/** The background work over all repositories so far, with an endpoint that is `well`, or not. */
function open(clock: ManualClock) {
  const told: string[] = [];
  const warned: LogFields[] = [];
  const endpoint = { isWell: true };
  const looked: string[] = [];
  const store = {
    published: kit.store.published,
    publishedOf: async (uuid: string) => {
      looked.push(uuid);
      return kit.store.publishedOf(uuid);
    },
  };
  const embedder = {
    model: 'm',
    async embed(texts: readonly string[]) {
      if (!endpoint.isWell) throw new PolymniaError('upstream_failed', 'The embeddings endpoint could not be reached.');
      told.push(...texts);
      return texts.map(() => Float32Array.of(1, 0));
    },
  };
  const logger = { ...silentLogger, warn: (_message: string, fields: LogFields = {}) => void warned.push(fields) };
  const vectors = new CodeVectors({ store, folders: kit.folders, index, embedder, clock, logger, batch: 4 });
  return { vectors, told, warned, endpoint, looked };
}

describe('CodeVectors', () => {
  it('goes through what is published at the start, and leaves alone what has no files or no symbols yet', async () => {
    const missing = await publish(undefined);
    const early = await publish('def early():\n    pass\n', 'text');
    const whole = await publish('def whole():\n    pass\n');
    const { vectors, told, looked } = open(new ManualClock(0));
    await using _end = vectors;
    expect(vectors.stateOf(whole.uuid, whole.published)).toEqual({ model: 'm', embedded: 0, pending: 1 });
    vectors.start();
    await expect.poll(() => vectors.stateOf(whole.uuid, whole.published)).toEqual({ model: 'm', embedded: 1, pending: 0 });
    expect(told).toEqual([expect.stringContaining('def whole')]);
    expect(looked.filter((uuid) => uuid === missing.uuid)).toHaveLength(2);
    expect(looked).not.toContain(early.uuid);
  });

  it('leaves a failing endpoint alone for a while, then goes on with what waits', async () => {
    const { uuid, published } = await publish('def later():\n    pass\n');
    const clock = new ManualClock(0);
    const { vectors, warned, endpoint, looked } = open(clock);
    await using _end = vectors;
    endpoint.isWell = false;
    vectors.start();
    await expect.poll(() => warned).toMatchObject([{ repository: uuid, code: 'upstream_failed' }]);
    const before = looked.length;
    vectors.wanted(uuid);
    for (let at = 0; at < 20; at += 1) await turn();
    expect(looked).toHaveLength(before);
    endpoint.isWell = true;
    await expect
      .poll(() => {
        clock.advance(1000);
        return vectors.stateOf(uuid, published).pending;
      })
      .toBe(0);
    expect(warned).toHaveLength(1);
  });

  it('gives each new index its turn, and ends while it works', async () => {
    const { vectors } = open(new ManualClock(0));
    vectors.start();
    const made = [await publish('def one():\n    pass\n'), await publish('def two():\n    pass\n')];
    for (const { uuid } of made) vectors.wanted(uuid);
    await expect.poll(() => made.map(({ uuid, published }) => vectors.stateOf(uuid, published).pending)).toEqual([0, 0]);
    vectors.wanted(made[0]?.uuid ?? '');
    await vectors[Symbol.asyncDispose]();
  });
});

describe('search_code over many repositories', () => {
  const vector = { model: 'm', values: Float32Array.of(1, 0) };
  const call = async (vectorOf: () => Promise<typeof vector | undefined>) => {
    const jobs = { unfinished: async () => [] };
    const code = createCodeSearch({ store: kit.store, folders: kit.folders, index, jobs, clock: new ManualClock(0), meaning: { vectorOf } });
    return code.search(searchCodeInput.parse({ query: 'common word', limit: 50 }), kit.context({ space: OTHER }));
  };

  it('compares 20 by meaning and says so of each, and all by words when the question has no vector', async () => {
    const made: Awaited<ReturnType<typeof publish>>[] = [];
    for (let at = 0; at < 21; at += 1) made.push(await publish(`def common_${at}():\n    word = ${at}\n`, 'complete', OTHER));
    const { vectors } = open(new ManualClock(0));
    vectors.start();
    await expect.poll(() => made.every(({ uuid, published }) => vectors.stateOf(uuid, published).pending === 0), { timeout: 10_000 }).toBe(true);
    await vectors[Symbol.asyncDispose]();
    const hybrid = await call(async () => vector);
    expect(hybrid).toMatchObject({ mode: 'words', ranking: 'hybrid', searched: 21 });
    expect(Object.groupBy(hybrid.repositories, (each) => each.vectors ?? 'absent')).toMatchObject({
      all: { length: 20 },
      none: { length: 1 },
    });
    const lexical = await call(async () => undefined);
    expect(lexical).toMatchObject({ mode: 'words', ranking: 'lexical', searched: 21 });
    expect(lexical.repositories.filter((each) => each.vectors !== undefined)).toEqual([]);
    expect(lexical.results).toHaveLength(21);
  });
});
