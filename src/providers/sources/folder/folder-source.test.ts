import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KnownFile, OpenSource, SourceSnapshot } from '../../../domains/code/ports.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { createSourceOpener } from '../source-opener.ts';
import { BUDGETS, openRequest, ownFolder, readAll } from '../sources-test-kit.ts';

let folder: Awaited<ReturnType<typeof ownFolder>>;
const root = (): string => join(folder.path, 'root');
const at = (path: string): string => join(root(), path);

beforeEach(async () => {
  folder = await ownFolder();
  mkdirSync(root());
});
afterEach(() => folder[Symbol.asyncDispose]());

const opener = createSourceOpener({ clock: systemClock, allowSsh: false, allowedPrivateHosts: [] });
const open = (changes: Partial<OpenSource> = {}) =>
  opener.open(openRequest({ source: { kind: 'folder', path: root() }, allowedRoots: [folder.path], ...changes }));

function write(files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }
}

/** As the next sync is told: of settled files only. */
function knownOf(snapshot: SourceSnapshot): ReadonlyMap<string, KnownFile> {
  return new Map(snapshot.entries.flatMap(({ path, stat, blobId }) => (stat === undefined ? [] : [[path, { stat, blobId }]])));
}

test('a folder is listed by content and read; equal content, equal names', async () => {
  write({ 'b/c.ts': 'let c', 'a.py': 'a = 1', 'copy.py': 'a = 1', empty: '' });
  await using snapshot = await open();
  expect(snapshot.entries.map(({ path, bytes }) => [path, bytes])).toEqual([
    ['a.py', 5],
    ['b/c.ts', 5],
    ['copy.py', 5],
    ['empty', 0],
  ]);
  expect(snapshot.entries[0]?.blobId).toBe('sha256:b5bc1ffd90912fb18bef6e7d80909192c7a6492896320156d67fbaf104c6544a');
  expect(snapshot.entries[2]?.blobId).toBe(snapshot.entries[0]?.blobId);
  expect(await readAll(snapshot)).toEqual({ texts: { 'a.py': 'a = 1', 'b/c.ts': 'let c', 'copy.py': 'a = 1', empty: '' }, reasons: {} });
  await using again = await open();
  expect(again.treeId).toBe(snapshot.treeId);
  write({ 'a.py': 'a = 2' });
  await using changed = await open();
  expect(changed.treeId).not.toBe(snapshot.treeId);
});

test('only real paths inside allowed roots are opened', async () => {
  mkdirSync(join(folder.path, 'root-secret'));
  symlinkSync(join(folder.path, 'root-secret'), at('link'));
  const opening = (path: string, allowedRoots: readonly string[]) => open({ source: { kind: 'folder', path }, allowedRoots });
  for (const path of [at('link'), join(folder.path, 'root-secret'), at('../root-secret'), '/etc', '/proc/self/environ', 'root', '', `${root()}\0`]) {
    await expect(opening(path, [root()]), path).rejects.toMatchObject({ code: 'forbidden' });
  }
  await expect(opening(root(), [])).rejects.toMatchObject({ code: 'forbidden' });
  await expect(opening(at('absent'), [root()])).rejects.toMatchObject({ code: 'invalid_input' });
  await using snapshot = await opening(root(), [at('../root/.')]);
  expect(snapshot.skipped).toEqual([{ path: 'link', reason: 'symlink' }]);
});

test("a folder that holds the server's own is read without it, whatever its rules say; in there nothing is read", async () => {
  write({ 'a.txt': 'a', 'data/system.db': 'secret', 'data/spaces/x': 'secret', 'data-old/b.txt': 'b', '.polymniaignore': '!data\n!**\n' });
  symlinkSync(at('data'), at('link'));
  const own = createSourceOpener({ clock: systemClock, allowSsh: false, allowedPrivateHosts: [], ownFolders: [at('link'), '/nowhere'] });
  const opening = (path: string) => own.open(openRequest({ source: { kind: 'folder', path }, allowedRoots: [folder.path] }));
  await using snapshot = await opening(root());
  expect(snapshot.entries.map(({ path }) => path)).toEqual(['.polymniaignore', 'a.txt', 'data-old/b.txt']);
  expect(snapshot.skipped).toEqual([
    { path: 'data', reason: 'excluded' },
    { path: 'link', reason: 'symlink' },
  ]);
  for (const path of [at('data'), at('data/spaces'), at('link'), at('link/spaces')])
    await expect(opening(path), path).rejects.toMatchObject({ code: 'forbidden' });
});

