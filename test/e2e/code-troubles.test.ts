import { spawnSync } from 'node:child_process';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChild } from '../support/child-server.ts';
import { childrenOf, isAlive } from '../support/children.ts';
import { eventually, expectIdle } from '../support/leaks.ts';
import { manySources, smallSources, type SourceFiles, writeSources } from '../support/sources.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

interface JobView {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly progress?: { readonly phase: string };
}

interface View {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly sync?: object;
  readonly index?: { readonly generation: number };
}

const FILES = 150;
/** Kills of a server; the long form of this test does 20. */
const ROUNDS = 2;

let town: Town;
let ann: Citizen;

beforeEach(async () => {
  town = await openTown();
  ann = await town.citizen('ann');
});
afterEach(() => town[Symbol.asyncDispose]());

const ownChildren = (): readonly number[] => childrenOf(process.pid);
const jobIn = (answer: Record<string, unknown>): JobView => answer['job'] as JobView;
const repository = async (name = 'app'): Promise<View | undefined> => {
  const { repositories } = (await town.done(ann, 'list_repositories')) as { repositories: View[] };
  return repositories.find((each) => each.name === name);
};
const generationFolders = async (): Promise<readonly string[]> => {
  const root = join(town.dataDir, 'repos');
  const all = await Promise.all((await readdir(root)).map(async (uuid) => (await readdir(join(root, uuid))).map((name) => `${uuid}/${name}`)));
  return all.flat().filter((path) => /\/\d+$/.test(path));
};

async function begin(input: Readonly<Record<string, unknown>>): Promise<string> {
  return jobIn(await town.done(ann, 'sync_repository', { ...input, background: true })).id;
}

/** The children at work, once there is one. */
async function atWork(): Promise<readonly number[]> {
  return eventually(() => {
    const children = ownChildren();
    expect(children).not.toEqual([]);
    return children;
  });
}

describe('a cancel', () => {
  it('[sync-cancel] comes with the removal of the repository', async () => {
    const source = await town.sources(manySources(FILES));
    const id = await begin({ source, name: 'app' });
    const children = await atWork();
    const { id: repositoryId } = (await repository()) ?? { id: '' };
    await town.done(ann, 'remove_repository', { id: repositoryId });
    expect(jobIn(await town.done(ann, 'get_job', { id, wait: 'end' }))).toMatchObject({ state: 'cancelled' });
    expect(children.filter(isAlive)).toEqual([]);
    await eventually(async () => expect(await readdir(join(town.dataDir, 'repos'))).toEqual([]));
  });
});

describe('kill -9', () => {
  it('[sync-kill-9] of the child is made good by a second run; the index before serves meanwhile', async () => {
    const source = await town.sources(manySources(FILES));
    await town.done(ann, 'sync_repository', { source, name: 'app' });
    const id = await begin({ name: 'app', mode: 'full' });
    const children = await atWork();
    for (const pid of children) process.kill(pid, 'SIGKILL');
    await eventually(() => expect(children.filter(isAlive)).toEqual([]));
    expect((await repository())?.index?.generation).toBe(1);
    const ended = jobIn(await town.done(ann, 'get_job', { id, wait: 'end' }));
    expect(ended).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect((await repository())?.index?.generation).toBe(3);
    await eventually(async () => expect(await generationFolders()).toHaveLength(1));
  });

  it('[sync-kill-9] of the server in the middle of a sync leaves the index before, ends the job once, and orphans nothing', async () => {
    await using home = await temporaryFolder();
    await using sources = await temporaryFolder();
    const dataDir = join(home.path, 'data');
    await writeSources(sources.path, manySources(FILES));
    const settings = { JOB_LEASE: 500, WORKER_NICENESS: 0, RATE_LIMIT_SYNC_PER_HOUR: 1000 };
    let generation = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await using server = await startChild({ dataDir, settings });
      const view = async (): Promise<View> => {
        const answer = await server.rest(server.admin, 'list_repositories');
        return (answer.body['repositories'] as View[])[0] as View;
      };
      if (round === 0) await server.rest(server.admin, 'sync_repository', { source: sources.path, name: 'app' });
      generation = (await view()).index?.generation ?? 0;
      const started = await server.rest(server.admin, 'sync_repository', { name: 'app', mode: 'full', background: true });
      const { id } = jobIn(started.body);
      await eventually(() => expect(childrenOf(server.pid)).not.toEqual([]));
      await eventually(async () => expect(jobIn((await server.rest(server.admin, 'get_job', { id })).body).progress).toBeDefined());
      const children = childrenOf(server.pid);
      await server.kill();
      await eventually(() => expect(children.filter(isAlive)).toEqual([]));

      await using again = await startChild({ dataDir, settings });
      const listed = await again.rest(again.admin, 'list_repositories');
      const [found] = listed.body['repositories'] as View[];
      expect(found).toMatchObject({ state: 'ready' });
      expect(found?.index?.generation).toBeGreaterThanOrEqual(generation);
      const ended = await again.rest(again.admin, 'get_job', { id, wait: 'end' });
      expect(jobIn(ended.body)).toMatchObject({ state: 'succeeded' });
      const root = join(dataDir, 'repos');
      await eventually(async () => {
        const [uuid = ''] = await readdir(root);
        expect((await readdir(join(root, uuid))).filter((name) => /^\d+$/.test(name))).toHaveLength(1);
      });
      await again.kill();
    }
  }, 60_000);
});

