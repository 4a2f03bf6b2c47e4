import { spawnSync } from 'node:child_process';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childrenOf, isAlive } from '../support/children.ts';
import { eventually } from '../support/leaks.ts';
import { manySources, smallSources, type SourceFiles } from '../support/sources.ts';
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

describe('poison', () => {
  const bombs: SourceFiles = {
    'nested.js': `${'['.repeat(60_000)}${']'.repeat(60_000)}`,
    'nested.py': '('.repeat(60_000),
    'minified.js': `var a=${Array.from({ length: 150_000 }, (_, n) => `f(${n},{x:${n}})`).join(',')};`,
    'one-line.c': 'x'.repeat(500_000),
    'brackets.ts': '<'.repeat(100_000),
    'broken.rs': 'fn '.repeat(50_000),
    ...Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`slow-${n}.rs`, `${'fn '.repeat(100_000)}${n}`])),
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
    let isOver = false;
    const poison = town.done(ann, 'sync_repository', { source: poisoned, name: 'poison' }).finally(() => (isOver = true));
    expect(await town.done(bob, 'sync_repository', { source: good, name: 'good' })).toMatchObject({ complete: true, filesIndexed: 3 });
    expect(isOver, 'the poison was over before a small sync that came after it').toBe(false);
    const report = (await poison) as { filesSeen: number; filesIndexed: number; skipped: { reason: string; count: number }[]; symbols: number };
    expect(report.filesSeen).toBe(report.filesIndexed + report.skipped.reduce((sum, { count }) => sum + count, 0));
    expect(report.skipped.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['symlink', 'binary', 'special_file', 'path_too_deep']));
    expect(report.symbols).toBeGreaterThan(0);
    expect(await repository('poison')).toMatchObject({ state: 'ready' });
  }, 60_000);
});
