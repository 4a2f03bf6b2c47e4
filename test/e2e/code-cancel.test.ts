import { readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, ServedRepository, startGitServer } from '../../src/providers/sources/git-server-test-kit.ts';
import { childrenOf, groupsOf, isAlive } from '../support/children.ts';
import { eventually, expectIdle } from '../support/leaks.ts';
import { manySources } from '../support/sources.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

interface Job {
  readonly id: string;
  readonly state: string;
  readonly progress?: { readonly phase: string };
}

interface View {
  readonly id: string;
  readonly index?: { readonly generation: number };
}

/** What is cancelled, and what must have happened in the phase before. */
interface Aim {
  readonly input: Readonly<Record<string, unknown>>;
  readonly ready?: () => Promise<void>;
}

/** One cancel, as it went. */
interface Cancelled {
  /** Where the job stood at its end. */
  readonly phase: string | undefined;
  readonly state: string;
  /** Whether the run had published by then, which is told with it. */
  readonly published: boolean;
  /** From the call to the last process of the child's group. */
  readonly stoppedMs: number;
  /** From the call until the run is over and nothing of its folder is left. */
  readonly freeMs: number;
}

const STOPPED_MS = 250;
const FREE_MS = 1000;
/** Others use the machine too: one of so many attempts must meet the limits; all of them must end right. */
const ATTEMPTS = 3;
const LOOK_MS = 4;
const SPARSE_FILES = 2500;
const SPARSE_BYTES = 500_000;

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let git: GitServer;
let town: Town;
let ann: Citizen;

