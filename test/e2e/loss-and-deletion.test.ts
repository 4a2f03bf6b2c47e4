import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { startServer } from '../../src/app/server.ts';
import { settingsWith } from '../../src/config/settings.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { eventually } from '../support/leaks.ts';
import { canary, openTown } from '../support/town.ts';
import { callRest, type Input, inProcess, operationNamed } from '../support/wire.ts';

/** Files of a folder in which the word stands, as text or inside a database page. */
async function filesWith(folder: string, word: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const held = await Promise.all(paths.map(async (path) => ((await readFile(path)).includes(word) ? [path.slice(folder.length + 1)] : [])));
  return held.flat();
}

/** Background work that spaces still need, as the system file has it. */
function workLeft(dataDir: string): unknown[] {
  using database = new DatabaseSync(join(dataDir, 'system.db'), { readOnly: true });
  return database.prepare('select kind, due_at from space_work').all();
}

describe('deletion', () => {
  it('[deletion-complete] of a user reports what went, and leaves no byte of it in the data folder', async () => {
    await using town = await openTown();
    const secret = canary();
    const [user, friend] = await Promise.all([town.citizen(`name${secret}`), town.citizen('friend')]);
    const { id } = await town.done(
      user,
      'store_memory',
      { content: `A letter about ${secret}.`, tags: [secret], metadata: { [secret]: secret } },
      { headers: { 'idempotency-key': 'one' } },
    );
    await town.done(user, 'update_memory', { id, content: `Another letter about ${secret}.` });
    await town.import(user, [JSON.stringify({ content: `Imported ${secret}` })]);
    const space = await town.sharedSpace(friend, 'shared', [[user, 'editor']]);
    await town.done(user, 'store_memory', { content: 'What stays.', space });
    expect(await filesWith(town.dataDir, secret)).not.toEqual([]);

    const rehearsed = await town.done(town.admin, 'delete_user', { userId: user.id, dryRun: true });
    expect(rehearsed['dryRun']).toBe(true);
    expect((await town.rest(user, 'get_memory', { id })).ok).toBe(true);
    const report = await town.done(town.admin, 'delete_user', { userId: user.id });
    expect(report).toMatchObject({
      userId: user.id,
      gone: { keys: 1, memberships: 1, personalSpace: { id: user.personal }, authored: [] },
      stayed: { author: user.id, sharedSpaces: [{ id: space, name: 'shared' }] },
    });
    expect((report['gone'] as { personalSpace: { bytes: number } }).personalSpace.bytes).toBeGreaterThan(0);
    expect((await town.rest(user, 'whoami')).status).toBe(401);
    expect((await town.rest(town.admin, 'get_memory', { id })).problem?.code).toBe('not_found');
    const kept = await town.done(friend, 'search_memory', { space });
    expect(kept['results']).toMatchObject([{ content: 'What stays.', author: user.id }]);
    expect((await filesWith(town.dataDir, secret)).filter((path) => path.startsWith('spaces') || path.startsWith('spool'))).toEqual([]);
    await town.stop(0);
    expect(await filesWith(town.dataDir, secret)).toEqual([]);
  });

  it('[deletion-complete] of a user who still pays for a shared space is refused, with the spaces named', async () => {
    await using town = await openTown();
    const user = await town.citizen('payer');
    const space = await town.sharedSpace(user, 'ours');
    const answer = await town.rest(town.admin, 'delete_user', { userId: user.id });
    expect(answer.problem?.code).toBe('conflict');
    expect(answer.text).toContain(space);
    expect((await town.rest(user, 'whoami')).ok).toBe(true);
  });

  it('[deletion-complete] of memories leaves no word of them on disk, once the words have been scrubbed', async () => {
    let offset = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offset };
    await using town = await openTown({ overrides: { clock }, settings: { SWEEP_INTERVAL: 10 } });
    const secret = canary();
    const [user, friend] = await Promise.all([town.citizen('user'), town.citizen('friend')]);
    const space = await town.sharedSpace(friend, 'shared', [[user, 'editor']]);
    const kept = await town.done(user, 'store_memory', { content: 'Something to keep.' });
    const { id } = await town.done(user, 'store_memory', { content: `Delete ${secret}.`, tags: [secret] });
    await town.done(user, 'update_memory', { id, metadata: { about: secret } }, { headers: { 'idempotency-key': 'two' } });
    await town.done(user, 'store_memory', { content: `Forget ${secret}.`, type: 'secret' });
    await town.done(user, 'store_memory', { content: `Expire ${secret}.`, expiresIn: 10 });
    await town.done(user, 'update_memory', { id: kept['id'], content: `Versioned ${secret}.` });
    await town.done(user, 'delete_memory', { id: kept['id'] });
    await town.done(user, 'store_memory', { content: `Shared ${secret}.`, space });
    await town.done(friend, 'store_memory', { content: 'By a friend.', space });
    await town.done(user, 'delete_memory', { id });
    expect((await town.done(user, 'forget_memories', { type: 'secret' }))['count']).toBe(1);
    const report = await town.done(town.admin, 'delete_user', { userId: (await town.citizen('nobody')).id, purgeAuthored: true });
    expect(report['gone']).toMatchObject({ authored: [] });
    const { results } = (await town.done(user, 'search_memory', { space })) as { results: { id: string; content: string }[] };
    const own = results.find(({ content }) => content.includes(secret));
    await town.done(user, 'delete_memory', { id: own?.id });
    // Past the expiry and the time words may stay in the index.
    offset += 120_000;
    await eventually(async () => expect((await town.done(user, 'memory_stats'))['memories']).toBe(0));
    await eventually(() => {
      // Work that the expiry left behind is due later once more.
      offset += 120_000;
      expect(workLeft(town.dataDir)).toEqual([]);
    });
    await town.stop(0);
    expect(await filesWith(town.dataDir, secret)).toEqual([]);
  });

  it('[deletion-complete] of a user with all that was written elsewhere purges shared spaces', async () => {
    await using town = await openTown();
    const [user, friend] = await Promise.all([town.citizen('user'), town.citizen('friend')]);
    const space = await town.sharedSpace(friend, 'shared', [[user, 'editor']]);
    for (let n = 0; n < 3; n++) await town.done(user, 'store_memory', { content: `Mine ${n}.`, space });
    await town.done(friend, 'store_memory', { content: 'A friend wrote this.', space });
    const report = await town.done(town.admin, 'delete_user', { userId: user.id, purgeAuthored: true });
    expect(report['gone']).toMatchObject({ authored: [{ spaceId: space, removed: 3 }] });
    const left = (await town.done(friend, 'search_memory', { space }))['results'] as { content: string }[];
    expect(left.map(({ content }) => content)).toEqual(['A friend wrote this.']);
  });
});

