import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/storage.ts';
import { DataFolder, readServerFile } from './data-folder.ts';

const SERVER = { pid: 4711, url: 'http://127.0.0.1:4100', key: 'pmn_local' };

/** Another process that opens the folder, says `open` or the error's code, and stays. */
function spawnOwner(path: string): ChildProcessByStdio<null, Readable, null> {
  const module = new URL('data-folder.ts', import.meta.url).href;
  const script = `const { DataFolder } = await import(${JSON.stringify(module)});
    try {
      // Kept, since a folder nobody holds is closed with the rest of the garbage.
      const folder = (globalThis.folder = await DataFolder.open(${JSON.stringify(path)}));
      await folder.publish({ pid: process.pid, url: 'http://127.0.0.1:1', key: 'k' });
      console.log('open');
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(error.code);
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('the data folder', () => {
  it('is made for its owner only, with the folders the server needs', async () => {
    await using parent = await temporaryFolder();
    await using folder = await DataFolder.open(join(parent.path, 'deep', 'data'));
    expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
    for (const path of [folder.spaces, folder.spool, folder.tmp]) expect((await stat(path)).isDirectory()).toBe(true);
    expect(folder.systemDb.startsWith(folder.path)).toBe(true);
  });

  it('has one owner: a second is told who the first is, and may come when it has gone', async () => {
    await using parent = await temporaryFolder();
    {
      await using first = await DataFolder.open(parent.path);
      await expect(DataFolder.open(parent.path)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('another process') });
      await first.publish(SERVER);
      const second = DataFolder.open(parent.path);
      await expect(second).rejects.toMatchObject({ code: 'conflict', details: { pid: 4711, url: SERVER.url } });
      await expect(second).rejects.toThrow(/process 4711, which answers at http:\/\/127\.0\.0\.1:4100/);
      await expect(second).rejects.not.toThrow('pmn_local');
    }
    await using next = await DataFolder.open(parent.path);
    expect(await readServerFile(next.path)).toBe(undefined);
  });

  it('has one owner across processes, and a killed owner leaves no lock', async () => {
    await using parent = await temporaryFolder();
    const owner = spawnOwner(parent.path);
    await once(owner.stdout, 'data');
    await expect(DataFolder.open(parent.path)).rejects.toMatchObject({ code: 'conflict', details: { pid: owner.pid } });
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await using next = await DataFolder.open(parent.path);
    expect(await readServerFile(next.path)).toBe(undefined);
  });

  it('stays owned after another attempt of the same process', async () => {
    await using parent = await temporaryFolder();
    await using first = await DataFolder.open(parent.path);
    await expect(DataFolder.open(first.path)).rejects.toMatchObject({ code: 'conflict' });
    const other = spawnOwner(parent.path);
    const [said] = (await once(other.stdout, 'data')) as [Buffer];
    other.kill('SIGKILL');
    expect(said.toString().trim()).toBe('conflict');
  });

  it('publishes the address whole, for its owner only, and takes it back at the end', async () => {
    await using parent = await temporaryFolder();
    {
      await using folder = await DataFolder.open(parent.path);
      await folder.publish({ ...SERVER, url: 'http://127.0.0.1:1' });
      await folder.publish(SERVER);
      expect(await readServerFile(parent.path)).toEqual(SERVER);
      expect((await stat(join(parent.path, 'server.json'))).mode & 0o777).toBe(0o600);
      expect((await readdir(parent.path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      await folder[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    }
    expect(await readdir(parent.path)).not.toContain('server.json');
  });

  it('takes an address file that says nothing for none', async () => {
    await using parent = await temporaryFolder();
    for (const text of ['', '{', '[]', '{"pid":"1","url":"u","key":"k"}', 'null']) {
      await writeFile(join(parent.path, 'server.json'), text);
      expect(await readServerFile(parent.path), text).toBe(undefined);
    }
    expect(await readServerFile(join(parent.path, 'nowhere'))).toBe(undefined);
  });

  it('is refused with a sentence where it cannot be written', async ({ skip }) => {
    await using parent = await temporaryFolder();
    await writeFile(join(parent.path, 'file'), '');
    await expect(DataFolder.open(join(parent.path, 'file'))).rejects.toMatchObject({ code: 'storage_unavailable' });
    const readOnly = join(parent.path, 'read-only');
    await mkdir(readOnly);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', readOnly], { stdio: 'ignore' });
    } catch {
      skip('mounting a read-only file system needs root');
    }
    try {
      await expect(DataFolder.open(readOnly)).rejects.toMatchObject({ code: 'storage_unavailable', message: expect.stringContaining('EROFS') });
    } finally {
      execFileSync('umount', [readOnly], { stdio: 'ignore' });
    }
  });
});
