import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { OpenSource } from '../../../domains/code/ports.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { readChildren } from '../../processes/proc-files.ts';
import { GIT_HOST, ServedRepository, startGitServer } from '../git-server-test-kit.ts';
import type { GitServer } from '../git-server-test-kit.ts';
import { createSourceOpener } from '../source-opener.ts';
import type { SourceOpenerDeps } from '../source-opener.ts';
import { BUDGETS, openRequest, ownFolder, readAll } from '../sources-test-kit.ts';

let folder: Awaited<ReturnType<typeof ownFolder>>;
let server: GitServer;

beforeAll(async () => {
  folder = await ownFolder();
  server = await startGitServer(join(folder.path, 'served'));
});
afterEach(() => {
  server.intercept = undefined;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const served = (name: string): ServedRepository => new ServedRepository(join(folder.path, 'served', name));
const clonePath = (name: string): string => join(folder.path, 'clones', name);
const open = (name: string, changes: Partial<OpenSource> = {}, deps: Partial<SourceOpenerDeps> = {}) =>
  createSourceOpener({
    clock: systemClock,
    allowSsh: false,
    allowedPrivateHosts: [GIT_HOST],
    installation: { caFile: server.caFile },
    resolveHost: () => Promise.resolve(['127.0.0.1']),
    ...deps,
  }).open(openRequest({ source: { kind: 'git', url: server.url(name) }, cloneFolder: clonePath(name), ...changes }));

test('names that lead into private networks are refused before anything is asked, one address of several is enough', async () => {
  const before = server.requests.length;
  const leading = (...addresses: string[]) =>
    open('x', { source: { kind: 'git', url: 'https://example.org/x' } }, { resolveHost: () => Promise.resolve(addresses) });
  for (const addresses of [['127.0.0.1'], ['1.1.1.1', '10.0.0.1'], ['2606:4700::1', '::1'], ['169.254.169.254'], ['::ffff:1.1.1.1']]) {
    await expect(leading(...addresses), addresses.join()).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('private network'),
    });
  }
  for (const addresses of [[], ['nonsense'], ['1.1.1.1:0,x']]) await expect(leading(...addresses)).rejects.toMatchObject({ code: 'upstream_failed' });
  await expect(open('x', {}, { allowedPrivateHosts: [] })).rejects.toMatchObject({ code: 'invalid_input' });
  await expect(open('x', {}, { resolveHost: () => Promise.reject(new Error('ENOTFOUND')) })).rejects.toMatchObject({ code: 'upstream_failed' });
  expect(server.requests.length).toBe(before);
});

test('a name is asked for once: git goes to the addresses that were looked at', async () => {
  served('pinned').commitFiles({ a: 'a' });
  const asked: string[] = [];
  const resolveHost = (host: string) => Promise.resolve(asked.push(host) === 1 ? ['127.0.0.1'] : ['10.0.0.1']);
  await using snapshot = await open('pinned', {}, { resolveHost });
  expect((await readAll(snapshot)).texts).toEqual({ a: 'a' });
  expect(asked).toEqual([GIT_HOST]);
});

test.each([
  ['a redirect', 302, 'redirect'],
  ['a lasting redirect', 301, 'redirect'],
  ['a question for credentials', 401, 'credentials'],
  ['a refusal', 403, 'credentials'],
])('%s ends it with a sentence, and nothing is followed or sent', async (_what, status, says) => {
  const asked: string[] = [];
  server.intercept = (request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? ''}`);
    response.writeHead(status, { location: `https://${GIT_HOST}:${server.port}/elsewhere/info/refs`, 'www-authenticate': 'Basic realm=x' }).end();
    return true;
  };
  await expect(open('redirected')).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(says) });
  expect(asked.every((each) => each === '/redirected/info/refs?service=git-upload-pack ')).toBe(true);
});

test('a certificate nobody vouches for is refused', async () => {
  await expect(open('x', {}, { installation: {} })).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('identity') });
});

test('a server that says nothing is left at once when the sync is cancelled, with no process behind', async () => {
  let stop: () => void = () => {};
  server.intercept = () => {
    stop();
    return true;
  };
  const control = new AbortController();
  const asked = new Promise<void>((resolve) => (stop = resolve));
  const opening = open('silent', { signal: control.signal });
  opening.catch(() => {});
  await asked;
  expect(readChildren(process.pid).length).toBeGreaterThan(0);
  const at = performance.now();
  control.abort();
  await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
  expect(performance.now() - at).toBeLessThan(1000);
  expect(readChildren(process.pid)).toEqual([]);
  expect(gitProcessesOf(clonePath('silent'))).toEqual([]);
  expect(readdirSync(join(folder.path, 'clones')).filter((name) => name.startsWith('silent'))).toEqual([]);
});

