import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OperationContext, Principal } from '../../kernel/operation.ts';
import { type IdentityTestKit, openIdentityTestKit, type TestUser } from './identity-test-kit.ts';
import { bindIdentityOperations, CleanUp, identityOperations } from './index.ts';

let kit: IdentityTestKit;
let ada: TestUser;
let bob: TestUser;

beforeEach(async () => {
  kit = await openIdentityTestKit();
  ada = await kit.user('Ada');
  bob = await kit.user('Bob');
});
afterEach(() => kit[Symbol.asyncDispose]());

async function failure(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
    return 'no failure';
  } catch (error) {
    const { code, message, details } = error as { code: string; message: string; details: unknown };
    return { code, message, details };
  }
}

test('a stranger meets a space, user or key as if it did not exist', async () => {
  const { identity } = kit;
  const space = await identity.spaces.create(ada.principal, 'ours');
  const { key } = await identity.space(ada.principal, space.id);
  const probes: ((id: string) => Promise<unknown>)[] = [
    (id) => identity.space(bob.principal, id),
    (id) => identity.spaces.listMembers(bob.principal, id, { limit: 10 }),
    (id) => identity.spaces.setMember(bob.principal, id, bob.user.id, 'owner'),
    (id) => identity.spaces.removeMember(bob.principal, id, ada.user.id),
    (id) => identity.spaces.removeMember(bob.principal, id, bob.user.id),
    (id) => identity.spaces.update(bob.principal, id, { payer: bob.user.id }),
    (id) => identity.spaces.delete(bob.principal, id),
    (id) => identity.keys.create(bob.principal, { name: 'k', spaces: [id] }),
  ];
  const personal = (await identity.space(ada.principal, undefined)).id;
  for (const probe of probes) {
    const random = await failure(() => probe('space_00000000000000000000000000'));
    expect(random).toMatchObject({ code: 'not_found', message: 'No such space.' });
    expect(await failure(() => probe(space.id))).toEqual(random);
    expect(await failure(() => probe(personal))).toEqual(random);
  }
  expect(await failure(() => identity.spaceByKey(bob.principal, key))).toEqual(
    await failure(() => identity.spaceByKey(bob.principal, 'f'.repeat(16))),
  );
  const users: ((id: string) => Promise<unknown>)[] = [
    (id) => identity.keys.list(bob.principal, { userId: id, limit: 10 }),
    (id) => identity.keys.create(bob.principal, { userId: id, name: 'k' }),
  ];
  for (const probe of users) expect(await failure(() => probe(ada.user.id))).toEqual(await failure(() => probe('user_none')));
  expect(await failure(() => identity.keys.revoke(bob.principal, ada.keyId))).toEqual(
    await failure(() => identity.keys.revoke(bob.principal, 'key_none')),
  );
  expect(kit.spaceData.dropped).toEqual([]);
});

test('members see and do what their role says, from the next call on', async () => {
  const { identity } = kit;
  const space = await identity.spaces.create(ada.principal, 'ours');
  await identity.spaces.setMember(ada.principal, space.id, bob.user.id, 'reader');
  expect(await identity.space(bob.principal, space.id)).toMatchObject({ role: 'reader', payer: ada.user.id, personal: false });
  expect((await identity.readableSpaces(bob.principal)).map(({ personal }) => personal)).toEqual([true, false]);
  await expect(identity.spaces.setMember(bob.principal, space.id, bob.user.id, 'owner')).rejects.toMatchObject({ code: 'forbidden' });
  await expect(identity.spaces.delete(bob.principal, space.id)).rejects.toMatchObject({ code: 'forbidden' });
  await identity.spaces.setMember(ada.principal, space.id, bob.user.id, 'owner');
  expect(await identity.space(bob.principal, space.id)).toMatchObject({ role: 'owner' });
  await expect(identity.spaces.update(ada.principal, space.id, { payer: bob.user.id })).rejects.toMatchObject({ code: 'forbidden' });
  await identity.spaces.update(bob.principal, space.id, { payer: bob.user.id });
  expect(await identity.space(ada.principal, space.id)).toMatchObject({ payer: bob.user.id });
  await identity.spaces.removeMember(ada.principal, space.id, ada.user.id);
  await expect(identity.space(ada.principal, space.id)).rejects.toMatchObject({ code: 'not_found' });
  expect(await identity.spaces.listMembers(kit.owner, space.id, { limit: 10 })).toMatchObject({ items: [{ userId: bob.user.id, role: 'owner' }] });
});

