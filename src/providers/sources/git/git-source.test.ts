import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OpenSource } from '../../../domains/code/ports.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { GIT_HOST, ServedRepository, startGitServer } from '../git-server-test-kit.ts';
import type { GitServer } from '../git-server-test-kit.ts';
import { createSourceOpener } from '../source-opener.ts';
import type { SourceOpenerDeps } from '../source-opener.ts';
import { openRequest, ownFolder, readAll } from '../sources-test-kit.ts';

let folder: Awaited<ReturnType<typeof ownFolder>>;
let server: GitServer;

beforeAll(async () => {
  folder = await ownFolder();
  server = await startGitServer(join(folder.path, 'served'));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const served = (name: string, format?: string): ServedRepository => new ServedRepository(join(folder.path, 'served', name), format);
const clonePath = (name: string): string => join(folder.path, 'clones', name);
const opener = (changes: Partial<SourceOpenerDeps> = {}) =>
  createSourceOpener({
    clock: systemClock,
    allowSsh: false,
    allowedPrivateHosts: [GIT_HOST],
    installation: { caFile: server.caFile },
    resolveHost: () => Promise.resolve(['127.0.0.1']),
    ...changes,
  });
const open = (name: string, changes: Partial<OpenSource> = {}, deps: Partial<SourceOpenerDeps> = {}) =>
  opener(deps).open(openRequest({ source: { kind: 'git', url: server.url(name) }, cloneFolder: clonePath(name), ...changes }));

test('a git URL is cloned bare, listed and read; the next sync brings what is new, also after rewritten history', async () => {
  const origin = served('plain');
  const first = origin.commitFiles({ 'a.py': 'a = 1\n', 'b/c.ts': 'let c', empty: '' });
  {
    await using snapshot = await open('plain');
    expect(snapshot).toMatchObject({ commit: first, treeId: origin.git(['rev-parse', 'main^{tree}']) });
    expect(snapshot.entries[0]).toEqual({ path: 'a.py', bytes: 6, blobId: origin.git(['rev-parse', 'main:a.py']) });
    expect(await readAll(snapshot)).toEqual({ texts: { 'a.py': 'a = 1\n', 'b/c.ts': 'let c', empty: '' }, reasons: {} });
  }
  origin.commitFiles({ 'a.py': 'a = 2\n' }, { from: first });
  {
    await using snapshot = await open('plain');
    expect((await readAll(snapshot)).texts).toMatchObject({ 'a.py': 'a = 2\n', 'b/c.ts': 'let c' });
  }
  origin.commitFiles({ z: 'other history' });
  await using snapshot = await open('plain');
  expect((await readAll(snapshot)).texts).toEqual({ z: 'other history' });
  expect(existsSync(join(clonePath('plain'), 'a.py'))).toBe(false);
});

test('names of every kind come as they are or with a reason; links and other repositories are never followed', async () => {
  const origin = served('odd');
  const file = origin.blob('x');
  const link = origin.blob('/etc/passwd');
  const names = [
    '日本語.py',
    'e\u0301',
    'é',
    'a\nb',
    'tab\tx',
    '\u202Ex',
    '\u001B[31m',
    '-rf',
    '--help',
    'README',
    'readme',
    'cr\r',
    'a b',
    '"q"',
    'back\\slash',
    ':(top)x',
    '*',
  ];
  const below = origin.tree([
    ['120000', origin.blob('..'), 'loop'],
    ['100755', file, 'run.sh'],
  ]);
  const tree = origin.tree([
    ...names.map((name) => ['100644', file, name] as const),
    ['100644', file, Buffer.from('caf\xe9.py', 'latin1')],
    ['100644', file, Buffer.from('caf\xe8.py', 'latin1')],
    ['120000', link, 'passwd'],
    ['160000', '1'.repeat(40), 'A\r'],
    ['040000', below, 'dir'],
  ]);
  const commit = origin.commitTree(tree);
  await using snapshot = await open('odd');
  expect(snapshot.commit).toBe(commit);
  const { texts, reasons } = await readAll(snapshot);
  expect(Object.keys(texts)).toEqual([...names, 'dir/run.sh'].sort());
  expect(reasons).toEqual({
    'caf\\xe9.py': 'path_not_text',
    'caf\\xe8.py': 'path_not_text',
    passwd: 'symlink',
    'A\r': 'submodule',
    'dir/loop': 'symlink',
  });
  expect(snapshot.skipped).toHaveLength(5);
});

test('excluded folders count once, budgets and Git LFS are told', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n';
  const deep = `${'d/'.repeat(5)}x`;
  served('limits').commitFiles({
    'node_modules/a/x.js': 'x',
    'node_modules/b/y.js': 'y',
    'vendor/keep.go': 'v',
    'web/app.min.js': 'm',
    'own/x.gen': 'g',
    '.polymniaignore': '*.gen\n!vendor/\n',
    'big.txt': 'b'.repeat(300),
    'model.bin': pointer,
    [deep]: 'deep',
    a: 'a'.repeat(90),
    b: 'b'.repeat(90),
    c: 'c',
  });
  const budgets = {
    ...openRequest({ source: { kind: 'folder', path: '' } }).budgets,
    maxTextBytes: 200,
    maxPathDepth: 4,
    maxBytes: 200,
    maxFiles: 4,
  };
  await using snapshot = await open('limits', { budgets });
  const { texts, reasons } = await readAll(snapshot);
  expect(Object.keys(texts)).toEqual(['.polymniaignore', 'a', 'b', 'c']);
  expect(reasons).toEqual({
    node_modules: 'excluded',
    'own/x.gen': 'excluded',
    'web/app.min.js': 'excluded',
    'big.txt': 'too_large',
    [deep]: 'path_too_deep',
    'model.bin': 'file_budget',
    'vendor/keep.go': 'file_budget',
  });
  await using roomier = await open('limits');
  expect((await readAll(roomier)).reasons).toMatchObject({ 'model.bin': 'lfs_pointer' });
});

test('a tree that names itself over and over is refused, not walked to the end', async () => {
  const origin = served('bomb');
  let tree = origin.tree([['100644', origin.blob('x'), 'x']]);
  for (let level = 0; level < 10; level++) tree = origin.tree(Array.from('abcdefghij', (name) => ['040000', tree, name] as const));
  origin.commitTree(tree);
  const budgets = { ...openRequest({ source: { kind: 'folder', path: '' } }).budgets, maxFiles: 1000 };
  await expect(open('bomb', { budgets })).rejects.toMatchObject({ code: 'too_large', message: expect.stringContaining('SYNC_MAX_FILES') });
});

test('a tree 2,000 folders deep is listed as too deep', async () => {
  const origin = served('deep');
  origin.commitFiles({ [`${'d/'.repeat(2000)}x`]: 'x' });
  await using snapshot = await open('deep');
  expect(snapshot.entries).toEqual([]);
  expect(snapshot.skipped).toEqual([{ path: `${'d/'.repeat(2000)}x`, reason: 'path_too_deep' }]);
});

test('a repository git itself calls malicious is refused with a sentence', async () => {
  const origin = served('malicious');
  const inner = origin.tree([['100644', origin.blob('x'), 'config']]);
  origin.commitTree(origin.tree([['040000', inner, '.git']]));
  await expect(open('malicious')).rejects.toMatchObject({ code: 'invalid_input', message: 'The git repository holds objects git itself refuses.' });
  expect(existsSync(clonePath('malicious'))).toBe(false);
  expect(existsSync(`${clonePath('malicious')}.partial`)).toBe(false);
});

test('another branch is taken when it is named; what is not there is said', async () => {
  const origin = served('branches');
  origin.commitFiles({ a: 'main' });
  origin.commitFiles({ a: 'next' }, { branch: 'feature/next' });
  served('nothing');
  const on = (branch: string, name = 'branches') => open(name, { source: { kind: 'git', url: server.url(name), branch } });
  await using snapshot = await on('feature/next');
  expect((await readAll(snapshot)).texts).toEqual({ a: 'next' });
  await expect(on('absent')).rejects.toMatchObject({ code: 'invalid_input', message: 'The git repository has no branch of that name.' });
  for (const branch of ['--upload-pack=x', 'a:b', '*', 'a..b', '', 'x\0', 'a b', '.lock']) {
    await expect(on(branch), branch).rejects.toMatchObject({ code: 'invalid_input' });
  }
  await expect(open('nothing')).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('no commit') });
  await expect(open('never-made')).rejects.toMatchObject({ code: 'invalid_input', message: 'There is no git repository at this URL.' });
});