/** A small disk of its own, or why there is none. */
async function smallDisk(megabytes: number): Promise<{ readonly path: string; unmount(): Promise<void> } | string> {
  const path = await mkdtemp(join(tmpdir(), 'polymnia-disk-'));
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { encoding: 'utf8' });
  const unmount = async (): Promise<void> => {
    spawnSync('umount', ['-l', path]);
    await rm(path, { recursive: true, force: true });
  };
  if (status === 0) return { path, unmount };
  await rm(path, { recursive: true, force: true });
  return `no small disk can be made here: ${error?.message ?? stderr.trim()}`;
}

const mayMount = process.getuid?.() === 0;

describe('a full disk', () => {
  it.skipIf(!mayMount)(
    `[disk-full] refuses writes with a clear error, goes on reading, and recovers by itself${mayMount ? '' : ' (skipped: only root can mount a small disk)'}`,
    async (context) => {
      const disk = await smallDisk(24);
      if (typeof disk === 'string') return context.skip(disk);
      try {
        const settings = settingsWith({ DATA_DIR: join(disk.path, 'data'), PORT: 0, STORAGE_WRITERS: 2, RATE_LIMIT_MEMORY_PER_MIN: 1_000_000 });
        await using server = await startServer(settings, silentLogger, { checkOutputs: true });
        const send = inProcess(server.fetch);
        const call = (name: string, input: Input) => callRest(send, { key: server.localKey }, operationNamed(server.operations, name), input);
        const first = await call('store_memory', { content: 'Before the flood.' });
        expect(first.ok).toBe(true);

        const filler = join(disk.path, 'filler');
        const { bavail, bsize } = await statfs(disk.path);
        await writeFile(filler, Buffer.alloc(bavail * bsize - 2 * 1024 * 1024));
        const stored: string[] = [];
        let refused = 0;
        for (let n = 0; n < 120 && refused < 3; n++) {
          const answer = await call('store_memory', { content: `${n} ${'y'.repeat(60_000)}` });
          if (answer.ok) stored.push(String(answer.body['id']));
          else {
            refused += 1;
            expect(answer.problem?.code, answer.text).toBe('storage_unavailable');
            expect(answer.problem?.detail).toMatch(/disk|space|full/i);
            expect(answer.text).not.toContain(disk.path);
          }
        }
        expect(refused).toBe(3);
        for (const id of [String(first.body['id']), ...stored]) expect((await call('get_memory', { id })).ok).toBe(true);
        expect((await call('retrieve_memory', { query: 'flood' })).ok).toBe(true);

        await rm(filler);
        await eventually(async () => expect((await call('store_memory', { content: 'After the flood.' })).ok).toBe(true));
        expect(Number((await call('memory_stats', {})).body['memories'])).toBe(stored.length + 2);
      } finally {
        await disk.unmount();
      }
    },
    40_000,
  );
});