test('what is no plain file is told and never waited for', async () => {
  write({ 'a.txt': 'a' });
  for (const [name, target] of Object.entries({ loop: 'loop', up: '..', root: '/', passwd: '/etc/passwd', zero: '/dev/zero' }))
    symlinkSync(target, at(name));
  execFileSync('mkfifo', [at('pipe')]);
  const server = createServer().listen(at('socket'));
  await once(server, 'listening');
  await using snapshot = await open();
  server.close();
  const { texts, reasons } = await readAll(snapshot);
  expect(texts).toEqual({ 'a.txt': 'a' });
  const link = 'symlink';
  expect(reasons).toEqual({ loop: link, up: link, root: link, passwd: link, zero: link, pipe: 'special_file', socket: 'special_file' });
});

test('names of every kind, deep folders, large files and budgets', async () => {
  const names = ['日本語.py', 'e\u0301', 'é', 'a\nb', '\u202Ex', '\u001B[31m', '-rf', 'cr\r', 'back\\slash', 'caf\uFFFD.py', '..x', '...', ' '];
  write(Object.fromEntries(names.map((name) => [name, 'x'])));
  writeFileSync(Buffer.concat([Buffer.from(`${root()}/`), Buffer.from('caf\xe9.py', 'latin1')]), 'x');
  write({ [`${'d/'.repeat(70)}x`]: 'deep', big: 'b'.repeat(300), 'lfs.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n' });
  await using snapshot = await open({ budgets: { ...BUDGETS, maxTextBytes: 200 } });
  const { texts, reasons } = await readAll(snapshot);
  expect(Object.keys(texts)).toEqual([...names].sort());
  expect(reasons).toEqual({
    'caf\\xe9.py': 'path_not_text',
    big: 'too_large',
    'lfs.bin': 'lfs_pointer',
    ['d/'.repeat(64).slice(0, -1)]: 'path_too_deep',
  });
  await expect(open({ budgets: { ...BUDGETS, maxFiles: 3 } })).rejects.toMatchObject({ code: 'too_large' });
  await using tight = await open({ budgets: { ...BUDGETS, maxFiles: 10, maxBytes: 5 } });
  expect([tight.entries.length, tight.entries.length + tight.skipped.length]).toEqual([5, names.length + 4]);
});

test('rules of .gitignore and .polymniaignore hold in their folders; excluded folders count once', async () => {
  write({
    '.gitignore': '*.log\n/build/\n!keep.log\n',
    '.polymniaignore': '!vendor/\nsecret/\n',
    'a.log': 'x',
    'keep.log': 'x',
    'build/x': 'x',
    'sub/build/x': 'x',
    'sub/.gitignore': '!a.log\nlocal\n',
    'sub/a.log': 'x',
    'sub/local': 'x',
    local: 'x',
    'vendor/v.go': 'x',
    'secret/s': 'x',
    'node_modules/m/index.js': 'x',
    'web/x.min.js': 'x',
    'package-lock.json': '{}',
    '.git/config': 'x',
    'module/.git': 'gitdir: ../../elsewhere',
  });
  await using snapshot = await open();
  expect(snapshot.entries.map(({ path }) => path)).toEqual([
    '.gitignore',
    '.polymniaignore',
    'keep.log',
    'local',
    'sub/.gitignore',
    'sub/a.log',
    'sub/build/x',
    'vendor/v.go',
  ]);
  expect(snapshot.skipped.map(({ path, reason }) => `${path} ${reason}`)).toEqual(
    ['.git', 'a.log', 'build', 'module/.git', 'node_modules', 'package-lock.json', 'secret', 'sub/local', 'web/x.min.js'].map(
      (path) => `${path} excluded`,
    ),
  );
});