test("the payer's own limit is seen at once in every space it pays for", async () => {
  const { identity, owner } = kit;
  const space = await identity.spaces.create(ada.principal, 'ours');
  await identity.spaces.setMember(ada.principal, space.id, bob.user.id, 'editor');
  expect((await identity.space(bob.principal, space.id)).payerStorageBytes).toBeUndefined();
  await identity.users.update(owner, ada.user.id, { limits: { storageBytes: 77 } });
  expect((await identity.space(bob.principal, space.id)).payerStorageBytes).toBe(77);
});

test('a key limited to spaces stays there, and so do its children', async () => {
  const { identity } = kit;
  const space = await identity.spaces.create(ada.principal, 'ours');
  const scopes = ['memory:read', 'keys:manage', 'spaces:manage'] as const;
  const { secret } = await identity.keys.create(ada.principal, { name: 'narrow', scopes, spaces: [space.id], expiresAt: kit.clock.now() + 1000 });
  const narrow = await identity.authenticate(secret);
  expect((await identity.space(narrow, space.id)).id).toBe(space.id);
  await expect(identity.space(narrow, undefined)).rejects.toMatchObject({ code: 'not_found' });
  expect(await identity.readableSpaces(narrow)).toHaveLength(1);
  expect((await identity.profile(narrow)).spaces.map(({ id }) => id)).toEqual([space.id]);
  await expect(identity.spaces.create(narrow, 'new')).rejects.toMatchObject({ code: 'forbidden' });
  const child = await identity.keys.create(narrow, { name: 'child', scopes: ['memory:read'] });
  expect(child.key).toMatchObject({ spaces: [space.id], expiresAt: kit.clock.now() + 1000 });
  const personal = (await identity.space(ada.principal, undefined)).id;
  for (const wish of [{ spaces: [personal] }, { scopes: ['memory:write'] as const }, { expiresAt: kit.clock.now() + 1001 }]) {
    await expect(identity.keys.create(narrow, { name: 'more', scopes: ['memory:read'], ...wish })).rejects.toMatchObject({ code: 'forbidden' });
  }
});

test('a key that names no scopes may remember and search code, as far as its creator may', async () => {
  const { identity } = kit;
  const scopesOf = async (creator: Parameters<typeof identity.keys.create>[0]) => (await identity.keys.create(creator, { name: 'plain' })).key.scopes;
  expect(await scopesOf(kit.owner)).toEqual(['memory:read', 'memory:write', 'code:read', 'code:write', 'chat']);
  const before = await kit.user('before code', ['memory:read', 'memory:write', 'keys:manage']);
  expect(await scopesOf(before.principal)).toEqual(['memory:read', 'memory:write']);
  const none = await kit.user('none of them', ['keys:manage']);
  await expect(identity.keys.create(none.principal, { name: 'plain' })).rejects.toMatchObject({ code: 'forbidden' });
});

test('only administrators make keys for others, and none holds admin without the role', async () => {
  const { identity, owner } = kit;
  await expect(identity.keys.create(owner, { userId: ada.user.id, name: 'k', scopes: ['admin'] })).rejects.toMatchObject({ code: 'forbidden' });
  await expect(identity.keys.create(ada.principal, { name: 'k', scopes: ['admin'] })).rejects.toMatchObject({ code: 'forbidden' });
  const noManage = await kit.user('plain', ['memory:read']);
  await expect(identity.keys.create(noManage.principal, { name: 'k' })).rejects.toMatchObject({ code: 'forbidden' });
  await expect(identity.keys.create(ada.principal, { name: 'k', expiresAt: kit.clock.now() })).rejects.toMatchObject({ code: 'invalid_input' });
});

