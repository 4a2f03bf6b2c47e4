import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inspectOffline, restore } from '../../src/app/offline.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import type { Caller } from '../support/wire.ts';

const DAY = 86_400_000;

let town: Town;
/** Days added to the wall clock. */
let days = 0;
/** Goes away; calls every day; goes away and is disabled; is named by a service and goes away. */
let ann: Citizen;
let ben: Citizen;
let dan: Citizen;
let guest: Caller;

interface Report {
  readonly items: readonly { readonly userId: string; readonly action: string }[];
  readonly archived: number;
}

beforeAll(async () => {
  const clock = { ...systemClock, now: () => systemClock.now() + days * DAY };
  town = await openTown({ overrides: { clock } });
  [ann, ben, dan] = await Promise.all([town.citizen('ann'), town.citizen('ben'), town.citizen('dan')]);
  const { secret } = await town.keyFor(ben.id, { scopes: ['on_behalf', 'memory:read', 'memory:write'] });
  guest = { key: secret, onBehalfOf: 'guest' };
  await town.done(ann, 'store_memory', { content: 'The harbour gate opens at six.', tags: ['harbour'] }, { headers: { 'idempotency-key': 'one' } });
  await town.done(ann, 'store_memory', { content: 'Good morning.', thread: 'talk' });
  for (const caller of [ben, dan, guest]) await town.done(caller, 'store_memory', { content: 'The harbour is closed on Sundays.' });
  await town.done(town.admin, 'update_user', { userId: dan.id, status: 'disabled' });
});

afterAll(() => town[Symbol.asyncDispose]());

const files = async (folder: 'spaces' | 'archive', ending: string): Promise<number> =>
  (await readdir(join(town.dataDir, folder), { recursive: true })).filter((name) => name.endsWith(ending)).length;
const count = async (caller: Caller): Promise<unknown> => (await town.done(caller, 'memory_stats'))['memories'];

/** A month passes in which only ben and the administrator call. */
async function aMonthLater(): Promise<void> {
  days += 31;
  await town.done(ben, 'whoami');
}

it('[clean-up-admin] is for administrators, who may look first', async () => {
  await aMonthLater();
  expect((await town.rest(ben, 'clean_up', { dryRun: true })).problem?.code).toBe('forbidden');
  expect((await town.rest({ key: 'pmn_none' }, 'clean_up')).status).toBe(401);
  const { users } = (await town.done(town.admin, 'list_users', { serviceId: ben.id })) as { users: { id: string }[] };
  const report = (await town.done(town.admin, 'clean_up', { dryRun: true })) as unknown as Report;
  const idle = [ann.id, dan.id, ...users.map(({ id }) => id)];
  expect(new Map(report.items.map(({ userId, action }) => [userId, action]))).toEqual(new Map(idle.map((id) => [id, 'archived'])));
  expect([await files('spaces', '.db'), await files('archive', '.zst')]).toEqual([4, 0]);
});

it('[clean-up-whole] archives who has been away, and brings each back whole with the first call', async () => {
  expect(await town.done(town.admin, 'clean_up')).toMatchObject({ archived: 3, inUse: 0, failed: 0, complete: true });
  expect([await files('spaces', '.db'), await files('archive', '.zst')]).toEqual([1, 3]);
  const begun = performance.now();
  const { results } = (await town.done(ann, 'retrieve_memory', { query: 'when does the harbour gate open' })) as { results: { content: string }[] };
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(results[0]?.content).toBe('The harbour gate opens at six.');
  const again = await town.done(ann, 'store_memory', { content: 'The harbour gate opens at six.', tags: ['harbour'] });
  expect(again).toMatchObject({ created: false });
  expect(await count(ann)).toBe(2);
  expect((await town.mcp(guest, 'search_memory', {})).body).toMatchObject({ results: [{ content: 'The harbour is closed on Sundays.' }] });
  expect((await town.rest(dan, 'memory_stats')).status).toBe(401);
  await town.done(town.admin, 'update_user', { userId: dan.id, status: 'active' });
  expect((await town.exported(dan)).map(({ content }) => content)).toEqual(['The harbour is closed on Sundays.']);
  expect([await files('spaces', '.db'), await files('archive', '.zst')]).toEqual([4, 0]);
});

it('[clean-up-moved] archived spaces are in a backup, sound, and go with their users', async () => {
  await aMonthLater();
  const { outcome } = (await town.done(town.admin, 'run_schedule', { name: 'clean_up' })) as { outcome: string };
  expect(outcome).toMatch(/^archived 3 spaces \(\d+ bytes, now \d+\), let go of 0; 0 were in use, 0 failed$/);
  await using target = await temporaryFolder();
  const [backupDir, dataDir] = [join(target.path, 'backup'), join(target.path, 'data')];
  await town.done(town.admin, 'create_backup', { directory: backupDir });
  await restore({ backupDir, dataDir, force: false }, new AbortController().signal);
  expect((await inspectOffline(dataDir, new AbortController().signal, () => {})).checks).toMatchObject([{ ok: true, detail: '5 files are sound' }]);
  const report = await town.done(town.admin, 'delete_user', { userId: dan.id });
  expect((report['gone'] as { personalSpace: { bytes: number } }).personalSpace.bytes).toBeGreaterThan(0);
  expect(await files('archive', '.zst')).toBe(2);
  await using elsewhere = await openTown({ dataDir, overrides: { clock: { ...systemClock, now: () => systemClock.now() + days * DAY } } });
  expect(await elsewhere.done(ann, 'memory_stats')).toMatchObject({ memories: 2 });
});
