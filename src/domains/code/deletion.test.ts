import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OTHER, RepositoryKit, SPACE, type TestCall, writesIndex } from './repository-test-kit.ts';

let kit: RepositoryKit;

beforeEach(async () => {
  kit = await RepositoryKit.open();
  await mkdir(join(kit.sources, 'app'), { recursive: true });
  await kit.store.setAllowedRoots([kit.sources]);
});
afterEach(() => kit[Symbol.asyncDispose]());

const made = (name: string, call: TestCall) => kit.service.sync({ source: join(kit.sources, 'app'), name }, kit.context(call));
const names = async (): Promise<readonly string[]> => (await kit.service.list({ limit: 10 }, kit.context())).repositories.map(({ name }) => name);

test('what a user made in a space that stays goes with its files; what others made, and what is elsewhere, stays', async () => {
  await made('mine', { userId: 'user_gone' });
  await made('theirs', { userId: 'user_left' });
  await made('elsewhere', { userId: 'user_gone', space: OTHER });
  // Who syncs it later did not make it.
  await made('theirs', { userId: 'user_gone' });
  expect(await kit.service.purgeAuthored(SPACE.key, 'user_gone')).toEqual({ removed: 1 });
  expect(await kit.service.purgeAuthored(SPACE.key, 'user_gone')).toEqual({ removed: 0 });
  expect(await names()).toEqual(['theirs']);
  expect(await kit.folders.list()).toHaveLength(2);
  expect(await kit.store.indexBytes(SPACE.key)).toBe(1000);
});

test('a sync by somebody else that runs at that moment ends, and leaves nothing', async () => {
  await made('mine', { userId: 'user_gone' });
  let purged: Promise<unknown> | undefined;
  kit.script = async (task, signal, tell) => {
    purged = kit.service.purgeAuthored(SPACE.key, 'user_gone');
    await expect.poll(() => signal.aborted).toBe(true);
    return writesIndex()(task, signal, tell);
  };
  await expect(made('mine', { userId: 'user_left' })).rejects.toMatchObject({ code: 'cancelled', message: 'The repository was removed.' });
  expect(await purged).toEqual({ removed: 1 });
  expect(await names()).toEqual([]);
  expect(await kit.folders.list()).toEqual([]);
});
