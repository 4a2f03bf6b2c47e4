import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSourceFolders } from './source-folders.ts';

let base: string;

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'polymnia-sources-')));
  for (const name of ['code/app', 'code-old', 'data/repos', 'code/..hidden']) await mkdir(join(base, name), { recursive: true });
  await writeFile(join(base, 'code/file'), '');
  await symlink(join(base, 'code-old'), join(base, 'code/escape'));
  await symlink(join(base, 'data'), join(base, 'code/inside'));
  await symlink('loop', join(base, 'loop'));
});
afterAll(() => rm(base, { recursive: true }));

const folders = () => createSourceFolders(join(base, 'data'));

test('a folder is known by its real path; what is none is missing', async () => {
  expect(await folders().locate(join(base, 'code/../code/app/'))).toEqual({ kind: 'folder', realPath: join(base, 'code/app') });
  expect(await folders().locate(join(base, 'code/escape'))).toEqual({ kind: 'folder', realPath: join(base, 'code-old') });
  for (const path of ['nothing', 'code/file', 'loop', 'code/file/x'])
    expect(await folders().locate(join(base, path)), path).toEqual({ kind: 'missing' });
  for (const path of ['relative', '', `${base}\0`]) expect(await folders().locate(path), path).toEqual({ kind: 'missing' });
});

test('the data folder is no source, by whatever way, nor is what lies in it; what holds it is one', async () => {
  for (const path of ['data', 'data/repos', 'code/inside', 'code/inside/repos']) {
    expect(await folders().locate(join(base, path)), path).toEqual({ kind: 'own_data' });
  }
  for (const path of ['', 'code/../']) expect(await folders().locate(join(base, path)), path).toEqual({ kind: 'folder', realPath: base });
});

test('inside is told by steps, not by the beginning of the text', async () => {
  const isWithin = (path: string, ...roots: string[]) =>
    folders().isWithin(
      join(base, path),
      roots.map((root) => join(base, root)),
    );
  expect(await isWithin('code', 'code')).toBe(true);
  expect(await isWithin('code/app', 'nothing', 'code')).toBe(true);
  expect(await isWithin('code/..hidden', 'code')).toBe(true);
  expect(await isWithin('code-old', 'code')).toBe(false);
  expect(await isWithin('code-old', 'code/escape')).toBe(true);
  expect(await isWithin('', 'code')).toBe(false);
  expect(await isWithin('code', 'nothing')).toBe(false);
  expect(await folders().isWithin(base, ['/'])).toBe(true);
  expect(await folders().isWithin(base, [])).toBe(false);
});
