import { afterEach, beforeEach, expect, test } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { createIds } from '../../kernel/ids.ts';
import { SCOPES } from '../../kernel/operation.ts';
import { IdentityService } from './service.ts';
import { type IdentityTestKit, openIdentityTestKit } from './identity-test-kit.ts';

let kit: IdentityTestKit;

beforeEach(async () => (kit = await openIdentityTestKit()));
afterEach(() => kit[Symbol.asyncDispose]());

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof PolymniaError ? `${error.code}: ${error.message} ${JSON.stringify(error.details)}` : 'no refusal';
}

test('the owner is made once, with a key that holds all scopes', async () => {
  expect(kit.owner.credential.scopes).toEqual(SCOPES);
  expect(kit.owner.caller).toMatchObject({ name: 'owner', timeZone: 'UTC', weight: 1 });
  expect(kit.owner.caller.group).toBe(kit.owner.caller.userId);
  expect(await kit.identity.bootstrap()).toBeUndefined();
});

test('the local credential speaks for the owner, on this start only', async () => {
  const local = await kit.identity.authenticate(kit.identity.localCredential);
  expect(local.caller.userId).toBe(kit.owner.caller.userId);
  expect(local.credential.scopes).toEqual(SCOPES);
  await using next = kit.restart();
  expect(await refusal(next.authenticate(kit.identity.localCredential))).toContain('unauthenticated');
  const { secret } = await kit.identity.keys.create(local, { name: 'made by the command line', scopes: ['admin'] });
  expect((await next.authenticate(secret)).credential.scopes).toEqual(['admin']);
});

test('unknown, malformed, revoked, expired, disabled, deleted: one text', async () => {
  const { identity, owner, clock } = kit;
  const [revoked, expiring, disabled, deleted] = [await kit.user('a'), await kit.user('b'), await kit.user('c'), await kit.user('d')];
  const { secret: short } = await identity.keys.create(owner, { userId: expiring.user.id, name: 'short', expiresAt: clock.now() + 1000 });
  await identity.authenticate(short);
  await identity.keys.revoke(owner, revoked.keyId);
  await identity.users.update(owner, disabled.user.id, { status: 'disabled' });
  await identity.deletions.deleteUser(owner, { userId: deleted.user.id, purgeAuthored: false, dryRun: false });
  clock.advance(1000);
  const secrets = [revoked.secret, short, disabled.secret, deleted.secret, createIds(clock).secret(), '', 'pmn_x', kit.ownerSecret.toUpperCase()];
  const texts = await Promise.all(secrets.map((secret) => refusal(identity.authenticate(secret))));
  expect(new Set(texts)).toEqual(new Set(['unauthenticated: The credential is missing or not valid. undefined']));
});

test('a principal stands until its key, user or service is lost, or its key expires; a change that takes nothing leaves it', async () => {
  const { identity, owner, clock } = kit;
  const [ann, ben] = [await kit.user('a'), await kit.user('b')];
  const proved = await identity.authenticate(ann.secret);
  const other = await identity.authenticate(ben.secret);
  await identity.users.update(owner, ann.user.id, { weight: 2 });
  expect([identity.stands(proved), identity.stands(other)]).toEqual([true, true]);
  await identity.keys.revoke(owner, ann.keyId);
  expect([identity.stands(proved), identity.stands(other)]).toEqual([false, true]);
  await identity.users.update(owner, ben.user.id, { status: 'disabled' });
  await identity.users.update(owner, ben.user.id, { status: 'active' });
  const again = await identity.authenticate(ben.secret);
  expect([identity.stands(other), identity.stands(again)]).toEqual([false, true]);
  const { secret } = await identity.keys.create(owner, { name: 'service', scopes: ['on_behalf', 'memory:read'], expiresAt: clock.now() + 1000 });
  const served = await identity.authenticate(secret, 'guest');
  expect(identity.stands(served)).toBe(true);
  clock.advance(1000);
  expect(identity.stands(served)).toBe(false);
});

test('enabling counts at once, although the refusal was remembered', async () => {
  const { user, secret } = await kit.user('a');
  await kit.identity.users.update(kit.owner, user.id, { status: 'disabled' });
  expect(await refusal(kit.identity.authenticate(secret))).toContain('unauthenticated');
  await kit.identity.users.update(kit.owner, user.id, { status: 'active' });
  expect((await kit.identity.authenticate(secret)).caller.userId).toBe(user.id);
});

test('a change is seen on the next call; one made behind our back after 30 s', async () => {
  const { user, secret, principal } = await kit.user('a');
  expect(await kit.identity.authenticate(secret)).toBe(principal);
  await kit.identity.users.update(kit.owner, user.id, { weight: 3, limits: { rate: { memory: 7 } } });
  expect((await kit.identity.authenticate(secret)).caller).toMatchObject({ weight: 3, limits: { rate: { memory: 7 } } });
  await using elsewhere = kit.restart();
  await elsewhere.users.update(kit.owner, user.id, { weight: 5 });
  kit.clock.advance(29_999);
  expect((await kit.identity.authenticate(secret)).caller.weight).toBe(3);
  kit.clock.advance(1);
  expect((await kit.identity.authenticate(secret)).caller.weight).toBe(5);
});