test('deleting a user: a rehearsal, then a report of what went and what stayed', async () => {
  const { identity, owner, spaceData } = kit;
  const space = await identity.spaces.create(owner, 'team');
  await identity.spaces.setMember(owner, space.id, ada.user.id, 'editor');
  const { id, key } = await identity.space(ada.principal, undefined);
  const request = { userId: ada.user.id, purgeAuthored: false };
  const gone = { keys: 1, memberships: 1, authored: [] };
  const stayed = { author: ada.user.id, sharedSpaces: [{ id: space.id, name: 'team' }] };
  const rehearsal = await identity.deletions.deleteUser(owner, { ...request, dryRun: true });
  expect(rehearsal).toEqual({ userId: ada.user.id, dryRun: true, gone: { ...gone, personalSpace: { id } }, stayed });
  expect(spaceData.dropped).toEqual([]);
  const report = await identity.deletions.deleteUser(owner, { ...request, dryRun: false });
  expect(report).toEqual({ userId: ada.user.id, dryRun: false, gone: { ...gone, personalSpace: { id, bytes: 4096 } }, stayed });
  expect(spaceData.dropped).toEqual([key]);
  expect(spaceData.purged).toEqual([]);
  await expect(identity.deletions.deleteUser(owner, { ...request, dryRun: false })).rejects.toMatchObject({ code: 'not_found' });
  const trail = await identity.audit(owner, { subject: ada.user.id, limit: 10 });
  expect(trail.items.map(({ action }) => action)).toEqual(['delete_user_done', 'delete_user', 'create_user']);
});

test('purging looks into every shared space, also one the user has left', async () => {
  const { identity, owner, spaceData } = kit;
  const left = await identity.spaces.create(owner, 'left');
  await identity.spaces.setMember(owner, left.id, ada.user.id, 'editor');
  await identity.spaces.removeMember(owner, left.id, ada.user.id);
  const report = await identity.deletions.deleteUser(owner, { userId: ada.user.id, purgeAuthored: true, dryRun: false });
  expect(report.gone.authored).toEqual([{ spaceId: left.id, removed: 3 }]);
  expect(report.stayed.sharedSpaces).toEqual([]);
  expect(spaceData.purged).toHaveLength(1);
});

test('whoever counts storage is told when a space changes its payer, goes, or is purged', async () => {
  const { identity, owner } = kit;
  const told: string[] = [];
  const stop = identity.onAccountChange(async (payer) => void told.push(payer));
  const space = await identity.spaces.create(owner, 'ours');
  await identity.spaces.setMember(owner, space.id, ada.user.id, 'owner');
  await identity.spaces.update(owner, space.id, { name: 'still ours' });
  expect(told).toEqual([]);
  await identity.spaces.update(owner, space.id, { payer: ada.user.id });
  expect(told.splice(0).toSorted()).toEqual([owner.caller.userId, ada.user.id].toSorted());
  await identity.deletions.deleteUser(owner, { userId: bob.user.id, purgeAuthored: true, dryRun: false });
  expect(told.splice(0)).toEqual([ada.user.id, bob.user.id]);
  await identity.spaces.delete(owner, space.id);
  expect(told.splice(0)).toEqual([ada.user.id]);
  stop();
});

