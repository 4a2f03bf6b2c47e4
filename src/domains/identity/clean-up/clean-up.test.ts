import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../kernel/logger.ts';
import { type IdentityTestKit, openIdentityTestKit, type TestUser } from '../identity-test-kit.ts';
import type { ArchiveOutcome, IdleSpaces } from '../ports.ts';
import { CleanUp, type CleanUpDeps, type CleanUpRequest } from './clean-up.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let kit: IdentityTestKit;
let spaces: SpacesOfTest;
let lines: string[];
let rests: number[];

/** Spaces with 100 bytes each that do as they are told. */
class SpacesOfTest implements IdleSpaces {
  readonly letGoOf: string[] = [];
  readonly archived = new Set<string>();
  readonly empty = new Set<string>();
  failing: ReadonlySet<string> | 'all' = new Set();
  onArchive: (space: string) => Promise<void> = async () => {};

  async letGo(space: string): Promise<boolean> {
    this.letGoOf.push(space);
    return true;
  }

  async archive(space: string): Promise<ArchiveOutcome> {
    await this.onArchive(space);
    if (this.failing === 'all' || this.failing.has(space)) throw new Error('the disk');
    if (this.empty.has(space)) return 'absent';
    this.archived.add(space);
    return { fileBytes: 100, packedBytes: 30 };
  }

  isArchived(space: string): boolean {
    return this.archived.has(space);
  }

  async bytes(space: string): Promise<number> {
    return this.empty.has(space) ? 0 : 100;
  }
}

beforeEach(async () => {
  kit = await openIdentityTestKit();
  spaces = new SpacesOfTest();
  lines = [];
  rests = [];
});
afterEach(() => kit[Symbol.asyncDispose]());

function cleanUp(options: Partial<CleanUpDeps> = {}): CleanUp {
  const { clock, deps, identity } = kit;
  return new CleanUp({
    store: deps.store,
    activity: identity.activity,
    spaces,
    // Rests are noted, and over at once.
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(ms, run) {
        rests.push(ms);
        const immediate = setImmediate(run);
        return () => clearImmediate(immediate);
      },
    },
    logger: {
      ...silentLogger,
      info: (message, fields) => void lines.push(`${message} ${String(fields?.['userId'] ?? fields?.['spaceId'])} ${String(fields?.['action'])}`),
    },
    inactiveAfterMs: DAY,
    archiveAfterMs: 30 * DAY,
    ...options,
  });
}

const request = (extra: Partial<CleanUpRequest> = {}): CleanUpRequest => ({ dryRun: false, signal: new AbortController().signal, ...extra });
const keyOf = async ({ principal }: TestUser): Promise<string> => (await kit.identity.space(principal, undefined)).key;

/** The longest away first. */
async function people(): Promise<{ readonly old: TestUser; readonly away: TestUser; readonly here: TestUser }> {
  const [old, away, here] = [await kit.user('old'), await kit.user('away'), await kit.user('here')];
  kit.clock.advance(40 * DAY);
  for (const { secret } of [away, here]) await kit.identity.authenticate(secret);
  await kit.identity.authenticate(kit.ownerSecret);
  kit.clock.advance(25 * HOUR);
  await kit.identity.authenticate(here.secret);
  await kit.identity.authenticate(kit.ownerSecret);
  return { old, away, here };
}

test('closes what is open of those away for a day, archives those away for a month, and tells of each', async () => {
  const { old, away } = await people();
  const report = await cleanUp().run(request());
  expect(report).toMatchObject({ idleUsers: 2, archived: 1, letGo: 1, inUse: 0, failed: 0, bytesBefore: 100, bytesAfter: 30, complete: true });
  expect(report.items).toMatchObject([
    { userId: old.user.id, action: 'archived' },
    { userId: away.user.id, action: 'let_go' },
  ]);
  expect([...spaces.archived]).toEqual([await keyOf(old)]);
  expect(spaces.letGoOf).toEqual([await keyOf(old), await keyOf(away)]);
  expect(lines).toEqual([`clean-up ${old.user.id} archived`, `clean-up ${away.user.id} let_go`]);
  expect(JSON.stringify(report)).not.toContain(await keyOf(old));
  expect(await cleanUp().run(request())).toMatchObject({ idleUsers: 2, archived: 0, alreadyArchived: 1, letGo: 1 });
});

test('never archives where that is switched off', async () => {
  await people();
  expect(await cleanUp({ archiveAfterMs: 0 }).run(request())).toMatchObject({ archived: 0, letGo: 2, bytesBefore: 0 });
});

test('a dry run tells, and changes nothing', async () => {
  const { old, away } = await people();
  const report = await cleanUp().run(request({ dryRun: true }));
  expect(report).toMatchObject({ dryRun: true, idleUsers: 2, archived: 1, letGo: 1, bytesBefore: 100, bytesAfter: 0 });
  expect(report.items).toMatchObject([
    { userId: old.user.id, action: 'archived' },
    { userId: away.user.id, action: 'let_go' },
  ]);
  expect([spaces.letGoOf, [...spaces.archived], lines]).toEqual([[], [], []]);
});