/** Processes of the machine whose environment names this folder. */
function gitProcessesOf(path: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`GIT_DIR=${path}`);
    } catch {
      return false;
    }
  });
}

test('time and size of a clone have their limits, and what was begun is gone', async () => {
  served('slow').commitFiles({ noise: Buffer.from(Array.from({ length: 400_000 }, (_, at) => (at * at * 7919) % 251)) });
  await expect(open('slow', { budgets: { ...BUDGETS, cloneBytes: 1000 } })).rejects.toMatchObject({
    code: 'too_large',
    message: expect.stringContaining('CLONE_MAX_MB'),
  });
  server.intercept = () => true;
  await expect(open('slow', { budgets: { ...BUDGETS, cloneMs: 200 } })).rejects.toMatchObject({
    code: 'timed_out',
    details: { limit: 'CLONE_TIMEOUT' },
  });
  expect(readdirSync(join(folder.path, 'clones')).filter((name) => name.startsWith('slow'))).toEqual([]);
});

test('a clone that an update makes too large is given up; one that stays small is kept without what was begun', async () => {
  const origin = served('growing');
  const small = origin.commitFiles({ a: 'a' });
  const noise = randomBytes(400_000);
  origin.commitFiles({ noise }, { from: small, branch: 'grown' });
  await (await open('growing'))[Symbol.asyncDispose]();
  const before = bytesOf(clonePath('growing'));
  const grown = { kind: 'git', url: server.url('growing'), branch: 'grown' } as const;
  await expect(open('growing', { source: grown, budgets: { ...BUDGETS, cloneBytes: 100_000 } })).rejects.toMatchObject({ code: 'too_large' });
  expect(bytesOf(clonePath('growing'))).toBeLessThanOrEqual(before);
  await (await open('growing'))[Symbol.asyncDispose]();
  server.intercept = () => true;
  await expect(open('growing', { source: grown, budgets: { ...BUDGETS, cloneMs: 200 } })).rejects.toMatchObject({ code: 'timed_out' });
  expect(bytesOf(clonePath('growing'))).toBe(before);
});

/** Of all files below; 0 when nothing is there. */
function bytesOf(path: string): number {
  if (!existsSync(path)) return 0;
  const found = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(path, name)));
  return found.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0);
}

test('what a killed fetch leaves does not matter; a damaged clone is made afresh', async () => {
  const origin = served('damaged');
  const first = origin.commitFiles({ a: 'a', b: 'b' });
  await (await open('damaged'))[Symbol.asyncDispose]();
  const clone = clonePath('damaged');
  const pack = (): string => join(clone, 'objects/pack', readdirSync(join(clone, 'objects/pack')).find((name) => name.endsWith('.pack')) ?? '');
  for (const name of ['shallow.lock', 'refs/polymnia/tip.lock', 'config.lock', 'objects/pack/tmp_pack_x']) writeFileSync(join(clone, name), '');
  await mkdir(`${clone}.partial`);
  writeFileSync(`${clone}.partial/HEAD`, 'half');
  origin.commitFiles({ a: 'a2' }, { from: first });
  {
    await using snapshot = await open('damaged');
    expect((await readAll(snapshot)).texts).toEqual({ a: 'a2', b: 'b' });
  }
  expect([existsSync(`${clone}.partial`), existsSync(join(clone, 'objects/pack/tmp_pack_x'))]).toEqual([false, false]);
  for (const name of readdirSync(join(clone, 'objects/pack')).filter((each) => each.endsWith('.pack'))) {
    chmodSync(join(clone, 'objects/pack', name), 0o600);
    truncateSync(join(clone, 'objects/pack', name), 20);
  }
  {
    await using snapshot = await open('damaged');
    expect((await readAll(snapshot)).texts).toEqual({ a: 'a2', b: 'b' });
  }
  writeFileSync(join(clone, 'HEAD'), 'nonsense');
  await using snapshot = await open('damaged');
  expect((await readAll(snapshot)).reasons).toEqual({});
  expect(existsSync(pack())).toBe(true);
});

