import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findServer } from './find-server.ts';

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'polymnia-find-'));
  await writeFile(join(cwd, 'server.json'), JSON.stringify({ pid: 1, url: 'http://127.0.0.1:4100', key: 'local' }), { mode: 0o600 });
});

afterEach(() => rm(cwd, { recursive: true, force: true }));

test('the server of the data folder comes with its local key', async () => {
  expect(await findServer({ dataDir: '.' }, { cwd, env: {} })).toEqual({ url: 'http://127.0.0.1:4100', key: 'local', isLocal: true });
});

test('a key of the environment is used in its place', async () => {
  expect(await findServer({ dataDir: '.' }, { cwd, env: { POLYMNIA_KEY: 'mine' } })).toMatchObject({ key: 'mine', isLocal: true });
});

test('the local key never goes to an address that was given', async () => {
  const env = { POLYMNIA_DATA_DIR: cwd, POLYMNIA_URL: 'http://elsewhere.example' };
  await expect(findServer({}, { cwd, env })).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(await findServer({ key: 'k' }, { cwd, env })).toEqual({ url: 'http://elsewhere.example', key: 'k', isLocal: false });
});

test('no server, a broken file and a strange address are said', async () => {
  await expect(findServer({ dataDir: 'none' }, { cwd, env: {} })).rejects.toMatchObject({
    code: 'upstream_failed',
    details: { reason: 'no_server' },
  });
  await expect(findServer({ url: 'ftp://x', key: 'k' }, { cwd, env: {} })).rejects.toMatchObject({ code: 'invalid_input' });
  await writeFile(join(cwd, 'server.json'), '{');
  await expect(findServer({ dataDir: '.' }, { cwd, env: {} })).rejects.toMatchObject({ code: 'storage_unavailable' });
});