test('rules that would take for ever do not count', async () => {
  write({ '.gitignore': `${'*a'.repeat(30)}b\n${'**/'.repeat(30)}x\nplain\n`, ['a'.repeat(250)]: 'x', plain: 'x' });
  const before = process.cpuUsage().user;
  await using snapshot = await open();
  expect(snapshot.entries.map(({ path }) => path)).toEqual(['.gitignore', 'a'.repeat(250)]);
  expect(process.cpuUsage().user - before).toBeLessThan(2_000_000);
});

test('a known file is not read again unless it changed, also by its size and time put back', async () => {
  write({ same: 'same', other: 'other' });
  await using fresh = await open();
  expect(fresh.entries.map(({ stat }) => stat)).toEqual([undefined, undefined]);
  const later = createSourceOpener({ clock: { ...systemClock, now: () => Date.now() + 10_000 }, allowSsh: false, allowedPrivateHosts: [] });
  const openLater = (known: ReadonlyMap<string, KnownFile>) =>
    later.open(openRequest({ source: { kind: 'folder', path: root() }, allowedRoots: [root()], known }));
  await using first = await openLater(new Map());
  const known = knownOf(first);
  expect([...known.keys()]).toEqual(['other', 'same']);
  const planted = new Map([...known].map(([path, { stat }]) => [path, { stat, blobId: 'sha256:known' }]));
  await using second = await openLater(planted);
  expect(second.entries.map(({ blobId }) => blobId)).toEqual(['sha256:known', 'sha256:known']);
  expect((await readAll(second)).reasons).toEqual({ other: 'changed_while_read', same: 'changed_while_read' });
  const { atimeMs, mtimeMs } = statSync(at('same'));
  writeFileSync(at('same'), 'SAME');
  utimesSync(at('same'), atimeMs / 1000, mtimeMs / 1000);
  await using third = await openLater(planted);
  expect(third.entries.map(({ blobId }) => blobId === 'sha256:known')).toEqual([true, false]);
});

test('folders and files swapped for links meanwhile lead nowhere', async () => {
  const secret = join(folder.path, 'outside');
  mkdirSync(secret);
  writeFileSync(join(secret, 'x'), 'SECRET');
  write({ 'walked/x': 'own', 'later/x': 'own', 'later/y': 'own' });
  let looks = 0;
  const progress = (phase: string): void => {
    if (phase !== 'fetch' || ++looks !== 2) return;
    renameSync(at('walked'), at('moved'));
    symlinkSync(secret, at('walked'));
  };
  await using snapshot = await open({ progress });
  expect(snapshot.skipped).toEqual([{ path: 'walked', reason: 'changed_while_read' }]);
  renameSync(at('later'), at('gone'));
  symlinkSync(secret, at('later'));
  expect(await readAll(snapshot)).toEqual({
    texts: {},
    reasons: { walked: 'changed_while_read', 'later/x': 'changed_while_read', 'later/y': 'changed_while_read' },
  });
});

test('another process that swaps without pause never gets its target read', async () => {
  const secret = join(folder.path, 'outside');
  mkdirSync(secret);
  for (const name of ['x', 'y', 'z']) writeFileSync(join(secret, name), 'SECRET');
  write({ 'dir/x': 'owned!', 'dir/y': 'owned!', 'dir/z': 'owned!' });
  const script = `const fs = require('node:fs'); process.chdir(${JSON.stringify(root())}); fs.symlinkSync(${JSON.stringify(secret)}, 'link');
    console.log('on'); for (;;) { fs.renameSync('dir', 'kept'); fs.renameSync('link', 'dir'); fs.renameSync('dir', 'link'); fs.renameSync('kept', 'dir'); }`;
  const swapper = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(swapper.stdout, 'data');
  const seen = new Set<string>();
  for (const end = performance.now() + 700; performance.now() < end;) {
    await using snapshot = await open();
    const { texts, reasons } = await readAll(snapshot);
    for (const each of [...Object.values(texts), ...Object.values(reasons)]) seen.add(each);
  }
  swapper.kill('SIGKILL');
  await once(swapper, 'close');
  expect(seen).not.toContain('SECRET');
  expect(seen).toContain('owned!');
  expect([...seen].filter((each) => each.includes('_') || each === 'symlink').length).toBeGreaterThan(0);
});

