import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { GIT_HOST, ServedRepository, startGitServer } from '../../providers/sources/git-server-test-kit.ts';
import { createSourceOpener } from '../../providers/sources/source-opener.ts';
import { BUDGETS, ownFolder } from '../../providers/sources/sources-test-kit.ts';
import { readHistory } from './run-history.ts';

test('the history of a git URL is fetched as far as it is needed, the most changed files first', async () => {
  await using folder = await ownFolder();
  await using server = await startGitServer(join(folder.path, 'served'));
  const origin = new ServedRepository(join(folder.path, 'served', 'app'));
  let from = origin.commitFiles({ 'old.py': 'x = 0\n' });
  for (let n = 0; n < 5; n++)
    from = origin.commitFiles({ 'often.py': `x = ${n}\n`, ...(n === 3 && { 'once.py': 'y\n' }) }, { from, author: `a${n % 2}@x` });
  const opener = createSourceOpener({
    clock: systemClock,
    allowSsh: false,
    allowedPrivateHosts: [GIT_HOST],
    installation: { caFile: server.caFile },
    resolveHost: () => Promise.resolve(['127.0.0.1']),
  });
  const task = {
    source: { kind: 'git', url: server.url('app') },
    cloneFolder: join(folder.path, 'clone'),
    budgets: BUDGETS,
    allowSsh: false,
    allowedPrivateHosts: [GIT_HOST],
  } as const;
  const read = (maxCommits: number, maxFiles: number): ReturnType<typeof readHistory> =>
    readHistory({ ...task, maxCommits, maxFiles }, opener, new AbortController().signal);
  expect((await read(5, 10)).changes).toMatchObject([
    { path: 'often.py', commits: 5, authors: 2 },
    { path: 'once.py', commits: 1, authors: 1 },
  ]);
  expect((await read(100, 1)).changes).toMatchObject([{ path: 'often.py', commits: 5 }]);
});
