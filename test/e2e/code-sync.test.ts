import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restore } from '../../src/app/offline.ts';
import { eventually } from '../support/leaks.ts';
import { smallSources, writeSources } from '../support/sources.ts';
import { temporaryFolder } from '../support/storage.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';

interface View {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly sync?: { readonly jobId: string };
  readonly index?: { readonly generation: number; readonly files: number; readonly indexBytes: number };
}

let town: Town;
let ann: Citizen;
let word: string;
let source: string;

beforeAll(async () => {
  word = canary();
  town = await openTown();
  ann = await town.citizen('ann');
  source = await town.sources(smallSources(word));
});
afterAll(() => town[Symbol.asyncDispose]());

const viewOf = (answer: Record<string, unknown>): View => answer['repository'] as View;
const used = async (citizen: Citizen): Promise<number> =>
  ((await town.done(citizen, 'whoami')) as { limits: { storage: { usedBytes: number } } }).limits.storage.usedBytes;
const folders = (): Promise<string[]> => readdir(join(town.dataDir, 'repos'));

describe('a folder', () => {
  it('[sync-truth] is indexed over REST, told in full, found in lists, and paid for', async () => {
    const before = await used(ann);
    const answer = await town.done(ann, 'sync_repository', { source, name: 'Harbour' });
    expect(answer).toMatchObject({
      complete: true,
      mode: 'full',
      generation: 1,
      filesSeen: 4,
      filesIndexed: 3,
      skipped: [{ reason: 'binary', count: 1, examples: ['image.bin'] }],
      job: { state: 'succeeded', operation: 'sync_repository', subject: 'Harbour' },
    });
    expect(answer['symbols']).toBeGreaterThanOrEqual(4);
    const view = viewOf(answer);
    expect(view).toMatchObject({ name: 'Harbour', state: 'ready', source: { kind: 'folder' }, index: { generation: 1, files: 3 } });
    const listed = (await town.done(ann, 'list_repositories'))['repositories'] as View[];
    expect(listed.map(({ id }) => id)).toEqual([view.id]);
    expect(viewOf(await town.done(ann, 'get_repository', { id: view.id }))).toMatchObject({ lastResult: { filesSeen: 4, mode: 'full' } });
    expect((await used(ann)) - before).toBe(view.index?.indexBytes);
  });

  it('is found by its words, its symbols and its lines', async () => {
    const found = await town.mcp(ann, 'search_code', { query: `dock_${word}` });
    expect((found.body['results'] as { path: string }[])[0]?.path).toBe('src/harbour.py');
    const symbols = await town.done(ann, 'find_symbol', { name: `blink_${word}` });
    expect(symbols).toMatchObject({ definitions: [{ path: 'src/lighthouse.ts', kind: 'function' }] });
    const [{ id } = { id: '' }] = (await town.done(ann, 'list_repositories'))['repositories'] as View[];
    expect(await town.done(ann, 'read_code', { repository: id, path: 'README.md' })).toMatchObject({ text: expect.stringContaining(word) as string });
    const stranger = await town.citizen('stranger');
    expect((await town.done(stranger, 'search_code', { query: word, spaces: 'all' }))['results']).toEqual([]);
  });

  it('[sync-unchanged] is looked at again by name alone over MCP: nothing new, then only what changed', async () => {
    const same = await town.mcp(ann, 'sync_repository', { name: 'harbour' });
    expect(same.body).toMatchObject({ mode: 'unchanged', complete: true, repository: { index: { generation: 1 } } });
    await writeSources(source, { 'src/harbour.py': `def moor_${word}():\n    return 1\n`, 'src/new.go': 'package harbour\n\nfunc Anchor() {}\n' });
    const next = await town.mcp(ann, 'sync_repository', { repository_name: 'harbour', incremental: true });
    expect(next.body).toMatchObject({ mode: 'incremental', filesAdded: 1, filesChanged: 1, filesRemoved: 0, filesIndexed: 4 });
    await rm(join(source, 'src/new.go'));
    const last = await town.mcp(ann, 'sync_repository', { name: 'harbour', force_full: true });
    expect(last.body).toMatchObject({ mode: 'full', filesIndexed: 3 });
    const [uuid = ''] = await folders();
    await eventually(async () => expect((await readdir(join(town.dataDir, 'repos', uuid))).filter((name) => /^\d+$/.test(name))).toHaveLength(1));
  });

  it('[sync-joined] asked for twice at once is one job with two watchers', async () => {
    const bob = await town.citizen('bob');
    const space = await town.sharedSpace(ann, 'ours', [[bob, 'editor']]);
    const answers = await Promise.all([ann, bob, ann].map((citizen) => town.done(citizen, 'sync_repository', { source, name: 'both', space })));
    expect(new Set(answers.map((answer) => (answer['job'] as { id: string }).id)).size).toBe(1);
    expect(new Set(answers.map((answer) => viewOf(answer).id)).size).toBe(1);
  });
});