describe('many at once', () => {
  it('[P1-ten-users] ten users each store ten memories and sync a repository: all is done, and no memory call waits for a sync', async () => {
    const users = await Promise.all(Array.from({ length: 10 }, (_, n) => town.citizen(`user ${n}`)));
    const sources = await Promise.all(users.map((_user, n) => town.sources({ ...manySources(10), ...smallSources(`word${n}`) })));
    let unfinished = users.length;
    let most = 0;
    const work = users.flatMap((user, n) => [
      town.done(user, 'sync_repository', { source: sources[n], name: 'app' }).finally(() => (unfinished -= 1)),
      ...Array.from({ length: 10 }, async (_, k) => {
        await town.done(user, 'store_memory', { content: `Memory ${k} of user ${n}.` });
        expect(unfinished, 'syncs that had not ended when a memory was stored').toBeGreaterThan(5);
        most = Math.max(most, ownChildren().length);
      }),
    ]);
    const answers = await Promise.all(work);
    expect(answers.filter((answer) => answer?.['complete'] === true)).toHaveLength(10);
    expect(most).toBeLessThanOrEqual(3);
    for (const user of users) {
      expect(await town.done(user, 'memory_stats')).toMatchObject({ memories: 10 });
      expect(await town.done(user, 'list_jobs')).toMatchObject({ jobs: [{ state: 'succeeded' }] });
    }
    await expectIdle(town.server);
    await eventually(() => expect(ownChildren()).toEqual([]));
  }, 60_000);
});

describe('poison', () => {
  const bombs: SourceFiles = {
    'nested.js': `${'['.repeat(60_000)}${']'.repeat(60_000)}`,
    'nested.py': '('.repeat(60_000),
    'minified.js': `var a=${Array.from({ length: 150_000 }, (_, n) => `f(${n},{x:${n}})`).join(',')};`,
    'one-line.c': 'x'.repeat(500_000),
    'brackets.ts': '<'.repeat(100_000),
    'broken.rs': 'fn '.repeat(50_000),
    'null.go': new Uint8Array(1000),
    'latin.java': Buffer.from('class \xc4 { }', 'latin1'),
    [`${Array.from({ length: 80 }, (_, n) => `d${n}`).join('/')}/deep.py`]: 'x = 1\n',
    'well.py': 'def well():\n    return 1\n',
  };

  it('[P1-poison] is told in full, and delays nobody else', async () => {
    const poisoned = await town.sources(bombs);
    await symlink('.', join(poisoned, 'loop'));
    await symlink('/etc/passwd', join(poisoned, 'passwd'));
    await mkdir(join(poisoned, 'pipe'));
    spawnSync('mkfifo', [join(poisoned, 'pipe/fifo.py')]);
    const good = await town.sources(smallSources('good'));
    const bob = await town.citizen('bob');
    const poison = town.done(ann, 'sync_repository', { source: poisoned, name: 'poison' });
    expect(await town.done(bob, 'sync_repository', { source: good, name: 'good' })).toMatchObject({ complete: true, filesIndexed: 3 });
    const report = (await poison) as { filesSeen: number; filesIndexed: number; skipped: { reason: string; count: number }[]; symbols: number };
    expect(report.filesSeen).toBe(report.filesIndexed + report.skipped.reduce((sum, { count }) => sum + count, 0));
    expect(report.skipped.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['symlink', 'binary']));
    expect(report.symbols).toBeGreaterThan(0);
    expect(await repository('poison')).toMatchObject({ state: 'ready' });
  }, 60_000);
});