test('users of services and disabled ones are idle like others; deleted ones are gone; empty spaces are no work', async () => {
  const [service, disabled, deleted, empty] = [
    await kit.user('service'),
    await kit.user('disabled'),
    await kit.user('deleted'),
    await kit.user('empty'),
  ];
  const served = await kit.identity.authenticate(service.secret, 'guest');
  spaces.empty.add(await keyOf(empty));
  await kit.identity.users.update(kit.owner, disabled.user.id, { status: 'disabled' });
  await kit.identity.deletions.deleteUser(kit.owner, { userId: deleted.user.id, purgeAuthored: false, dryRun: false });
  kit.clock.advance(31 * DAY);
  for (const secret of [kit.ownerSecret, service.secret]) await kit.identity.authenticate(secret);
  const dry = await cleanUp().run(request({ dryRun: true }));
  expect(new Set(dry.items.map(({ userId }) => userId))).toEqual(new Set([disabled.user.id, served.caller.userId]));
  expect(await cleanUp().run(request())).toMatchObject({ idleUsers: 3, archived: 2, letGo: 1 });
});

test('a shared space is idle when all its members are', async () => {
  const [ann, ben] = [await kit.user('ann'), await kit.user('ben')];
  const both = await kit.identity.spaces.create(ann.principal, 'both');
  await kit.identity.spaces.setMember(ann.principal, both.id, ben.user.id, 'reader');
  const own = await kit.identity.spaces.create(ann.principal, 'own');
  kit.clock.advance(31 * DAY);
  await kit.identity.authenticate(ben.secret);
  expect(await cleanUp().run(request())).toMatchObject({ idleSharedSpaces: 1, failed: 0 });
  expect([spaces.archived.has(own.key), spaces.archived.has(both.key)]).toEqual([true, false]);
  kit.clock.advance(31 * DAY);
  await cleanUp().run(request());
  expect(spaces.archived.has(both.key)).toBe(true);
});

test('whoever comes back meanwhile is left alone, with the shared spaces', async () => {
  const first = await kit.user('first');
  kit.clock.advance(1);
  const second = await kit.user('second');
  const shared = await kit.identity.spaces.create(second.principal, 'shared');
  kit.clock.advance(31 * DAY);
  await kit.identity.authenticate(kit.ownerSecret);
  spaces.onArchive = async () => void (await kit.identity.authenticate(second.secret));
  const report = await cleanUp().run(request());
  expect(report.items).toMatchObject([
    { userId: first.user.id, action: 'archived' },
    { userId: second.user.id, action: 'in_use' },
    { spaceId: shared.id, action: 'in_use' },
  ]);
  expect([spaces.letGoOf, [...spaces.archived]]).toEqual([[await keyOf(first)], [await keyOf(first)]]);
});

test('what fails is told and costs the others nothing; a disk that fails for all ends the run', async () => {
  const users = await Promise.all(Array.from({ length: 8 }, (_, n) => kit.user(`u${n}`)));
  kit.clock.advance(31 * DAY);
  await kit.identity.authenticate(kit.ownerSecret);
  const keys = await Promise.all(users.map(keyOf));
  spaces.failing = new Set(keys.slice(0, 3));
  spaces.empty.add(keys[7] ?? '');
  expect(await cleanUp().run(request())).toMatchObject({ archived: 4, failed: 3, letGo: 1, complete: true });
  spaces.archived.clear();
  spaces.failing = 'all';
  expect(await cleanUp().run(request())).toMatchObject({ idleUsers: 5, archived: 0, failed: 5, complete: false });
});

test('rests after each archived space twice as long as that took, ends by itself before its limit, and between users when told', async () => {
  for (const name of ['1', '2', '3']) await kit.user(name);
  kit.clock.advance(31 * DAY);
  await kit.identity.authenticate(kit.ownerSecret);
  spaces.onArchive = async () => kit.clock.advance(70);
  await cleanUp().run(request());
  expect(rests).toEqual([140, 140, 140]);
  spaces.archived.clear();
  spaces.onArchive = async () => kit.clock.advance(HOUR);
  expect(await cleanUp().run(request())).toMatchObject({ archived: 1, complete: false });
  spaces.archived.clear();
  const controller = new AbortController();
  spaces.onArchive = async () => controller.abort();
  await expect(cleanUp().run(request({ signal: controller.signal }))).rejects.toMatchObject({ code: 'cancelled' });
  expect(spaces.archived.size).toBe(1);
});

test('runs once at a time; a dry run may look on', async () => {
  await people();
  const tidying = cleanUp();
  const held = Promise.withResolvers<void>();
  spaces.onArchive = () => held.promise;
  const running = tidying.run(request());
  await expect(tidying.run(request())).rejects.toMatchObject({ code: 'conflict' });
  expect(await tidying.run(request({ dryRun: true }))).toMatchObject({ idleUsers: 2 });
  held.resolve();
  await running;
  expect(await tidying.run(request())).toMatchObject({ alreadyArchived: 1 });
});

test('goes through all pages, whoever moves between them', async () => {
  for (let n = 0; n < 130; n += 1) await kit.identity.users.create(kit.owner, { name: `user ${n}` });
  kit.clock.advance(31 * DAY);
  await kit.identity.authenticate(kit.ownerSecret);
  const seen: number[] = [];
  expect(await cleanUp().run(request({ onProgress: (done) => void seen.push(done) }))).toMatchObject({ idleUsers: 130, archived: 130 });
  expect([seen.length, seen.at(-1), spaces.archived.size]).toEqual([130, 130, 130]);
});