test('damage that only reading shows is told file by file, and the clone goes', async () => {
  const origin = served('rotten');
  origin.commitFiles(Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`f${at}`, `${at} `.repeat(400 + at)])));
  const snapshot = await open('rotten');
  const packs = join(clonePath('rotten'), 'objects/pack');
  const pack = join(packs, readdirSync(packs).find((name) => name.endsWith('.pack')) ?? '');
  const bytes = readFileSync(pack);
  chmodSync(pack, 0o600);
  for (let at = Math.floor(bytes.byteLength / 2); at < bytes.byteLength - 40; at += 3) bytes[at] = 255;
  writeFileSync(pack, bytes);
  const { texts, reasons } = await readAll(snapshot);
  expect(Object.keys(texts).length + Object.keys(reasons).length).toBe(200);
  expect(Object.keys(texts).length).toBeGreaterThan(0);
  expect(new Set(Object.values(reasons))).toEqual(new Set(['unreadable']));
  for (const [path, text] of Object.entries(texts)) expect(text).toBe(`${path.slice(1)} `.repeat(400 + Number(path.slice(1))));
  await snapshot[Symbol.asyncDispose]();
  expect(existsSync(clonePath('rotten'))).toBe(false);
});

test('when the server is gone the old clone stays', async () => {
  served('away').commitFiles({ a: 'a' });
  await (await open('away'))[Symbol.asyncDispose]();
  server.intercept = (_request, response) => {
    response.writeHead(500).end();
    return true;
  };
  await expect(open('away')).rejects.toMatchObject({ code: 'upstream_failed' });
  server.intercept = undefined;
  expect(existsSync(join(clonePath('away'), 'HEAD'))).toBe(true);
  expect(existsSync(`${clonePath('away')}.partial`)).toBe(false);
});

/** A `git` that notes what it was called with and answers as told. */
async function fakeGit(name: string, script: string): Promise<string> {
  const path = join(folder.path, name);
  await mkdir(path);
  writeFileSync(join(path, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${path}:/usr/bin:/bin`;
}

test('an old git, and none at all, are said to be so', async () => {
  const old = await fakeGit('old', 'echo "git version 2.38.9"');
  await expect(open('x', {}, { installation: { path: old } })).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('2.38') });
  await expect(open('x', {}, { installation: { path: folder.path } })).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringContaining('git 2.39'),
  });
});

test('git is started with nothing of this process, and with every guard', async () => {
  const log = join(folder.path, 'calls');
  const path = await fakeGit('noting', `{ env; printf '%s\\n' "$@" END; } >> ${log}\nexec /usr/bin/git "$@"`);
  served('guarded').commitFiles({ a: 'a' });
  await using snapshot = await open('guarded', {}, { installation: { caFile: server.caFile, path } });
  await readAll(snapshot);
  const calls = readFileSync(log, 'utf8');
  // Vitest tells its processes that they are its own.
  expect(calls).not.toContain('VITEST');
  const lines = calls.split('\n');
  const runs = lines.filter((line) => line === 'END').length;
  const guards = [
    'GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_PROTOCOL_FROM_USER=0',
    'GIT_OPTIONAL_LOCKS=0 GIT_LFS_SKIP_SMUDGE=1 core.hooksPath=/dev/null core.fsmonitor=false protocol.file.allow=never',
    'protocol.ext.allow=never transfer.fsckObjects=true http.followRedirects=false submodule.recurse=false gc.auto=0',
  ].flatMap((text) => text.split(' '));
  for (const guard of guards) expect(lines.filter((line) => line === guard).length, guard).toBe(runs);
  expect(lines.filter((line) => line === 'GIT_ALLOW_PROTOCOL=https')).toHaveLength(1);
  expect(lines.filter((line) => line === 'GIT_ALLOW_PROTOCOL=')).toHaveLength(runs - 1);
  expect(lines[lines.indexOf(server.url('guarded')) - 1]).toBe('--');
  expect(lines).toContain(`http.curloptResolve=${GIT_HOST}:${server.port}:127.0.0.1`);
});

test('ssh goes to the looked-at address with the host key of the name, and asks nothing', async () => {
  const log = join(folder.path, 'ssh-calls');
  const path = await fakeGit('with-ssh', 'exec /usr/bin/git "$@"');
  writeFileSync(join(folder.path, 'with-ssh/ssh'), `#!/bin/sh\nprintf '%s\\n' "$@" >> ${log}\nexit 255\n`, { mode: 0o755 });
  const source = { kind: 'git', url: 'ssh://git@example.org/a/b' } as const;
  const deps = { installation: { path }, resolveHost: () => Promise.resolve(['1.1.1.1']) };
  await expect(open('ssh', { source }, deps)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('GIT_ALLOW_SSH') });
  expect(existsSync(log)).toBe(false);
  await expect(open('ssh', { source }, { ...deps, allowSsh: true })).rejects.toMatchObject({ code: 'upstream_failed' });
  const args = readFileSync(log, 'utf8').split('\n');
  for (const option of ['-oBatchMode=yes', '-oStrictHostKeyChecking=yes', '-oHostName=1.1.1.1', '-oHostKeyAlias=example.org', 'git@example.org']) {
    expect(args).toContain(option);
  }
});
