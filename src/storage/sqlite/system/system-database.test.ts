import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../kernel/clock.ts';
import { commitTogether } from './group-commit.ts';
import { openSystemReader, openSystemWriter } from './open-system-file.ts';
import { migrate } from '../migrations.ts';
import { SYSTEM_APPLICATION_ID, SYSTEM_MAJOR, SYSTEM_MIGRATIONS } from './schema.ts';
import { createSqliteIdentityStore } from './sqlite-identity-store.ts';
import { SystemDatabase } from './system-database.ts';
import { createSqliteSettingsStore, createSqliteSpaceWorkStore, createSqliteStorageUsageStore } from './upkeep-stores.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polymnia-system-'));
  path = join(folder, 'system.db');
});
afterEach(() => rm(folder, { recursive: true }));

const open = (): Promise<SystemDatabase> => SystemDatabase.open({ path, clock: systemClock });
const config = () => ({ path, busyTimeoutMs: 1000, cacheKiB: 512, mmapBytes: 0 });

test('what was acknowledged is read at once, and after opening anew', async () => {
  {
    await using database = await open();
    const settings = createSqliteSettingsStore(database);
    await Promise.all(Array.from({ length: 500 }, (_, n) => settings.set(`key ${n}`, `value ${n}`)));
    expect(await settings.get('key 499')).toBe('value 499');
    await settings.set('key 0', undefined);
  }
  await using database = await open();
  expect(await createSqliteSettingsStore(database).get('key 7')).toBe('value 7');
  expect(await createSqliteSettingsStore(database).get('key 0')).toBeUndefined();
});

test('writes that wait together are one commit; one that fails does not touch the others', () => {
  const file = openSystemWriter(config());
  using db = file.db;
  const put = (key: string) => (opened: typeof file) => opened.run('insert into settings (key, value) values (?, ?)', key, 'v');
  const reader = openSystemReader(config());
  using readerDb = reader.db;
  const version = (): unknown => readerDb.prepare('pragma data_version').get()?.['data_version'];
  const before = version();
  const outcomes = commitTogether(file, [
    { id: 1, run: put('a') },
    { id: 2, run: put('a') },
    { id: 3, run: put('b') },
  ]);
  expect(outcomes.map(({ id, ok }) => [id, ok])).toEqual([
    [1, true],
    [2, false],
    [3, true],
  ]);
  expect(db.prepare('select count(*) as n from settings').get()).toEqual({ n: 2 });
  expect(version()).not.toBe(before);
  expect(db.prepare('pragma synchronous').get()).toEqual({ synchronous: 2 });
  expect(db.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' });
});

test('a file that is not ours, or of a newer major version, is refused with a sentence', async () => {
  await writeFile(path, 'not a database, but long enough to look like one: '.repeat(100));
  await expect(open()).rejects.toMatchObject({ code: 'storage_unavailable', message: expect.stringContaining('no database') });
  await rm(path);
  {
    using other = new DatabaseSync(path);
    other.exec('create table t (a)');
  }
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('not made by Polymnia') });
  await rm(path);
  await (await open())[Symbol.asyncDispose]();
  {
    using newer = new DatabaseSync(path);
    newer.exec('pragma user_version = 2001');
  }
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('newer version (format 2') });
  {
    using later = new DatabaseSync(path);
    later.exec('pragma user_version = 1999');
  }
  await using database = await open();
  expect(await createSqliteSettingsStore(database).get('x')).toBeUndefined();
});

test.each(SYSTEM_MIGRATIONS.slice(0, -1).map(({ version }) => version))(
  'a file of step %i is brought up to date, with what is in it',
  async (step) => {
    {
      using older = new DatabaseSync(path);
      migrate(older, { applicationId: SYSTEM_APPLICATION_ID, major: SYSTEM_MAJOR, migrations: SYSTEM_MIGRATIONS.slice(0, step) });
      older.exec(`
      insert into users (id, name, name_key, role, status, time_zone, weight, limits, created_at)
        values ('user_a', 'Ada', 'ada', 'admin', 'active', 'UTC', 1, '{}', 5);
      insert into spaces (id, key, name, kind, payer, created_at) values ('space_a', 'aa', 'Personal', 'personal', 'user_a', 5);
      insert into members (space, user, role, since) values ('space_a', 'user_a', 'owner', 5);`);
    }
    await using database = await open();
    const store = createSqliteIdentityStore(database);
    expect(await store.owner()).toMatchObject({ id: 'user_a', createdAt: 5, lastActiveAt: expect.any(Number) as number });
    expect(await store.account('aa')).toEqual({ id: 'space_a', key: 'aa', role: 'reader', payer: 'user_a', personal: true });
    const audit = { at: 1, actor: 'a', credential: 'c', action: 't', subject: 's', facts: {} };
    await store.updateSpace('space_a', { conversationRetention: 3_600_000 }, audit);
    expect(await store.account('aa')).toMatchObject({ conversationRetention: 3_600_000 });
  },
);

test('a backup is whole, and never overwrites', async () => {
  await using database = await open();
  await createSqliteSettingsStore(database).set('a', 'b');
  const copy = join(folder, 'copy.db');
  await database.backupTo(copy);
  using restored = new DatabaseSync(copy, { readOnly: true });
  expect(restored.prepare("select value from settings where key = 'a'").get()).toEqual({ value: 'b' });
  await expect(database.backupTo(copy)).rejects.toMatchObject({ code: 'conflict' });
});