beforeAll(async () => {
  home = await temporaryFolder();
  git = await startGitServer(home.path);
  town = await openTown({ settings: { GIT_CA_FILE: git.caFile, GIT_PRIVATE_HOSTS: ['localhost'], JOB_LEASE: 60_000 } });
  ann = await town.citizen('ann');
});
afterAll(async () => {
  await town[Symbol.asyncDispose]();
  await git[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const jobIn = (answer: Record<string, unknown>): Job => answer['job'] as Job;
const viewOf = async (id: string): Promise<View> => (await town.done(ann, 'get_repository', { id }))['repository'] as View;
const idOf = (answer: Record<string, unknown>): string => (answer['repository'] as View).id;
const generationFolders = async (): Promise<readonly string[]> => {
  const root = join(town.dataDir, 'repos');
  const all = await Promise.all((await readdir(root)).map(async (uuid) => (await readdir(join(root, uuid))).map((name) => `${uuid}/${name}`)));
  return all.flat().filter((path) => /\/\d+$/.test(path));
};

const clonesBegun = async (): Promise<readonly string[]> =>
  (await readdir(join(town.dataDir, 'repos'), { recursive: true })).filter((path) => path.includes('clone'));

/** Resolves when the job says that it is in this phase; false when it ended before. */
async function reaches(id: string, phase: string): Promise<boolean> {
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${ann.key}` };
  const response = await town.send(`/api/v1/jobs/${id}/events`, { headers, signal: leaving.signal });
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.includes(`"phase":"${phase}"`)) return true;
    if (text.includes('event: end')) return false;
  }
  return false;
}

async function whenGone(pids: readonly number[]): Promise<number> {
  while (pids.some(isAlive)) await delay(LOOK_MS);
  return performance.now();
}

async function whenFree(folders: number): Promise<number> {
  while (town.server.jobs.running > 0 || (await generationFolders()).length > folders) await delay(LOOK_MS);
  return performance.now();
}

/** Starts a sync, cancels it when it says the phase, and tells how that went; undefined when it was too quick. */
async function cancelIn(phase: string, { input, ready = async () => {} }: Aim): Promise<Cancelled | undefined> {
  const before = (await generationFolders()).length;
  const { id } = jobIn(await town.done(ann, 'sync_repository', { ...input, mode: 'full', background: true }));
  if (!(await reaches(id, phase))) return undefined;
  await ready();
  const leaders = childrenOf(process.pid);
  const group = groupsOf(leaders);
  const begun = performance.now();
  const [answer, gone, free] = await Promise.all([town.done(ann, 'cancel_job', { id }), whenGone(group), whenFree(before)]);
  expect(groupsOf(leaders)).toEqual([]);
  const { state, progress } = jobIn(answer);
  const published = (await town.done(ann, 'get_job', { id }))['result'] !== undefined;
  return { phase: progress?.phase, state, published, stoppedMs: gone - begun, freeMs: free - begun };
}

/** Cancels in the phase until one cancel met both limits; answers with all that came in time for the phase. */
async function cancelsIn(phase: string, aim: Aim): Promise<readonly Cancelled[]> {
  const all: Cancelled[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const one = await cancelIn(phase, aim);
    if (one === undefined) continue;
    all.push(one);
    if (one.phase === phase && one.stoppedMs <= STOPPED_MS && one.freeMs <= FREE_MS) break;
  }
  const inTime = all.filter((one) => one.phase === phase);
  expect(inTime, `cancels in ${phase}: ${JSON.stringify(all)}`).not.toEqual([]);
  expect(Math.min(...inTime.map(({ stoppedMs }) => stoppedMs)), 'ms to stopped').toBeLessThanOrEqual(STOPPED_MS);
  expect(Math.min(...inTime.map(({ freeMs }) => freeMs)), 'ms to free').toBeLessThanOrEqual(FREE_MS);
  return all;
}

describe('a cancel stops the work at once and frees what it held', () => {
  it('[sync-cancel] in fetch: git and its helpers go with the child, and no clone is left half made', async () => {
    new ServedRepository(join(home.path, 'slow.git')).commitFiles({ 'a.py': 'x = 1\n' });
    let isAsked = false;
    // Never answers.
    git.intercept = () => (isAsked = true);
    const ready = async (): Promise<void> => {
      await eventually(() => expect(isAsked).toBe(true));
      expect(groupsOf(childrenOf(process.pid)).length, 'the child, git and its helper').toBeGreaterThan(2);
      isAsked = false;
    };
    const cancels = await cancelsIn('fetch', { input: { source: git.localUrl('slow.git') }, ready });
    expect(await clonesBegun()).toEqual([]);
    expect(cancels.map(({ state }) => state)).toEqual(cancels.map(() => 'cancelled'));
    git.intercept = undefined;
    expect(await town.done(ann, 'sync_repository', { name: 'slow' })).toMatchObject({ complete: true, filesIndexed: 1 });
  });

  it('[sync-cancel] in list', async () => {
    const source = await town.sources({ 'a.py': 'x = 1\n' });
    for (let n = 0; n < SPARSE_FILES; n++) {
      const path = join(source, `sparse_${n}.py`);
      await writeFile(path, '');
      await truncate(path, SPARSE_BYTES);
    }
    const cancels = await cancelsIn('list', { input: { source, name: 'sparse' } });
    expect(cancels.map(({ state }) => state)).toEqual(cancels.map(() => 'cancelled'));
  });

  describe('and the index before serves on', () => {
    let source: string;
    let repository: string;
    beforeAll(async () => {
      source = await town.sources(manySources(300));
      repository = idOf(await town.done(ann, 'sync_repository', { source, name: 'app' }));
    });

    it.each(['read', 'parse', 'write', 'publish'])('[sync-cancel] in %s', async (phase) => {
      const serving = (await viewOf(repository)).index?.generation ?? 0;
      const cancels = await cancelsIn(phase, { input: { name: 'app' } });
      const generation = (await viewOf(repository)).index?.generation ?? 0;
      // At the very end the publication may be done before the cancel comes; then that is told.
      for (const { state, published } of cancels) if (!published) expect(state).toBe('cancelled');
      expect(generation > serving).toBe(cancels.some(({ published }) => published));
      if (phase === 'read' || phase === 'parse') expect(cancels.some(({ published }) => published)).toBe(false);
      await eventually(async () => expect((await generationFolders()).filter((path) => path.endsWith(`/${generation}`))).toHaveLength(1));
    });
  });

  it('[sync-cancel] leaves nothing running', async () => {
    await expectIdle(town.server);
    expect(childrenOf(process.pid)).toEqual([]);
  });
});
