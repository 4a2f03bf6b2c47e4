import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixtureFiles, spaceKey, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { systemClock } from '../../kernel/clock.ts';
import { backupFolder, restoreFolder } from './backup.ts';
import type { BackupManifest, RestoreRequest } from './backup.ts';
import { DataFolder } from './data-folder.ts';
import type { SpaceFiles } from './space-files.ts';

const A = `ab${spaceKey(1).slice(2)}`;
const B = spaceKey(2);
const { signal } = new AbortController();

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let files: SpaceFiles;
let data: DataFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
  data = await DataFolder.open(join(folder.path, 'data'));
  files = fixtureFiles(data.path);
  using system = new DatabaseSync(data.systemDb);
  system.exec("PRAGMA journal_mode = WAL; CREATE TABLE users (name); INSERT INTO users VALUES ('ada')");
});

afterEach(async () => {
  await files[Symbol.asyncDispose]();
  await data[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const put = (space: string, key: string, value = 'v'): Promise<unknown> => files.write('put', storeCall(space), { key, value });
const target = (): string => join(folder.path, 'backup');
const makeBackup = (extra = {}): Promise<BackupManifest> =>
  backupFolder({ spaces: files, systemDb: data.systemDb, target: target(), version: '1.2.3', clock: systemClock, signal, ...extra });
const restoreInto = (name: string, extra: Partial<RestoreRequest> = {}): ReturnType<typeof restoreFolder> =>
  restoreFolder({ backup: target(), dataFolder: join(folder.path, name), clock: systemClock, signal, ...extra });

async function contents(name: string): Promise<unknown> {
  await using restored = fixtureFiles(join(folder.path, name));
  using system = new DatabaseSync(join(folder.path, name, 'system.db'));
  const get = (space: string): Promise<unknown> => restored.read('get', storeCall(space), { key: 'k' }, undefined);
  return [await get(A), await get(B), system.prepare('SELECT name FROM users').get()?.['name']];
}

describe('backup and restore', () => {
  it('give back what was stored, from a server that went on writing', async () => {
    await put(A, 'k', 'of a');
    await put(B, 'k', 'of b');
    await files.write('putAll', storeCall(B), { rows: 2000, bytes: 1000 });
    const ended = new AbortController();
    const backup = makeBackup().finally(() => ended.abort());
    for (let n = 0; !ended.signal.aborted; n++) await put(B, `later ${n}`);
    const manifest = await backup;
    expect(manifest.version).toBe('1.2.3');
    expect(manifest.files.map(({ path }) => path).toSorted()).toEqual([`spaces/00/${B}.db`, `spaces/ab/${A}.db`, 'system.db']);
    expect(manifest.files.at(-1)?.path).toBe('system.db');
    expect((await stat(join(target(), 'system.db'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder.path)).not.toContain('backup.tmp');
    expect((await restoreInto('fresh')).movedTo).toBe(undefined);
    expect(await contents('fresh')).toEqual(['of a', 'of b', 'ada']);
  });

  it('take archived spaces along as they are, and find one that was damaged before', async () => {
    await put(A, 'k', 'of a');
    await put(B, 'k', 'of b');
    await files.archive(A, signal);
    const manifest = await makeBackup();
    expect(manifest.files.map(({ path }) => path).toSorted()).toEqual([`archive/ab/${A}.db.zst`, `spaces/00/${B}.db`, 'system.db']);
    await restoreInto('fresh');
    expect(await readdir(join(folder.path, 'fresh', 'archive', 'ab'))).toEqual([`${A}.db.zst`]);
    expect(await contents('fresh')).toEqual(['of a', 'of b', 'ada']);
    expect(files.isArchived(A)).toBe(true);
    await truncate(join(data.archive, 'ab', `${A}.db.zst`), 200);
    await rm(target(), { recursive: true });
    await makeBackup();
    await expect(restoreInto('other')).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('db.zst is damaged') });
  });

  it('refuse a folder that is in use, or holds data unless forced; then the old is kept aside', async () => {
    await put(A, 'k', 'of a');
    await makeBackup();
    await expect(restoreInto('data')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('in use') });
    await put(A, 'k', 'changed');
    await files[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
    await expect(restoreInto('data')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('holds data') });
    const { movedTo } = await restoreInto('data', { force: true });
    expect(await contents('data')).toEqual(['of a', undefined, 'ada']);
    expect((await readdir(movedTo ?? '')).toSorted()).toContain('system.db');
    expect(await readdir(join(movedTo ?? '', 'spaces', 'ab'))).toContain(`${A}.db`);
  });

  it('refuse a backup that was changed, lacks a file, or names files elsewhere, and change nothing', async () => {
    await put(A, 'k');
    await makeBackup();
    const cell = join(target(), 'spaces', 'ab', `${A}.db`);
    const manifest = join(target(), 'manifest.json');
    const text = await readFile(manifest, 'utf8');
    await appendFile(cell, 'x');
    await expect(restoreInto('fresh')).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('not what the manifest says'),
    });
    await rm(cell);
    await expect(restoreInto('fresh')).rejects.toMatchObject({ code: 'invalid_input' });
    await writeFile(manifest, text.replace(`spaces/ab/${A}.db`, '../../outside.db'));
    await expect(restoreInto('fresh')).rejects.toMatchObject({ code: 'invalid_input' });
    await writeFile(manifest, text.replace('"format": 2', '"format": 3'));
    await expect(restoreInto('fresh')).rejects.toThrow('newer version');
    await rm(manifest);
    await expect(restoreInto('fresh')).rejects.toThrow('manifest.json');
    expect(await readdir(join(folder.path, 'fresh', 'spaces'))).toEqual([]);
    expect(await readdir(join(folder.path, 'fresh'))).not.toContain('system.db');
  });

  it('leave nothing behind when stopped or refused', async () => {
    await files.write('putAll', storeCall(A), { rows: 4000, bytes: 2000 });
    const controller = new AbortController();
    const backup = makeBackup({ signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(backup).rejects.toMatchObject({ code: 'cancelled' });
    expect((await readdir(folder.path)).toSorted()).toEqual(['data']);
    await makeBackup();
    await expect(makeBackup()).rejects.toMatchObject({ code: 'conflict' });
    expect(await files.integrity(A, signal)).toEqual([]);
  });
});
