import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../../src/app/server.ts';
import { settingsWith } from '../../src/config/settings.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { type GitServer, ServedRepository, startGitServer } from '../../src/providers/sources/git-server-test-kit.ts';
import { temporaryFolder } from '../support/storage.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';

interface View {
  readonly id: string;
  readonly state: string;
  readonly index?: { readonly generation: number; readonly commit?: string };
}

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let git: GitServer;
let town: Town;
let ann: Citizen;

beforeAll(async () => {
  home = await temporaryFolder();
  git = await startGitServer(home.path);
  town = await openTown({ settings: { GIT_CA_FILE: git.caFile, GIT_PRIVATE_HOSTS: ['localhost'] } });
  ann = await town.citizen('ann');
});
afterAll(async () => {
  await town[Symbol.asyncDispose]();
  await git[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const sync = (input: Readonly<Record<string, unknown>>) => town.done(ann, 'sync_repository', input);
const serve = (name: string): ServedRepository => new ServedRepository(join(home.path, name));
const pathsWith = async (word: string): Promise<readonly string[]> =>
  ((await town.done(ann, 'search_code', { query: word, mode: 'exact' }))['results'] as { path: string }[]).map(({ path }) => path);
const viewOf = async (id: string): Promise<View> => (await town.done(ann, 'get_repository', { id }))['repository'] as View;
const python = (word: string): string => `def ${word}():\n    return 1\n`;

describe('a git URL', () => {
  it('[sync-git] is cloned, searched, and after a push only what changed is read', async () => {
    const [kept, old, pushed] = [canary(), canary(), canary()];
    const served = serve('pushed.git');
    const first = served.commitFiles({ 'kept.py': python(kept), 'changed.py': python(old), 'logo.bin': Buffer.from([0, 1, 2]) });
    const done = await sync({ source: git.localUrl('pushed.git') });
    expect(done).toMatchObject({ mode: 'full', commit: first, filesSeen: 3, filesIndexed: 2, repository: { name: 'pushed', state: 'ready' } });
    expect(await pathsWith(kept)).toEqual(['kept.py']);
    expect(await sync({ name: 'pushed' })).toMatchObject({ mode: 'unchanged', commit: first });

    const second = served.commitFiles({ 'changed.py': python(pushed), 'new/file.go': 'package x\n\nfunc Anchor() {}\n' }, { from: first });
    expect(await sync({ name: 'pushed' })).toMatchObject({ mode: 'incremental', commit: second, filesAdded: 1, filesChanged: 1, filesRemoved: 0 });
    expect(await pathsWith(kept)).toEqual(['kept.py']);
    expect(await pathsWith(pushed)).toEqual(['changed.py']);
    expect(await pathsWith(old)).toEqual([]);
    expect(await town.done(ann, 'find_symbol', { name: 'Anchor' })).toMatchObject({ definitions: [{ path: 'new/file.go' }] });
  });

  it('[sync-force-push] whose history was rewritten is brought to the new one by the same call', async () => {
    const [old, rewritten] = [canary(), canary()];
    const served = serve('forced.git');
    const base = served.commitFiles({ 'a.py': python(old), 'gone.py': python(`${old}_gone`) });
    served.commitFiles({ 'b.py': python(`${old}_b`) }, { from: base });
    await sync({ source: git.localUrl('forced.git') });
    const tip = served.commitFiles({ 'a.py': python(rewritten) });
    served.git(['reflog', 'expire', '--expire=now', '--all']);
    served.git(['gc', '--quiet', '--prune=now']);
    const done = await sync({ name: 'forced' });
    expect(done).toMatchObject({ complete: true, commit: tip, filesSeen: 1, filesIndexed: 1, filesRemoved: 2 });
    expect(await pathsWith(rewritten)).toEqual(['a.py']);
    expect(await pathsWith(old)).toEqual([]);
  });

  it('[sync-branch] is read at the branch that was named until another is, and an unknown one is refused', async () => {
    const [main, dev] = [canary(), canary()];
    const served = serve('branched.git');
    const base = served.commitFiles({ 'a.py': python(main) });
    const tip = served.commitFiles({ 'a.py': python(dev) }, { branch: 'dev/one', from: base });
    const source = git.localUrl('branched.git');
    expect(await sync({ source, branch: 'dev/one' })).toMatchObject({ commit: tip, repository: { source: { branch: 'dev/one' } } });
    expect(await sync({ source })).toMatchObject({ commit: tip, mode: 'unchanged' });
    expect(await pathsWith(dev)).toEqual(['a.py']);
    expect(await sync({ name: 'branched', branch: 'main' })).toMatchObject({ commit: base });
    expect(await pathsWith(main)).toEqual(['a.py']);
    const unknown = await town.rest(ann, 'sync_repository', { name: 'branched', branch: 'nowhere' });
    expect(unknown.problem).toMatchObject({ code: 'invalid_input', detail: expect.stringContaining('no branch of that name') as string });
    expect(await pathsWith(main)).toEqual(['a.py']);
  });
});

// At the same time, since a failing remote is asked again after a while.
describe.concurrent('a remote that fails', () => {
  it('[sync-remote-gone] is told, and what was indexed is searched on', async ({ expect }) => {
    const word = canary();
    const commit = serve('failing.git').commitFiles({ 'a.py': python(word) });
    const { id } = (await sync({ source: git.localUrl('failing.git') }))['repository'] as View;
    const serves = async (): Promise<void> => {
      expect(await viewOf(id)).toMatchObject({ state: 'ready', index: { generation: 1, commit } });
      expect(await pathsWith(word)).toEqual(['a.py']);
    };
    git.intercept = ({ url }, response) => url?.startsWith('/failing.git') === true && response.writeHead(503).end() !== undefined;
    const broken = await town.rest(ann, 'sync_repository', { name: 'failing' });
    expect(broken.problem).toMatchObject({ code: 'upstream_failed', details: { jobId: expect.stringMatching(/^job_/) as string } });
    git.intercept = undefined;
    await serves();
    await rename(join(home.path, 'failing.git'), join(home.path, 'elsewhere.git'));
    const gone = await town.rest(ann, 'sync_repository', { name: 'failing' });
    expect(gone.problem).toMatchObject({ code: 'invalid_input', detail: 'There is no git repository at this URL.' });
    await serves();
    await rename(join(home.path, 'elsewhere.git'), join(home.path, 'failing.git'));
    expect(await sync({ name: 'failing' })).toMatchObject({ mode: 'unchanged', commit });
  });

  it('[sync-git-ca] is not believed without its authority, and the refusal names the option', async ({ expect }) => {
    serve('strange.git').commitFiles({ 'a.py': 'x = 1\n' });
    await using strict = await openTown({ settings: { GIT_PRIVATE_HOSTS: ['localhost'] } });
    const answer = await strict.rest(strict.admin, 'sync_repository', { source: git.localUrl('strange.git') });
    expect(answer.problem).toMatchObject({ code: 'upstream_failed', detail: expect.stringContaining('GIT_CA_FILE') as string });
    const settings = settingsWith({ DATA_DIR: join(home.path, 'unused'), PORT: 0, GIT_CA_FILE: join(home.path, 'absent.pem') });
    await expect(startServer(settings, silentLogger)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('absent.pem') as string,
    });
  });
});
