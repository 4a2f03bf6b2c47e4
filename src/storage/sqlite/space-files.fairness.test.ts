import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureFiles, spaceKey, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { ManualClock } from '../../kernel/clock.ts';
import type { SpaceFiles } from './space-files.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let files: SpaceFiles;

beforeAll(async () => {
  folder = await temporaryFolder();
  files = fixtureFiles(folder.path);
});

afterAll(async () => {
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const HEAVY = spaceKey(0);
const LIGHT = spaceKey(2);
const put = (space: string, user: string, key: string, ms = 0, background = false): Promise<unknown> =>
  files.write('putThenSpin', storeCall(space, user), { key, value: 'v', ms }, { background });
const spin = (user: string, space: string, ms: number): Promise<unknown> => files.read('spin', storeCall(space, user), { ms }, undefined);

/** Runs `call` and gives the place it ended at, among all that ended so far. */
function placing(): { readonly place: (call: Promise<unknown>) => Promise<number> } {
  let ended = 0;
  return { place: async (call) => call.then(() => ended++) };
}

describe('readers', () => {
  beforeAll(async () => {
    await Promise.all([put(HEAVY, 'usr_heavy', 'k'), put(LIGHT, 'usr_light', 'k')]);
    // Both threads have started, and it is known that a spin costs much in the heavy space and little in the light one.
    await spin('usr_heavy', HEAVY, 20);
    for (let n = 0; n < 10; n++) await spin('usr_light', LIGHT, 0);
    await files.read('count', storeCall(LIGHT, 'usr_light'), undefined, 0);
  });

  // Others use the machine too: now and then it is the machine that keeps the light one waiting.
  it('one heavy user does not delay another: one reader is always left', { retry: 2 }, async () => {
    const { place } = placing();
    const heavy = Array.from({ length: 15 }, () => place(spin('usr_heavy', HEAVY, 15)));
    const light = await Promise.all(Array.from({ length: 5 }, () => place(spin('usr_light', LIGHT, 0))));
    expect(Math.max(...light)).toBeLessThanOrEqual(5);
    expect(files.stats().readers.waiting).toBeGreaterThan(5);
    await Promise.all(heavy);
  });

  it('long reads of many users together leave one reader for short ones', async () => {
    const users = Array.from({ length: 6 }, (_, n) => `usr_${n}`);
    const { place } = placing();
    const long = users.map((user) => place(spin(user, HEAVY, 20)));
    const light: number[] = [];
    for (let n = 0; n < 3; n++) light.push(await place(files.read('count', storeCall(LIGHT, 'usr_light'), undefined, 0)));
    expect(Math.max(...light)).toBeLessThanOrEqual(3);
    await Promise.all(long);
  });

  it('prefer the thread that has the file open', async () => {
    const before = files.stats();
    for (let n = 0; n < 10; n++) await files.read('count', storeCall(LIGHT), undefined, 0);
    expect(files.stats().openMisses).toBe(before.openMisses);
    expect(files.stats().openHits).toBe(before.openHits + 10);
  });
});

describe('writers', () => {
  // Spaces 0 and 2 go to the same of two writers.
  it('serve users in turn, whatever one of them has in line', async () => {
    // What a write costs there is known, so that a commit takes one or two of them.
    for (let n = 0; n < 10; n++) await put(HEAVY, 'usr_heavy', 'known', 3);
    const { place } = placing();
    const heavy = Array.from({ length: 40 }, (_, n) => place(put(HEAVY, 'usr_heavy', `k${n}`, 3)));
    const light = await place(put(LIGHT, 'usr_light', 'k'));
    expect(light).toBeLessThanOrEqual(20);
    expect(files.stats().writers.waiting).toBeGreaterThan(10);
    await Promise.all(heavy);
  });

  it('take background calls after the others while patience lasts', async () => {
    const standing = new ManualClock();
    await using still = await temporaryFolder();
    await using quiet = fixtureFiles(still.path, { clock: standing });
    const write = (space: string, key: string, ms: number, background = false): Promise<unknown> =>
      quiet.write('putThenSpin', storeCall(space), { key, value: 'v', ms }, { background });
    await write(HEAVY, 'first', 0);
    const { place } = placing();
    const blocking = place(write(HEAVY, 'blocking', 10));
    const background = place(write(LIGHT, 'background', 0, true));
    const interactive = await Promise.all(Array.from({ length: 5 }, (_, n) => place(write(HEAVY, `k${n}`, 1))));
    expect(await background).toBeGreaterThan(Math.max(...interactive));
    await blocking;
  });

  it('never starve background calls', async () => {
    const { place } = placing();
    const many = Array.from({ length: 60 }, (_, n) => place(put(HEAVY, 'usr_a', `many${n}`, 5)));
    const patient = await place(put(LIGHT, 'usr_b', 'patient', 0, true));
    expect(patient).toBeLessThan(45);
    await Promise.all(many);
  });
});