test('what was read before a revoke is not kept after it', async () => {
  const { secret, keyId } = await kit.user('a');
  const { store } = kit.deps;
  const hold = Promise.withResolvers<void>();
  const slowStore = { ...store, credentialByHash: async (hash: string) => (await Promise.all([store.credentialByHash(hash), hold.promise]))[0] };
  await using slow = new IdentityService({ ...kit.deps, store: slowStore });
  const reading = slow.authenticate(secret);
  await slow.keys.revoke(kit.owner, keyId);
  hold.resolve();
  await reading;
  expect(await refusal(slow.authenticate(secret))).toContain('unauthenticated');
});

test('a principal is shared and cannot be changed', () => {
  const { owner } = kit;
  for (const part of [owner, owner.caller, owner.caller.limits, owner.credential, owner.credential.scopes]) expect(Object.isFrozen(part)).toBe(true);
});

test('a role takes scopes away from keys made before', async () => {
  const { user } = await kit.user('a');
  await kit.identity.users.update(kit.owner, user.id, { role: 'admin' });
  const { secret } = await kit.identity.keys.create(kit.owner, { userId: user.id, name: 'k', scopes: ['admin', 'memory:read'] });
  expect((await kit.identity.authenticate(secret)).credential.scopes).toEqual(['admin', 'memory:read']);
  await kit.identity.users.update(kit.owner, user.id, { role: 'member' });
  expect((await kit.identity.authenticate(secret)).credential.scopes).toEqual(['memory:read']);
});

test('every loss of authority is told after it holds', async () => {
  const { identity, owner, changes } = kit;
  const a = await kit.user('a');
  const space = await identity.spaces.create(owner, 'team');
  changes.length = 0;
  const seen: string[] = [];
  identity.onAuthorityChange(() => seen.push(a.secret));
  const stop = identity.onAuthorityChange(() => seen.push('never'));
  stop();
  await identity.spaces.setMember(owner, space.id, a.user.id, 'editor');
  await identity.spaces.removeMember(owner, space.id, a.user.id);
  await identity.keys.revoke(owner, a.keyId);
  const b = await kit.user('b');
  await identity.users.update(owner, b.user.id, { weight: 2 });
  await identity.users.update(owner, b.user.id, { status: 'disabled' });
  await identity.spaces.delete(owner, space.id);
  expect(changes).toEqual([
    { userId: a.user.id, spaceId: space.id },
    { userId: a.user.id, spaceId: space.id },
    { credentialId: a.keyId },
    { userId: b.user.id },
    { credentialId: b.keyId },
    { spaceId: space.id },
  ]);
  expect(seen).toHaveLength(changes.length);
});

test('last use is written in batches, and at the end', async () => {
  const { identity, clock, deps } = kit;
  const a = await kit.user('a');
  const before = clock.now();
  for (let call = 0; call < 100; call++) await identity.authenticate(a.secret);
  expect((await deps.store.key(a.keyId))?.lastUsedAt).toBeUndefined();
  clock.advance(60_000);
  expect(clock.pending).toBe(0);
  await identity[Symbol.asyncDispose]();
  expect((await deps.store.key(a.keyId))?.lastUsedAt).toBe(before);
  clock.advance(100);
  await identity.authenticate(a.secret);
  await identity[Symbol.asyncDispose]();
  expect((await deps.store.key(a.keyId))?.lastUsedAt).toBe(clock.now());
  expect(clock.pending).toBe(0);
});

test('activity is of whoever calls, of the service and whom it acts for, and of jobs; written down once a minute', async () => {
  const { identity, clock, deps } = kit;
  let writes = 0;
  const touchUsers: typeof deps.store.touchUsers = (uses) => {
    writes += 1;
    return deps.store.touchUsers(uses);
  };
  const counting = { ...deps.store, touchUsers };
  await using other = new IdentityService({ ...deps, store: counting });
  const [a, b] = [await kit.user('a'), await kit.user('b')];
  const activeAt = async (userId: string): Promise<number | undefined> => (await deps.store.user(userId))?.lastActiveAt;
  const created = clock.now();
  clock.advance(1000);
  for (let call = 0; call < 50; call++) await other.authenticate(a.secret);
  const served = await other.authenticate(a.secret, 'guest');
  await other.authenticate(other.localCredential);
  expect([writes, await activeAt(a.user.id), other.activity.latest(a.user.id)]).toEqual([0, created, created + 1000]);
  await other.activity.flush();
  const ids = [a.user.id, served.caller.userId, kit.owner.caller.userId, b.user.id];
  expect([writes, ...(await Promise.all(ids.map(activeAt)))]).toEqual([1, created + 1000, created + 1000, created + 1000, created]);
  expect(other.activity.latest(a.user.id)).toBeUndefined();
  clock.advance(500);
  await other.standIn(b.user.id, (await identity.space(b.principal, undefined)).id);
  await other.activity.flush();
  expect(await activeAt(b.user.id)).toBe(created + 1500);
});