test('repositories with SHA-256 names', async () => {
  served('sha256', 'sha256').commitFiles({ a: 'a' });
  await using snapshot = await open('sha256');
  expect(snapshot.entries[0]?.blobId).toMatch(/^[0-9a-f]{64}$/);
  expect((await readAll(snapshot)).texts).toEqual({ a: 'a' });
});

test('churn counts commits and authors of a path; its history is fetched when it is asked for', async () => {
  const origin = served('history');
  let commit = origin.commitFiles({ a: '0', b: '0' }, { at: 1000 });
  commit = origin.commitFiles({ a: '1' }, { from: commit, at: 2000 });
  commit = origin.commitFiles({ a: '2', '\nodd': 'x' }, { from: commit, author: 'bob@example.test', at: 3000 });
  commit = origin.commitFiles({ c: '3' }, { from: commit, at: 4000 });
  const { signal } = new AbortController();
  {
    await using snapshot = await open('history');
    expect(await snapshot.churn?.(2, signal)).toEqual([
      { path: '\nodd', commits: 1, authors: 1, lastAt: 3_000_000 },
      { path: 'a', commits: 1, authors: 1, lastAt: 3_000_000 },
      { path: 'c', commits: 1, authors: 1, lastAt: 4_000_000 },
    ]);
    expect(await snapshot.churn?.(100, signal)).toEqual([
      { path: '\nodd', commits: 1, authors: 1, lastAt: 3_000_000 },
      { path: 'a', commits: 3, authors: 2, lastAt: 3_000_000 },
      { path: 'b', commits: 1, authors: 1, lastAt: 1_000_000 },
      { path: 'c', commits: 1, authors: 1, lastAt: 4_000_000 },
    ]);
  }
  origin.commitFiles({ c: '4' }, { from: commit, at: 5000 });
  await using later = await open('history');
  const asked = server.requests.length;
  expect((await later.churn?.(50, signal))?.find(({ path }) => path === 'c')).toMatchObject({ commits: 2, lastAt: 5_000_000 });
  expect(server.requests.length).toBe(asked);
});