test('after the end calls are refused, and the log is emptied into the file', async () => {
  const database = await open();
  await createSqliteSettingsStore(database).set('a', 'b');
  await Promise.all([database[Symbol.asyncDispose](), database[Symbol.asyncDispose]()]);
  await expect(database.write('putSetting', { key: 'a', value: 'c' })).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(() => database.read(() => 1)).toThrow('stopping');
});

test('work is due in order; a mark made since a look is never cleared away', async () => {
  await using database = await open();
  const work = createSqliteSpaceWorkStore<'expire' | 'vectors'>(database);
  await work.mark('s1', 'expire', 200);
  await work.mark('s2', 'expire', 100);
  await work.mark('s1', 'vectors', 1);
  expect((await work.due(200, 10, 'expire')).map(({ space, dueAt }) => [space, dueAt])).toEqual([
    ['s2', 100],
    ['s1', 200],
  ]);
  expect(await work.due(199, 10, 'expire')).toHaveLength(1);
  await work.mark('s2', 'expire', 900);
  await work.clear('s2', 'expire', 100);
  const [kept] = await work.due(100, 10, 'expire');
  expect(kept).toMatchObject({ space: 's2', dueAt: 99 });
  await work.clear('s2', 'expire', 99, 500);
  expect(await work.due(499, 10, 'expire')).toMatchObject([{ space: 's1' }]);
  await work.clear('s2', 'expire', 500);
  await work.clear('s1', 'expire', 200);
  expect(await work.due(1e9, 10, 'expire')).toEqual([]);
});

test('storage totals are summed by service', async () => {
  await using database = await open();
  const usage = createSqliteStorageUsageStore(database);
  const user = (name: string) => ({
    id: `user_${name}`,
    name,
    nameKey: name,
    role: 'member' as const,
    timeZone: 'UTC',
    weight: 1,
    limits: {},
    createdAt: 1,
    personal: { id: `space_${name}`, key: name },
  });
  const audit = { at: 1, actor: 'a', credential: 'c', action: 't', subject: 's', facts: {} };
  await database.write('createUser', { user: user('svc'), audit });
  await database.write('claimServiceUser', { user: { ...user('one'), service: { id: 'user_svc', externalId: 'one' } }, maxUsers: 5 });
  await usage.save(
    new Map([
      ['user_svc', 10],
      ['user_one', 32],
      ['user_gone', 7],
    ]),
  );
  expect(await usage.groupOf('user_one')).toBe('user_svc');
  expect([await usage.groupBytes('user_svc'), await usage.savedBytes('user_one'), await usage.savedBytes('user_gone')]).toEqual([42, 32, 0]);
});

test('a writer that dies fails the writes in flight, and the next one starts it again', async () => {
  const workers: Worker[] = [];
  const onWorker = (message: unknown): void => void workers.push((message as { worker: Worker }).worker);
  subscribe('worker_threads', onWorker);
  const crashes: unknown[] = [];
  await using database = await SystemDatabase.open({ path, clock: systemClock, onCrash: (cause) => crashes.push(cause) });
  unsubscribe('worker_threads', onWorker);
  const settings = createSqliteSettingsStore(database);
  await settings.set('before', '1');
  const inFlight = settings.set('maybe', '1');
  void workers[0]?.terminate();
  await Promise.allSettled([inFlight]);
  await expect.poll(() => crashes.length).toBe(1);
  await settings.set('after', '1');
  expect([await settings.get('before'), await settings.get('after')]).toEqual(['1', '1']);
  expect(database.waiting).toBe(0);
});

test('a lock of someone else, and what cannot be sent, fail the write alone', async () => {
  await using database = await SystemDatabase.open({ path, clock: systemClock, busyTimeoutMs: 10 });
  const settings = createSqliteSettingsStore(database);
  {
    using other = new DatabaseSync(path);
    other.exec('begin immediate');
    await expect(settings.set('a', '1')).rejects.toMatchObject({ code: 'storage_unavailable', message: expect.stringContaining('locked') });
  }
  await expect(database.write('putSetting', { key: 'a', value: (() => 1) as never })).rejects.toMatchObject({ code: 'internal' });
  await settings.set('a', '1');
  expect(await settings.get('a')).toBe('1');
});

const WRITER = `
  const { SystemDatabase } = await import(process.argv[1]);
  const { systemClock } = await import(process.argv[2]);
  const database = await SystemDatabase.open({ path: process.argv[3], clock: systemClock });
  for (let n = 0; ; n++) {
    await Promise.all([0, 1, 2].map((k) => database.write('putSetting', { key: n + ' ' + k, value: 'v' })));
    for (const k of [0, 1, 2]) process.stdout.write(n + ' ' + k + '\\n');
  }`;

test('kill -9 loses nothing that was acknowledged', async () => {
  const modules = [new URL('system-database.ts', import.meta.url).href, new URL('../../../kernel/clock.ts', import.meta.url).href];
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, ...modules, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let journal = '';
  child.stdout.on('data', (chunk: Buffer) => {
    journal += chunk.toString();
    if (journal.length > 4000) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const acknowledged = journal.split('\n').slice(0, -1);
  expect(acknowledged.length).toBeGreaterThan(500);
  await using database = await open();
  const settings = createSqliteSettingsStore(database);
  const found = await Promise.all(acknowledged.map((key) => settings.get(key)));
  expect(found.every((value) => value === 'v')).toBe(true);
  using check = new DatabaseSync(path, { readOnly: true });
  expect(check.prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' });
});
