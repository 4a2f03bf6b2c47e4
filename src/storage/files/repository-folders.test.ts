import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { IndexFolders } from '../../domains/code/ports.ts';
import { createRepositoryFolders } from './repository-folders.ts';

const UUID = '0'.repeat(31) + 'a';
let root: string;
let folders: IndexFolders;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'polymnia-repos-'));
  folders = createRepositoryFolders(root);
});
afterEach(() => rm(root, { recursive: true }));

test('a draft is for its owner only, and goes at dispose', async () => {
  {
    await using draft = await folders.create(UUID, 1);
    await writeFile(join(draft.path, 'x'), 'x');
    expect((await stat(draft.path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(draft.path, '..'))).mode & 0o777).toBe(0o700);
    expect(draft.path).toBe(folders.generation(UUID, 1));
    expect(await folders.has(UUID, 1)).toBe(true);
  }
  expect(await folders.has(UUID, 1)).toBe(false);
});

test('what is kept stays, and is listed by number beside a clone', async () => {
  for (const generation of [2, 10]) {
    await using draft = await folders.create(UUID, generation);
    await draft.sync();
    draft.keep(true);
  }
  await mkdir(folders.clone(UUID));
  await mkdir(join(root, 'something else'));
  expect((await folders.generations(UUID)).toSorted((a, b) => a - b)).toEqual([2, 10]);
  expect(await folders.list()).toEqual([UUID]);
  await folders.removeGeneration(UUID, 2);
  await folders.removeGeneration(UUID, 2);
  expect(await folders.generations(UUID)).toEqual([10]);
  await folders.removeClone(UUID);
  expect(await readdir(join(root, UUID))).toEqual(['10']);
  await folders.remove(UUID);
  expect(await folders.list()).toEqual([]);
  expect(await folders.generations(UUID)).toEqual([]);
});

test('a leftover of the same number is no part of a new draft', async () => {
  await mkdir(folders.generation(UUID, 3), { recursive: true });
  await writeFile(join(folders.generation(UUID, 3), 'old'), 'old');
  await using draft = await folders.create(UUID, 3);
  expect(await readdir(draft.path)).toEqual([]);
});

test('removing follows no link out of the folder', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'polymnia-outside-'));
  await writeFile(join(outside, 'kept'), 'kept');
  {
    await using draft = await folders.create(UUID, 1);
    await symlink(outside, join(draft.path, 'link'));
  }
  expect(await readdir(outside)).toEqual(['kept']);
  await rm(outside, { recursive: true });
});

test('names that are none of ours never become paths', async () => {
  for (const uuid of ['..', '', `${UUID}/..`, UUID.toUpperCase()]) expect(() => folders.generation(uuid, 1)).toThrow('no uuid');
  for (const generation of [0, -1, 1.5, Number.NaN]) expect(() => folders.generation(UUID, generation)).toThrow('no generation');
  await expect(folders.remove('..')).rejects.toMatchObject({ code: 'internal' });
});

test('a folder that cannot be written is storage trouble', async () => {
  await writeFile(join(root, UUID), 'a file where a folder should be');
  await expect(folders.create(UUID, 1)).rejects.toMatchObject({ code: 'storage_unavailable' });
});
