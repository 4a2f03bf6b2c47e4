import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, ServedRepository, startGitServer } from '../../src/providers/sources/git-server-test-kit.ts';
import { childrenOf } from '../support/children.ts';
import { importInto, longHistory, manyFiles, numberedPath } from '../support/large-repositories.ts';
import { eventually, expectIdle } from '../support/leaks.ts';
import { temporaryFolder } from '../support/storage.ts';
import { canary, type Citizen, openTown, type Town, type TownOptions } from '../support/town.ts';

interface Report {
  readonly complete: boolean;
  readonly mode: string;
  readonly filesSeen: number;
  readonly filesIndexed: number;
  readonly skipped: readonly { readonly reason: string; readonly count: number; readonly examples: readonly string[] }[];
  readonly symbols: number;
  readonly job: { readonly state: string };
}

const MEGABYTE = 1_000_000;
const LONG_MS = 300_000;
/** Of a call that a sync does not hold up. */
const MEMORY_MS = 2000;

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let git: GitServer;

beforeAll(async () => {
  home = await temporaryFolder();
  git = await startGitServer(home.path);
});
afterAll(async () => {
  await git[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const serve = (name: string): ServedRepository => new ServedRepository(join(home.path, name));
const open = (options: TownOptions = {}): Promise<Town> =>
  openTown({ ...options, settings: { GIT_CA_FILE: git.caFile, GIT_PRIVATE_HOSTS: ['localhost'], ...options.settings } });

async function sync(town: Town, user: Citizen, input: Readonly<Record<string, unknown>>): Promise<Report> {
  return (await town.done(user, 'sync_repository', input)) as unknown as Report;
}

async function pathsWith(town: Town, user: Citizen, query: string): Promise<readonly string[]> {
  const { results } = (await town.done(user, 'search_code', { query, mode: 'exact' })) as { results: { path: string }[] };
  return results.map(({ path }) => path);
}

/** Of all files below a folder, by their path in it; of one that is not there none. */
async function filesBelow(folder: string): Promise<ReadonlyMap<string, number>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return new Map(await Promise.all(files.map(async (path) => [path, (await stat(path)).size] as const)));
}

async function bytesBelow(folder: string): Promise<number> {
  return [...(await filesBelow(folder)).values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Writes and searches memories until the work has ended. How long each call took, ms. */
async function rememberDuring(town: Town, user: Citizen, work: Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = [];
  let isOver = false;
  void work.catch(() => {}).finally(() => (isOver = true));
  while (!isOver) {
    const number = took.length;
    for (const [name, input] of [
      ['store_memory', { content: `Memory ${number} of the harbour.` }],
      ['retrieve_memory', { query: `memory ${number}` }],
    ] as const) {
      const at = performance.now();
      await town.done(user, name, input);
      took.push(performance.now() - at);
    }
  }
  return took;
}

function expectWholeTruth({ filesSeen, filesIndexed, skipped }: Report): void {
  expect(filesIndexed + skipped.reduce((sum, { count }) => sum + count, 0)).toBe(filesSeen);
}

const reasons = ({ skipped }: Report): Record<string, number> => Object.fromEntries(skipped.map(({ reason, count }) => [reason, count]));

describe('100,000 files', () => {
  const FILES = 100_000;
  const BUDGET = 60_000;
  let source: string;

  beforeAll(async () => {
    await importInto(serve('many.git'), manyFiles(FILES));
    source = git.localUrl('many.git');
  }, LONG_MS);

  it(
    '[sync-large] are indexed and told in full while another user’s memory calls are answered, and nothing new is told quickly',
    async () => {
      await using town = await open();
      const [ann, bob] = [await town.citizen('ann'), await town.citizen('bob')];
      const began = performance.now();
      const syncing = sync(town, ann, { source });
      const took = await rememberDuring(town, bob, syncing);
      const report = await syncing;
      const first = performance.now() - began;
      expect(report).toMatchObject({ complete: true, mode: 'full', filesSeen: FILES, job: { state: 'succeeded' } });
      expectWholeTruth(report);
      expect(reasons(report)).toEqual({ binary: FILES / 1000, symlink: FILES / 1000 });
      expect(report.symbols).toBe(FILES / 10);
      expect(took.length).toBeGreaterThan(20);
      expect(Math.max(...took)).toBeLessThan(MEMORY_MS);

      for (const n of [0, 49_990, 99_990]) {
        expect(await town.done(ann, 'find_symbol', { name: `step_${n}` })).toMatchObject({ definitions: [{ path: numberedPath(n) }] });
      }
      expect(await pathsWith(town, ann, 'note 99999 of many')).toEqual([numberedPath(99_999)]);

      const again = performance.now();
      expect(await sync(town, ann, { name: 'many' })).toMatchObject({ mode: 'unchanged', complete: true, filesSeen: FILES });
      expect(performance.now() - again).toBeLessThan(first / 2);
      await expectIdle(town.server);
      await eventually(() => expect(childrenOf(process.pid)).toEqual([]));
    },
    LONG_MS,
  );

  it(
    '[sync-file-budget] above SYNC_MAX_FILES are listed by that reason and the sync is partial; with more it reads the rest',
    async () => {
      await using data = await temporaryFolder();
      let ann: Citizen;
      {
        await using town = await open({ dataDir: data.path, settings: { SYNC_MAX_FILES: BUDGET } });
        ann = await town.citizen('ann');
        const cut = await sync(town, ann, { source });
        expect(cut).toMatchObject({ complete: false, filesSeen: FILES, job: { state: 'partial' } });
        expectWholeTruth(cut);
        expect(reasons(cut)).toMatchObject({ symlink: FILES / 1000, file_budget: FILES - FILES / 1000 - BUDGET });
        expect(await sync(town, ann, { name: 'many' })).toMatchObject({ mode: 'unchanged', complete: false, job: { state: 'partial' } });
      }
      await using town = await open({ dataDir: data.path });
      const whole = await sync(town, ann, { name: 'many' });
      expect(whole).toMatchObject({ complete: true, mode: 'incremental', filesSeen: FILES, job: { state: 'succeeded' } });
      expect(reasons(whole)).toEqual({ binary: FILES / 1000, symlink: FILES / 1000 });
      expect(await town.done(ann, 'find_symbol', { name: 'step_99990' })).toMatchObject({ definitions: [{ path: numberedPath(99_990) }] });
    },
    LONG_MS,
  );
});

describe('the budget of a clone', () => {
  it(
    '[sync-large-history] is not touched by a gigabyte of history behind a small tip, which is not fetched, nor after a push',
    async () => {
      const [word, pushed] = [canary(), canary()];
      const served = serve('deep.git');
      await importInto(served, longHistory(256, 4 * 1024 * 1024, { 'tip.py': `def ${word}():\n    return 1\n` }));
      expect(await bytesBelow(served.folder)).toBeGreaterThan(1000 * MEGABYTE);
      await using town = await open({ settings: { CLONE_MAX_MB: 50, CLONE_TIMEOUT: 60_000 } });
      const ann = await town.citizen('ann');
      expect(await sync(town, ann, { source: git.localUrl('deep.git') })).toMatchObject({ complete: true, filesSeen: 1, filesIndexed: 1 });
      expect(await pathsWith(town, ann, word)).toEqual(['tip.py']);
      served.commitFiles({ 'pushed.py': `def ${pushed}():\n    return 1\n` }, { from: served.git(['rev-parse', 'main']) });
      expect(await sync(town, ann, { name: 'deep' })).toMatchObject({ mode: 'incremental', filesSeen: 2, filesAdded: 1 });
      expect(await bytesBelow(town.dataDir)).toBeLessThan(50 * MEGABYTE);
    },
    LONG_MS,
  );

  it(
    '[sync-clone-budget] refuses a tip that is larger in a sentence and leaves nothing of it, and what was indexed serves on',
    async () => {
      const word = canary();
      const served = serve('swollen.git');
      const small = served.commitFiles({ 'a.py': `def ${word}():\n    return 1\n` });
      const noise = Object.fromEntries(Array.from({ length: 24 }, (_, n) => [`noise_${n}.bin`, randomBytes(MEGABYTE)]));
      await using town = await open({ settings: { CLONE_MAX_MB: 20 } });
      const ann = await town.citizen('ann');
      await sync(town, ann, { source: git.localUrl('swollen.git') });
      const repositories = join(town.dataDir, 'repos');
      const kept = await bytesBelow(repositories);
      const refused = async (input: Readonly<Record<string, unknown>>): Promise<void> => {
        const { problem } = await town.rest(ann, 'sync_repository', input);
        expect(problem).toMatchObject({ code: 'too_large', detail: expect.stringMatching(/CLONE_MAX_MB allows \(20 MB\)/) as string });
        await eventually(() => expect(childrenOf(process.pid)).toEqual([]));
      };

      served.commitFiles(noise, { from: small });
      await refused({ name: 'swollen' });
      expect(await bytesBelow(repositories)).toBeLessThanOrEqual(kept);
      expect(await pathsWith(town, ann, word)).toEqual(['a.py']);
      const others = new Set((await filesBelow(repositories)).keys());
      await refused({ source: git.localUrl('swollen.git'), name: 'new' });
      expect([...(await filesBelow(repositories)).keys()].filter((path) => !others.has(path))).toEqual([]);

      served.git(['update-ref', 'refs/heads/main', small]);
      expect(await sync(town, ann, { name: 'new' })).toMatchObject({ complete: true, filesIndexed: 1 });
      expect(await sync(town, ann, { name: 'swollen' })).toMatchObject({ mode: 'unchanged' });
    },
    LONG_MS,
  );
});
