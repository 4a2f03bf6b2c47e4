import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/config/options.ts';
import { type EmbeddingServer, openEmbeddingServer } from '../support/embedding-server.ts';
import { eventually } from '../support/leaks.ts';
import { type SourceFiles, writeSources } from '../support/sources.ts';
import { temporaryFolder } from '../support/storage.ts';
import { openTown, type Town } from '../support/town.ts';

interface Found {
  readonly mode: string;
  readonly ranking?: string;
  readonly results: readonly { readonly path: string; readonly why: Readonly<Record<string, number>> }[];
  readonly repositories: readonly { readonly name: string; readonly vectors?: string }[];
}

/** What a model of the tests holds for the same. */
const MEANINGS = [/\b(?:ship|vessel|boat)s?\b/gi, /\b(?:rain|downpour|storm)s?\b/gi, /\b(?:invoice|bill)s?\b/gi];
const FILES: SourceFiles = {
  'harbour.py': 'def moor(ship):\n    ship.anchor = True\n    return ship\n\n\ndef release(item):\n    item.anchor = False\n',
  'weather.py': 'def forecast(day):\n    return day.rain * 2\n',
  'office.py': 'def pay(invoice):\n    return invoice.total\n',
};

let server: EmbeddingServer;
beforeAll(async () => {
  server = await openEmbeddingServer(MEANINGS);
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => void (server.mood = 'well'));

const settings = (more: Partial<Settings> = {}): Partial<Settings> => ({
  EMBEDDING_URL: server.url,
  EMBEDDING_MODEL: 'first',
  EMBEDDING_BATCH: 2,
  CODE_EMBEDDING: true,
  INDEX_THREADS: 1,
  ...more,
});

async function synced(town: Town, folder: string, name: string): Promise<string> {
  const answer = await town.done(town.admin, 'sync_repository', { source: folder, name });
  return (answer['repository'] as { id: string }).id;
}

const search = async (town: Town, query: string): Promise<Found> => (await town.done(town.admin, 'search_code', { query })) as unknown as Found;

async function vectorsOf(town: Town, id: string): Promise<unknown> {
  return ((await town.done(town.admin, 'get_repository', { id }))['repository'] as { vectors?: unknown }).vectors;
}

const allEmbedded = (town: Town, id: string, model = 'first'): Promise<unknown> =>
  eventually(async () => {
    const vectors = await vectorsOf(town, id);
    expect(vectors).toMatchObject({ model, pending: 0 });
    return vectors;
  });

/** Texts sent since so many requests, beside the questions. */
const sentSince = (count: number): readonly string[] =>
  server.requests
    .slice(count)
    .flatMap(({ input }) => input)
    .filter((text) => text.includes('\n') || text.startsWith('def'));

describe('vectors of code', () => {
  it('[code-meaning] [code-meaning-gone] come after the sync, find what shares no word with the question, and go with their repository', async () => {
    await using sources = await temporaryFolder();
    await writeSources(sources.path, FILES);
    await using town = await openTown({ settings: settings() });
    const id = await synced(town, sources.path, 'town');
    await allEmbedded(town, id);
    const found = await search(town, 'vessel');
    expect(found).toMatchObject({ mode: 'words', ranking: 'hybrid', repositories: [{ name: 'town', vectors: 'all' }] });
    expect(found.results[0]).toMatchObject({ path: 'harbour.py', why: { vector: expect.any(Number) as number } });
    expect(found.results[0]?.why['words']).toBeUndefined();
    expect((await search(town, 'downpour')).results[0]?.path).toBe('weather.py');
    expect((await search(town, 'forecast')).results[0]).toMatchObject({ path: 'weather.py', why: { symbol: 4 } });
    expect((await search(town, '"rain"')).ranking).toBeUndefined();
    const others = await town.done(town.admin, 'search_code', { query: 'vessel', paths: ['office.py'] });
    expect((others['results'] as Found['results']).map(({ path }) => path)).not.toContain('harbour.py');

    const repos = join(town.dataDir, 'repos');
    const [uuid = ''] = await readdir(repos);
    expect(existsSync(join(repos, uuid, 'vectors.db'))).toBe(true);
    await town.done(town.admin, 'remove_repository', { id });
    await eventually(async () => expect(await readdir(repos)).toEqual([]));
  });

  it('[code-meaning-kept] of unchanged chunks are kept over syncs, renames and a start; another model makes all anew', async () => {
    await using sources = await temporaryFolder();
    await using data = await temporaryFolder();
    await writeSources(sources.path, FILES);
    let id = '';
    {
      await using town = await openTown({ settings: settings(), dataDir: data.path });
      id = await synced(town, sources.path, 'town');
      await allEmbedded(town, id);
      const before = server.requests.length;
      await writeSources(sources.path, {
        'weather.py': 'def forecast(day):\n    return day.storm * 3\n',
        'copy/office.py': FILES['office.py'] ?? '',
      });
      await synced(town, sources.path, 'town');
      await allEmbedded(town, id);
      expect(sentSince(before)).toEqual([expect.stringContaining('day.storm * 3')]);
      await town.done(town.admin, 'sync_repository', { name: 'town', mode: 'full' });
      await allEmbedded(town, id);
      expect(sentSince(before)).toHaveLength(1);
    }
    const count = server.requests.length;
    {
      await using town = await openTown({ settings: settings(), dataDir: data.path });
      await allEmbedded(town, id);
      expect(sentSince(count)).toEqual([]);
    }
    await using town = await openTown({ settings: settings({ EMBEDDING_MODEL: 'second' }), dataDir: data.path });
    await allEmbedded(town, id, 'second');
    expect(sentSince(count).length).toBeGreaterThan(1);
    expect((await search(town, 'boat')).results[0]?.path).toBe('harbour.py');
  });

  it('[code-meaning-dead] of an endpoint that is dead or deaf cost neither a sync nor a search, and come when it is well', async () => {
    await using sources = await temporaryFolder();
    await writeSources(sources.path, FILES);
    server.mood = 'dead';
    await using town = await openTown({ settings: settings({ EMBEDDING_TIMEOUT: 200, EMBEDDING_QUERY_TIMEOUT: 50 }) });
    const id = await synced(town, sources.path, 'town');
    const found = await search(town, 'release anchor');
    expect(found).toMatchObject({ mode: 'words', ranking: 'lexical' });
    expect(found.results[0]?.path).toBe('harbour.py');
    expect(await vectorsOf(town, id)).toMatchObject({ embedded: 0, pending: expect.any(Number) as number });
    server.mood = 'deaf';
    expect((await search(town, 'release anchor')).results[0]?.path).toBe('harbour.py');
    server.mood = 'well';
    await allEmbedded(town, id);
  });

  it('are not made where nobody asked for them', async () => {
    await using sources = await temporaryFolder();
    await writeSources(sources.path, FILES);
    const count = server.requests.length;
    await using town = await openTown({ settings: settings({ CODE_EMBEDDING: false }) });
    const id = await synced(town, sources.path, 'town');
    expect(await vectorsOf(town, id)).toBeUndefined();
    expect((await search(town, 'ship')).ranking).toBeUndefined();
    expect(server.requests.slice(count)).toEqual([]);
  });
});
