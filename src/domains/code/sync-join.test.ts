import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SyncInput } from './inputs.ts';
import { RepositoryKit, SPACE } from './repository-test-kit.ts';

const GIT = 'https://example.org/a/app.git';

let kit: RepositoryKit;
let app: string;

beforeEach(async () => {
  kit = await RepositoryKit.open({ allowedPrivateHosts: [] });
  app = join(kit.sources, 'app');
  await mkdir(app, { recursive: true });
});
afterEach(() => kit[Symbol.asyncDispose]());

/** May a sync that is asked for join the one that runs? */
function mayJoin(asked: SyncInput, running: SyncInput, userId = 'user_owner'): Promise<void> {
  const { caller } = kit.context({ userId });
  return kit.service.checkJoin(asked, { caller, space: SPACE }, { id: 'job_first', input: running });
}

const refusal = (text: string) => ({ code: 'conflict', message: expect.stringContaining(text) as string, details: { jobId: 'job_first' } });

test('who asks for the same, in whatever words, joins', async () => {
  await symlink(app, join(kit.sources, 'link'));
  const pairs: readonly (readonly [SyncInput, SyncInput])[] = [
    [{ source: app }, { source: app, name: 'APP' }],
    [{ source: join(kit.sources, 'link'), name: 'app' }, { source: `${app}/` }],
    [{ name: 'app' }, { source: app }],
    [{ name: 'app' }, { source: app, mode: 'full' }],
    [
      { source: app, force_full: true },
      { source: app, mode: 'full' },
    ],
    [{ source: GIT }, { source: GIT, branch: 'dev' }],
    [
      { name: 'app', branch: 'dev' },
      { source: GIT, branch: 'dev' },
    ],
    [{ source: 'https://EXAMPLE.org:443/a/app.git' }, { source: GIT }],
  ];
  for (const [asked, running] of pairs) await expect(mayJoin(asked, running), JSON.stringify([asked, running])).resolves.toBeUndefined();
});

test('another source or branch is refused, with the job that is in the way', async () => {
  const pairs: readonly (readonly [SyncInput, SyncInput])[] = [
    [{ source: kit.sources, name: 'app' }, { source: app }],
    [{ source: GIT }, { source: app }],
    [{ source: app }, { source: GIT }],
    [{ source: GIT, branch: 'dev' }, { source: GIT }],
    [
      { name: 'app', branch: 'main' },
      { source: GIT, branch: 'dev' },
    ],
    [{ source: app, replaceSource: true }, { source: GIT }],
    // The running one is bound to fail: nothing is known of that name.
    [{ source: app }, { name: 'app' }],
  ];
  for (const [asked, running] of pairs)
    await expect(mayJoin(asked, running), JSON.stringify([asked, running])).rejects.toMatchObject(refusal('cancel_job'));
});

test('a sync by name alone reads the known source and branch', async () => {
  await kit.service.sync({ source: GIT, branch: 'dev' }, kit.context());
  await expect(mayJoin({ source: GIT, branch: 'dev' }, { name: 'app' })).resolves.toBeUndefined();
  await expect(mayJoin({ source: GIT }, { name: 'app' })).resolves.toBeUndefined();
  await expect(mayJoin({ name: 'app', branch: 'dev' }, { name: 'app' })).resolves.toBeUndefined();
  await expect(mayJoin({ name: 'app', branch: 'main' }, { name: 'app' })).rejects.toMatchObject(refusal('another source or branch'));
  await expect(mayJoin({ source: app }, { name: 'app' })).rejects.toMatchObject(refusal('another source or branch'));
});

test('everything afresh is not what a sync of changes does', async () => {
  for (const asked of [{ mode: 'full' }, { force_full: true }, { incremental: false }] as const)
    await expect(mayJoin({ source: app, ...asked }, { source: app })).rejects.toMatchObject(refusal('read afresh'));
});

test('who may not name a folder is told that, whether it is the one that is read or not', async () => {
  for (const source of [app, join(kit.sources, 'nothing')]) {
    await expect(mayJoin({ source, name: 'app' }, { source: app }, 'user_other')).rejects.toMatchObject({ code: 'forbidden' });
  }
});