test('what would attack at a check-out stays text: nothing is checked out, and no other repository is asked', async () => {
  const origin = served('checkout');
  const marker = join(folder.path, 'PWNED');
  const hook = origin.blob(`#!/bin/sh\ntouch ${marker}\n`);
  const modules = `[submodule "x/y"]\n\tpath = A/modules/x\n\turl = ${server.url('hooked')}\n[submodule "cr"]\n\tpath = "sub\r"\n\turl = ./x\n`;
  const hooks = origin.tree([['100755', hook, 'post-checkout']]);
  const nested = origin.tree([
    ['160000', '1'.repeat(40), 'x'],
    ['040000', hooks, 'hooks'],
  ]);
  const upper = origin.tree([['040000', nested, 'modules']]);
  origin.commitTree(
    origin.tree([
      ['040000', upper, 'A'],
      ['120000', origin.blob('.git'), 'a'],
      ['160000', '2'.repeat(40), 'sub\r'],
      ['100644', origin.blob('* filter=evil\n*.py text eol=crlf ident\n'), '.gitattributes'],
      ['100644', origin.blob(modules), '.gitmodules'],
      ['100644', origin.blob('$Id$\n'), 'x.py'],
    ]),
  );
  const before = server.requests.length;
  await using snapshot = await open('checkout');
  const { texts, reasons } = await readAll(snapshot);
  expect(texts).toEqual({
    'A/modules/hooks/post-checkout': `#!/bin/sh\ntouch ${marker}\n`,
    '.gitattributes': '* filter=evil\n*.py text eol=crlf ident\n',
    '.gitmodules': modules,
    'x.py': '$Id$\n',
  });
  expect(reasons).toEqual({ 'A/modules/x': 'submodule', a: 'symlink', 'sub\r': 'submodule' });
  expect(existsSync(marker)).toBe(false);
  expect(readdirSync(clonePath('checkout')).sort()).toEqual(
    ['HEAD', 'config', 'objects', 'refs', 'shallow'].filter((name) => existsSync(join(clonePath('checkout'), name))),
  );
  expect(server.requests.slice(before).every((path) => path.startsWith('/checkout/'))).toBe(true);
});

test('20,000 files are listed and read in order, the first before the last is asked for', async () => {
  const origin = served('many');
  origin.commitFiles(Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`d${at % 100}/${at}.py`, `a = ${at}\n`])));
  await using snapshot = await open('many');
  expect(snapshot.entries.length).toBe(20_000);
  const { signal } = new AbortController();
  let at = 0;
  for await (const content of snapshot.read(snapshot.entries, signal)) {
    expect(content.entry).toBe(snapshot.entries[at++]);
    if (!('bytes' in content)) throw new Error(content.unreadable);
  }
  expect(at).toBe(20_000);
  for await (const content of snapshot.read(snapshot.entries, signal)) {
    expect(content.entry).toBe(snapshot.entries[0]);
    break;
  }
});

test('an abort ends a listing and a reading at once', async () => {
  const control = new AbortController();
  await expect(open('many', { signal: control.signal, progress: (phase) => void (phase === 'list' && control.abort()) })).rejects.toMatchObject({
    code: 'cancelled',
  });
  await using snapshot = await open('many');
  const reading = new AbortController();
  const read = async (): Promise<void> => {
    for await (const _content of snapshot.read(snapshot.entries, reading.signal)) reading.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'cancelled' });
});