describe('how long conversations of a space are kept', () => {
  const HOUR = 3_600_000;

  test('is said by its owner, of the personal space too, and by administrators; by nobody else', async () => {
    const { identity, owner } = kit;
    const personal = await identity.space(ada.principal, undefined);
    const shared = await identity.spaces.create(ada.principal, 'ours');
    await identity.spaces.setMember(ada.principal, shared.id, bob.user.id, 'editor');
    const keep = (who: Principal, spaceId: string, conversationRetention: number | null = HOUR): Promise<unknown> =>
      identity.spaces.update(who, spaceId, { conversationRetention });
    await expect(keep(bob.principal, personal.id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(keep(bob.principal, shared.id)).rejects.toMatchObject({ code: 'forbidden' });
    await identity.spaces.setMember(ada.principal, shared.id, owner.caller.userId, 'reader');
    const { secret } = await identity.keys.create(owner, { name: 'limited', scopes: ['admin', 'spaces:manage'], spaces: [shared.id] });
    await expect(identity.authenticate(secret).then((limited) => keep(limited, personal.id))).rejects.toMatchObject({ code: 'not_found' });
    const { principal: plain } = await kit.user('plain', ['memory:read']);
    await expect(keep(plain, (await identity.space(plain, undefined)).id)).rejects.toMatchObject({ code: 'forbidden' });

    for (const [who, spaceId] of [
      [ada.principal, personal.id],
      [ada.principal, shared.id],
      [owner, personal.id],
      [owner, shared.id],
    ] as const) {
      expect(await keep(who, spaceId)).toMatchObject({ id: spaceId, conversationRetention: HOUR });
      expect(await identity.space(ada.principal, spaceId)).toMatchObject({ conversationRetention: HOUR });
      await keep(who, spaceId, null);
      expect(await identity.space(ada.principal, spaceId)).not.toHaveProperty('conversationRetention');
    }
    const { items } = await identity.audit(owner, { subject: personal.id, limit: 10 });
    expect(items.map(({ actor, facts }) => [actor, facts])).toEqual(
      [owner.caller.userId, ada.user.id].flatMap((actor) => [null, HOUR].map((conversationRetention) => [actor, { conversationRetention }])),
    );
  });

  test('is all that administrators reach of a personal space', async () => {
    const { identity, owner } = kit;
    const { id } = await identity.space(ada.principal, undefined);
    for (const edit of [{}, { name: 'x' }, { name: 'x', conversationRetention: HOUR }]) {
      await expect(identity.spaces.update(owner, id, edit)).rejects.toMatchObject({ code: 'not_found' });
      await expect(identity.spaces.update(ada.principal, id, edit)).rejects.toMatchObject({ code: 'conflict' });
    }
    await expect(identity.spaces.delete(owner, id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(identity.spaces.listMembers(owner, id, { limit: 1 })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is told to whoever keeps them, after the commit and before the answer, and stays when that fails', async () => {
    const { identity } = kit;
    const { id, key } = await identity.space(ada.principal, undefined);
    const told: unknown[] = [];
    let isFull = false;
    identity.onRetentionChange(async (spaceKey) => {
      told.push([spaceKey, (await identity.account(spaceKey))?.conversationRetention]);
      if (isFull) throw new Error('disk');
    });
    await identity.spaces.update(ada.principal, id, { conversationRetention: HOUR });
    await identity.spaces.update(ada.principal, id, { conversationRetention: HOUR });
    expect(told).toEqual([
      [key, HOUR],
      [key, HOUR],
    ]);
    isFull = true;
    await expect(identity.spaces.update(ada.principal, id, { conversationRetention: 2 * HOUR })).rejects.toThrow('disk');
    expect(await identity.space(ada.principal, undefined)).toMatchObject({ conversationRetention: 2 * HOUR });
  });
});

test('a payer or last owner is not deleted; the spaces are named', async () => {
  const { identity, owner } = kit;
  const space = await identity.spaces.create(ada.principal, 'ours');
  for (const dryRun of [true, false]) {
    await expect(identity.deletions.deleteUser(owner, { userId: ada.user.id, purgeAuthored: false, dryRun })).rejects.toMatchObject({
      code: 'conflict',
      details: { spaces: [{ id: space.id, name: 'ours', reason: 'payer' }] },
    });
  }
  await identity.spaces.setMember(owner, space.id, bob.user.id, 'owner');
  await identity.spaces.update(owner, space.id, { payer: bob.user.id });
  await identity.deletions.deleteUser(owner, { userId: ada.user.id, purgeAuthored: false, dryRun: false });
});

test('a deletion that breaks off between the files is ended at the next start, or by asking again', async () => {
  const { identity, owner, spaceData } = kit;
  spaceData.failing = new Error('disk');
  for (const { user } of [ada, bob]) {
    await expect(identity.deletions.deleteUser(owner, { userId: user.id, purgeAuthored: false, dryRun: false })).rejects.toThrow('disk');
  }
  await expect(identity.authenticate(ada.secret)).rejects.toMatchObject({ code: 'unauthenticated' });
  spaceData.failing = undefined;
  const again = await identity.deletions.deleteUser(owner, { userId: bob.user.id, purgeAuthored: false, dryRun: false });
  expect(again.gone.personalSpace.bytes).toBe(4096);
  await using restarted = kit.restart();
  expect(await restarted.resumeIntents()).toBe(1);
  expect(spaceData.dropped).toHaveLength(2);
  expect(await restarted.resumeIntents()).toBe(0);
});

test('lists go page by page; a made-up cursor is refused', async () => {
  const { identity, owner } = kit;
  const first = await identity.users.list(owner, { limit: 2 });
  const second = await identity.users.list(owner, { limit: 2, cursor: first.nextCursor });
  expect(first.items).toHaveLength(2);
  expect([...first.items, ...second.items].map(({ name }) => name).toSorted()).toEqual(['Ada', 'Bob', 'owner']);
  expect(second.nextCursor).toBeUndefined();
  await expect(identity.users.list(owner, { limit: 2, cursor: "1' or 1" })).rejects.toMatchObject({ code: 'invalid_input' });
  expect((await identity.users.list(owner, { limit: 2, name: 'ADA' })).items).toHaveLength(1);
});

const context = ({ caller, credential }: Principal): OperationContext => ({ caller, credential }) as OperationContext;
const REPORT = { rates: [], storage: { usedBytes: 1, limitBytes: 2 }, running: 0, waiting: 0 };

test('every operation answers in the form it declares', async () => {
  const spaces = { letGo: async () => false, archive: async () => 'absent' as const, isArchived: () => false, bytes: async () => 1 };
  const { store, clock, logger } = kit.deps;
  const cleanUp = new CleanUp({ store, clock, logger, activity: kit.identity.activity, spaces, inactiveAfterMs: 1, archiveAfterMs: 1 });
  const bound = new Map(
    bindIdentityOperations({ identity: kit.identity, standing: { of: async () => REPORT }, cleanUp }).map((row) => [row.name, row]),
  );
  const call = async (name: string, input: Record<string, unknown>, who: Principal = kit.owner): Promise<Record<string, Record<string, unknown>>> => {
    const operation = bound.get(name);
    if (operation === undefined) throw new Error(`no operation ${name}`);
    const output: unknown = await operation.run(operation.input.parse(input), context(who));
    expect(operation.output.parse(output), name).toEqual(output);
    return output as Record<string, Record<string, unknown>>;
  };
  const { user } = await call('create_user', { name: 'Eve', timeZone: 'Europe/Zurich', limits: { storageBytes: 9 } });
  const userId = user?.['id'];
  const { space } = await call('create_space', { name: 'team' });
  const spaceId = space?.['id'];
  await call('update_user', { userId, limits: { rate: { memory: 5 } }, weight: 2 });
  await call('list_users', {});
  const { key, secret } = await call('create_key', { userId, name: 'k', expiresAt: '2100-01-01T00:00:00Z' });
  expect(await call('whoami', {}, await kit.identity.authenticate(String(secret)))).toMatchObject({
    user: { name: 'Eve' },
    credential: { name: 'k' },
  });
  await call('list_keys', { userId });
  await call('revoke_key', { keyId: key?.['id'] });
  await call('set_member', { spaceId, userId, role: 'editor' });
  await call('list_members', { spaceId });
  await call('remove_member', { spaceId, userId });
  await call('update_space', { spaceId, name: 'team 2', conversationRetention: 3_600_000 });
  for (const conversationRetention of [0, 3_599_999, 3_600_000.5, 1e15]) {
    await expect(call('update_space', { spaceId, conversationRetention })).rejects.toThrow('conversationRetention');
  }
  await call('list_spaces', { all: true });
  await call('delete_user', { userId, dryRun: true });
  await call('delete_user', { userId });
  await call('delete_space', { spaceId });
  await call('list_audit', { limit: 100 });
  expect(await call('clean_up', { dryRun: true })).toMatchObject({ dryRun: true, idleUsers: 0 });
  expect(JSON.stringify(await call('list_audit', {}))).not.toContain(String(secret));
  expect(bound.get('whoami')?.rateCost({})).toBe(0);
});

test('administration is hidden from models and refuses what it does not know', () => {
  const shown = identityOperations.filter(({ hiddenFromModels }) => hiddenFromModels !== true).map(({ name }) => name);
  expect(shown).toEqual(['whoami']);
  const createUser = identityOperations.find(({ name }) => name === 'create_user');
  expect(createUser?.input.safeParse({ name: 'x', isAdmin: true }).success).toBe(false);
  expect(createUser?.input.safeParse({ name: 'x\u0007' }).success).toBe(false);
  expect(createUser?.input.safeParse({ name: 'x', timeZone: 'Mars/Phobos' }).success).toBe(false);
});