describe('refusals', () => {
  it('[sync-roots] name the command that allows a folder, and that command does', async () => {
    await using outside = await temporaryFolder();
    await writeSources(outside.path, smallSources(word));
    const refused = await town.rest(ann, 'sync_repository', { source: outside.path, name: 'outside' });
    expect(refused.problem).toMatchObject({ code: 'forbidden', details: { command: `polymnia root add ${outside.path}` } });
    expect((await town.rest(ann, 'set_code_roots', { add: [outside.path] })).problem?.code).toBe('forbidden');
    await town.done(town.admin, 'set_code_roots', { add: [outside.path] });
    expect((await town.done(town.admin, 'list_code_roots'))['roots']).toContain(outside.path);
    expect(await town.done(ann, 'sync_repository', { source: outside.path, name: 'outside' })).toMatchObject({ complete: true });
    await town.done(town.admin, 'set_code_roots', { remove: [outside.path] });
    expect((await town.rest(ann, 'sync_repository', { name: 'outside' })).problem?.code).toBe('forbidden');
  });

  it('let the owner on loopback name any folder but the data folder', async () => {
    await using anywhere = await temporaryFolder();
    await writeSources(anywhere.path, smallSources(word));
    expect(await town.done(town.admin, 'sync_repository', { source: anywhere.path, name: 'mine' })).toMatchObject({ complete: true });
    const own = await town.rest(town.admin, 'sync_repository', { source: town.dataDir, name: 'data' });
    expect(own.problem).toMatchObject({ code: 'invalid_input', detail: expect.stringContaining('data folder') as string });
  });

  it('come before a job is made where that is possible', async () => {
    const count = async (): Promise<number> => ((await town.done(ann, 'list_jobs', { limit: 100 }))['jobs'] as unknown[]).length;
    const before = await count();
    for (const input of [
      { source: 'http://example.org/x.git' },
      { source: 'https://127.0.0.1/x.git' },
      { source: 'ssh://git@example.org/x.git' },
      { source: 'relative/path', name: 'r' },
      { source: 'https://example.org/x.git', branch: '--upload-pack=x' },
      {},
    ]) {
      const answer = await town.rest(ann, 'sync_repository', { ...input, background: true });
      expect(answer.problem?.code, JSON.stringify(input)).toBe('invalid_input');
    }
    expect(await count()).toBe(before);
  });

  it('keep a name with its source, and cost nothing', async () => {
    const other = await town.sources({ 'a.py': 'x = 1\n' });
    const answer = await town.rest(ann, 'sync_repository', { source: other, name: 'harbour' });
    expect(answer.problem).toMatchObject({ code: 'conflict', detail: expect.stringContaining('replaceSource') as string });
    const replaced = await town.done(ann, 'sync_repository', { source: other, name: 'harbour', replaceSource: true });
    expect(replaced).toMatchObject({ filesIndexed: 1, repository: { source: { path: other } } });
  });
});

describe('what is stored', () => {
  it('[sync-quota] is refused above the quota, and what is there stays', async () => {
    const poor = await town.citizen('poor');
    await town.done(town.admin, 'update_user', { userId: poor.id, limits: { storageBytes: 2000 } });
    const answer = await town.rest(poor, 'sync_repository', { source, name: 'large' });
    expect(answer.problem?.code).toBe('quota_exceeded');
    expect(((await town.done(poor, 'list_repositories'))['repositories'] as View[])[0]).toMatchObject({ state: 'needs_sync' });
    expect(await used(poor)).toBe(0);
  });

  it('[sync-quota] goes with its removal, with its space and with its user', async () => {
    const eve = await town.citizen('eve');
    const shared = await town.sharedSpace(ann, 'brief');
    const kept = (await folders()).length;
    const own = viewOf(await town.done(eve, 'sync_repository', { source, name: 'one' }));
    await town.done(eve, 'sync_repository', { source, name: 'two' });
    await town.done(ann, 'sync_repository', { source, name: 'three', space: shared });
    expect(await folders()).toHaveLength(kept + 3);
    expect(await town.done(eve, 'remove_repository', { id: own.id })).toMatchObject({ removed: true, freedBytes: own.index?.indexBytes });
    expect((await town.rest(eve, 'get_repository', { id: own.id })).problem?.detail).toBe('No such repository.');
    await town.done(ann, 'delete_space', { spaceId: shared });
    const report = await town.done(town.admin, 'delete_user', { userId: eve.id });
    expect((report['gone'] as { personalSpace: { bytes: number } }).personalSpace.bytes).toBeGreaterThan(0);
    await eventually(async () => expect(await folders()).toHaveLength(kept));
  });

  it('[sync-restored] comes back from a backup as a repository that needs a sync', async () => {
    await using target = await temporaryFolder();
    const before = (await town.done(ann, 'list_repositories'))['repositories'] as View[];
    expect(before.some(({ state }) => state === 'ready')).toBe(true);
    const backupDir = join(target.path, 'backup');
    await town.done(town.admin, 'create_backup', { directory: backupDir });
    const dataDir = join(target.path, 'data');
    await restore({ backupDir, dataDir, force: false }, new AbortController().signal);
    await using restored = await openTown({ dataDir });
    const listed = async (): Promise<View[]> => (await restored.done(ann, 'list_repositories'))['repositories'] as View[];
    await eventually(async () => expect((await listed()).map(({ state }) => state)).toEqual(before.map(() => 'needs_sync')));
    expect(await restored.done(ann, 'sync_repository', { name: 'harbour' })).toMatchObject({ complete: true, mode: 'full' });
    expect((await listed()).find(({ name }) => name === 'Harbour')).toMatchObject({ state: 'ready' });
  });
});