test('a file that changes after it was listed is told, not mixed', async () => {
  write({ grows: 'a', shrinks: 'abc', vanishes: 'a', other: 'abc', link: 'a', stays: 'a' });
  await using snapshot = await open();
  appendFileSync(at('grows'), 'b');
  writeFileSync(at('shrinks'), 'a');
  writeFileSync(at('other'), 'xyz');
  rmSync(at('vanishes'));
  rmSync(at('link'));
  symlinkSync('/etc/passwd', at('link'));
  const { texts, reasons } = await readAll(snapshot);
  expect(texts).toEqual({ stays: 'a' });
  const changed = 'changed_while_read';
  expect(reasons).toEqual({ grows: changed, shrinks: changed, vanishes: changed, other: changed, link: changed });
});

test('a work tree whose git would run programs is read without any of them running', async () => {
  const marker = join(folder.path, 'PWNED');
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  git('init', '--quiet');
  write({
    'a.py': 'a = 1',
    '.gitattributes': '* filter=evil diff=evil\n',
    '.gitmodules': '[submodule "x"]\n\tpath = x\r\n\turl = ext::sh -c touch%20PWNED\n',
  });
  git('-c', 'user.name=x', '-c', 'user.email=x@example.test', 'add', '.');
  const evil = `touch ${marker}`;
  const settings: readonly (readonly [string, string])[] = [
    ...['core.fsmonitor', 'core.sshCommand', 'core.pager', 'core.editor', 'filter.evil.clean', 'filter.evil.smudge', 'diff.evil.textconv'].map(
      (name) => [name, evil] as const,
    ),
    ['core.hooksPath', '.git/hooks'],
    ['remote.origin.url', `ext::sh -c ${evil.replaceAll(' ', '% ')}`],
    ['remote.origin.promisor', 'true'],
  ];
  for (const [name, value] of settings) git('config', name, value);
  write({ '.git/hooks/post-checkout': `#!/bin/sh\n${evil}\n`, '.git/objects/info/alternates': '/etc\n' });
  const look = async (): Promise<void> => {
    await using snapshot = await open();
    expect(Object.keys((await readAll(snapshot)).texts)).toEqual(['.gitattributes', '.gitmodules', 'a.py']);
    expect(existsSync(marker)).toBe(false);
  };
  await look();
  write({ '.git/commondir': '/etc\n' });
  await look();
  rmSync(at('.git/commondir'));
  git('status');
  expect(existsSync(marker), 'the trap was armed').toBe(true);
});

test('20,000 files', async () => {
  write({ x: 'x' });
  for (let each = 0; each < 200; each++) {
    mkdirSync(at(`d${each}`));
    for (let file = 0; file < 100; file++) linkSync(at('x'), at(`d${each}/${file}`));
  }
  await using snapshot = await open();
  expect([snapshot.entries.length, snapshot.skipped.length]).toEqual([20_001, 0]);
  await using cut = await open({ budgets: { ...BUDGETS, maxFiles: 6000, maxBytes: 5000 } });
  expect(cut.entries.length).toBe(5000);
  expect(countBy(cut.skipped)).toEqual({ byte_budget: 15_001 });
});

function countBy(skipped: SourceSnapshot['skipped']): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { reason } of skipped) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

test('an abort is heard in the middle', async () => {
  for (let each = 0; each < 200; each++) write({ [`d${each}/x`]: 'x' });
  const control = new AbortController();
  const opening = open({ signal: control.signal, progress: (_phase, done) => void (done > 50 && control.abort()) });
  await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
  await using snapshot = await open();
  const reading = new AbortController();
  const read = async (): Promise<void> => {
    for await (const _content of snapshot.read(snapshot.entries, reading.signal)) reading.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'cancelled' });
});
