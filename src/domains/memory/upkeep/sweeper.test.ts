import { describe, expect, it } from 'vitest';
import { type MemoryHarness, openMemoryHarness } from '../../../../test/support/memory-harness.ts';
import { ManualClock, systemClock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { type LogFields, silentLogger } from '../../../kernel/logger.ts';
import { createSqliteSettingsStore } from '../../../storage/sqlite/system/upkeep-stores.ts';
import { markOutdated } from './derived-data.ts';
import * as inputs from '../inputs.ts';
import type { Embedder, SpaceWorkKind } from '../ports.ts';

const START = Date.UTC(2026, 4, 13, 12);
const live = new AbortController().signal;

/** Meanings a real model would know: each group of words is one direction. */
const MEANINGS = [/\b(cat|kitten|feline)\b/i, /\b(car|automobile|sedan)\b/i, /\b(rain|storm)\b/i];

interface Switch {
  dead: boolean;
  calls: number;
  readonly told: (readonly string[])[];
}

function embedder(model = 'words'): Embedder & Switch {
  const made: Embedder & Switch = {
    model,
    dead: false,
    calls: 0,
    told: [],
    async embed(texts) {
      made.calls += 1;
      made.told.push(texts);
      if (made.dead) throw new PolymniaError('upstream_failed', 'The embeddings endpoint could not be reached.');
      return texts.map((text) => Float32Array.from([...MEANINGS.map((meaning) => (meaning.test(text) ? 1 : 0.01)), 0.01]));
    },
  };
  return made;
}

const retrieve = (harness: MemoryHarness, user: string, query: string) =>
  harness.service.retrieve(inputs.retrieveInput.parse({ query }), harness.as(user));
const due = (harness: MemoryHarness, kind: SpaceWorkKind) => harness.work.due(Number.MAX_SAFE_INTEGER, 10, kind);

describe('expiry', () => {
  it('removes from disk what has expired, gives its bytes back, and comes again for the rest', async () => {
    const clock = new ManualClock(START);
    await using harness = await openMemoryHarness({ clock });
    const ctx = harness.as('ann');
    await harness.service.store({ content: 'stays' }, ctx);
    await harness.service.store({ content: 'one minute', expiresIn: 60 }, ctx);
    await harness.service.store({ content: 'two minutes', expiresIn: 120 }, ctx);
    expect(await harness.sweeper.sweepOnce(live)).toBe(false);
    expect((await due(harness, 'expire'))[0]?.dueAt).toBe(START + 60_000);

    clock.advance(60_000);
    expect((await harness.service.search(inputs.searchInput.parse({}), ctx)).results.map(({ content }) => content)).toEqual(['two minutes', 'stays']);
    const before = await harness.quota.used('usr_ann');
    await harness.sweeper.sweepOnce(live);
    expect(await harness.quota.used('usr_ann')).toBeLessThan(before);
    expect(await harness.quota.used('usr_ann')).toBe((await harness.service.stats({}, ctx)).bytes);
    expect((await due(harness, 'expire'))[0]?.dueAt).toBe(START + 120_000);

    clock.advance(120_000);
    await harness.sweeper.sweepOnce(live);
    expect(await due(harness, 'expire')).toEqual([]);
    expect((await harness.service.stats({}, ctx)).memories).toBe(1);
  });

  it('cleans up after deletions a minute later', async () => {
    const clock = new ManualClock(START);
    await using harness = await openMemoryHarness({ clock });
    const { id } = await harness.service.store({ content: 'secret word xylophone' }, harness.as('ann'));
    await harness.service.delete({ id }, harness.as('ann'));
    await harness.sweeper.sweepOnce(live);
    expect(await due(harness, 'scrub')).toHaveLength(1);
    clock.advance(60_000);
    while (await harness.sweeper.sweepOnce(live));
    expect(await due(harness, 'scrub')).toEqual([]);
  });
});

describe('vectors', () => {
  it('are made after the commit and then found by meaning', async () => {
    const model = embedder();
    await using harness = await openMemoryHarness({ embedder: model });
    await harness.service.store({ content: 'The kitten sleeps.' }, harness.as('ann'));
    await harness.service.store({ content: 'A sedan was sold.' }, harness.as('ann'));
    const before = await retrieve(harness, 'ann', 'feline');
    expect(before).toMatchObject({ mode: 'lexical', pending: 2, results: [] });
    await harness.sweeper.sweepOnce(live);
    const after = await retrieve(harness, 'ann', 'feline');
    expect(after).toMatchObject({ mode: 'hybrid' });
    expect(after.pending).toBeUndefined();
    expect(after.results[0]).toMatchObject({ content: 'The kitten sleeps.', why: { vector: expect.any(Number) as number } });
    expect(await due(harness, 'vectors')).toEqual([]);
  });

  it('of a dead embedder cost neither a store nor a search, and come when it lives again', async () => {
    const clock = new ManualClock(START);
    const model = embedder();
    const warned: LogFields[] = [];
    await using harness = await openMemoryHarness({
      clock,
      embedder: model,
      logger: { ...silentLogger, warn: (_message, fields = {}) => void warned.push(fields) },
    });
    model.dead = true;
    await harness.service.store({ content: 'The kitten sleeps.' }, harness.as('ann'));
    await harness.service.store({ content: 'A storm came.' }, harness.as('bob'));
    expect((await retrieve(harness, 'ann', 'kitten')).results).toHaveLength(1);
    await harness.sweeper.sweepOnce(live);
    expect(warned).toMatchObject([{ kind: 'vectors', code: 'upstream_failed' }]);
    const calls = model.calls;
    await harness.sweeper.sweepOnce(live);
    expect(model.calls).toBe(calls);
    expect((await retrieve(harness, 'ann', 'kitten')).mode).toBe('lexical');
    expect(model.calls).toBe(calls);

    model.dead = false;
    clock.advance(60_000);
    await harness.sweeper.sweepOnce(live);
    expect(await due(harness, 'vectors')).toEqual([]);
    expect((await retrieve(harness, 'bob', 'rain')).results[0]?.content).toBe('A storm came.');
  });

  it('go in batches of the given size', async () => {
    const model = embedder();
    await using harness = await openMemoryHarness({ embedder: model, embeddingBatch: 4 });
    const items = Array.from({ length: 10 }, (_, at) => ({ content: `cat ${at}` }));
    await harness.service.storeMany(inputs.storeManyInput.parse({ items }), harness.as('ann'));
    while (await harness.sweeper.sweepOnce(live));
    expect(model.told.map((texts) => texts.length)).toEqual([4, 4, 2]);
  });
});

describe('markOutdated', () => {
  it('marks all spaces once for each change of tokeniser or model', async () => {
    const model = embedder('second');
    await using harness = await openMemoryHarness({ embedder: model });
    const first = embedder('first');
    const call = { ...harness.as('ann'), space: harness.as('ann').spaces[0]?.key ?? '', flow: { user: 'u', group: 'u', weight: 1 }, now: Date.now() };
    await harness.service.store({ content: 'The kitten sleeps.' }, harness.as('ann'));
    await harness.sweeper.sweepOnce(live);
    const notes = createSqliteSettingsStore(harness.system);
    const deps = { work: harness.work, clock: systemClock, notes, spaces: () => [call.space] };
    expect(await markOutdated({ ...deps, embedder: first })).toBe(2);
    expect(await markOutdated({ ...deps, embedder: first })).toBe(0);
    expect(await markOutdated({ ...deps, embedder: model })).toBe(1);
    while (await harness.sweeper.sweepOnce(live));
    expect(await due(harness, 'reindex')).toEqual([]);
    expect(await due(harness, 'vectors')).toEqual([]);
    expect(await markOutdated(deps)).toBe(0);
    expect((await harness.store.stats(call)).vectorModel).toBe('second');
  });
});

describe('Sweeper', () => {
  it('puts off what fails by a minute and goes on with the others', async () => {
    const clock = new ManualClock(START);
    const warned: LogFields[] = [];
    let failing = true;
    await using harness = await openMemoryHarness({
      clock,
      logger: { ...silentLogger, warn: (_message, fields = {}) => void warned.push(fields) },
      wrap: (store) => ({
        ...store,
        sweepExpired: (call, limit) =>
          failing && call.space.startsWith('616e6e')
            ? Promise.reject(new PolymniaError('storage_unavailable', 'x'))
            : store.sweepExpired(call, limit),
      }),
    });
    for (const user of ['ann', 'bob']) await harness.service.store({ content: 'x', expiresIn: 1 }, harness.as(user));
    clock.advance(1000);
    await harness.sweeper.sweepOnce(live);
    expect(warned).toMatchObject([{ kind: 'expire', code: 'storage_unavailable' }]);
    expect(await due(harness, 'expire')).toMatchObject([{ space: harness.as('ann').spaces[0]?.key, dueAt: START + 61_000 }]);
    failing = false;
    clock.advance(60_000);
    await harness.sweeper.sweepOnce(live);
    expect(await due(harness, 'expire')).toEqual([]);
  });

  it('runs by itself, woken by a store, and leaves nothing behind when stopped', async () => {
    let embedded!: () => void;
    const done = new Promise<void>((resolve) => (embedded = resolve));
    const model = embedder();
    await using harness = await openMemoryHarness({
      clock: systemClock,
      embedder: model,
      wrap: (store) => ({
        ...store,
        async vectorsPut(call, name, vectors) {
          const saved = await store.vectorsPut(call, name, vectors);
          if (saved.saved > 0) embedded();
          return saved;
        },
      }),
    });
    harness.sweeper.start();
    harness.sweeper.start();
    await harness.service.store({ content: 'The kitten sleeps.' }, harness.as('ann'));
    await done;
    await Promise.all([harness.sweeper.stop(), harness.sweeper.stop()]);
    await harness.sweeper.stop();
    expect((await retrieve(harness, 'ann', 'feline')).results).toHaveLength(1);
  });

  it('stops while it waits, leaving no timer', async () => {
    const clock = new ManualClock(START);
    await using harness = await openMemoryHarness({ clock });
    const looked = harness.work.due(0, 1, 'expire');
    harness.sweeper.start();
    await looked;
    await harness.sweeper.stop();
    expect(clock.pending).toBe(0);
  });
});
