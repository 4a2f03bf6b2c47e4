import { afterEach, beforeEach, expect, test } from 'vitest';
import { type IdentityTestKit, openIdentityTestKit, type TestUser } from './identity-test-kit.ts';

let kit: IdentityTestKit;
let a: TestUser;
let b: TestUser;

beforeEach(async () => {
  kit = await openIdentityTestKit({ maxUsersPerService: 4, newServiceUsersPerMin: 5 });
  a = await kit.user('service a');
  b = await kit.user('service b');
});
afterEach(() => kit[Symbol.asyncDispose]());

test('a service acts for a user it names; the scopes that manage stay behind', async () => {
  const principal = await kit.identity.authenticate(a.secret, 'whatsapp:+41 79 000');
  expect(principal.caller).toMatchObject({ name: 'whatsapp:+41 79 000', group: a.user.id });
  expect(principal.caller.userId).not.toBe(a.user.id);
  expect(principal.credential).toEqual({ id: a.keyId, scopes: ['memory:read', 'memory:write'] });
  expect(await kit.identity.authenticate(a.secret, 'whatsapp:+41 79 000')).toBe(principal);
  expect((await kit.identity.space(principal, undefined)).payer).toBe(principal.caller.userId);
  expect((await kit.identity.authenticate(a.secret)).caller).toMatchObject({ userId: a.user.id, group: a.user.id });
});

test('namespaces never meet: names, ids and external ids of others are just texts', async () => {
  const people = [kit.owner.caller.userId, kit.owner.caller.name, b.user.id, 'service a'];
  const named = await Promise.all(people.map((text) => kit.identity.authenticate(a.secret, text)));
  const theirs = await kit.identity.authenticate(b.secret, 'owner');
  const ids = [...named, theirs, a.principal, b.principal, kit.owner].map(({ caller }) => caller.userId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(named.every(({ caller }) => caller.group === a.user.id)).toBe(true);
});

test('naming the id of a user another service named reaches nobody', async () => {
  const mine = await kit.identity.authenticate(a.secret, 'x');
  const attack = await kit.identity.authenticate(b.secret, mine.caller.userId);
  expect(attack.caller.userId).not.toBe(mine.caller.userId);
  const { id } = await kit.identity.space(mine, undefined);
  await expect(kit.identity.space(attack, id)).rejects.toMatchObject({ code: 'not_found' });
});

test('50 first sights at once make one user and cost one of the rate', async () => {
  const principals = await Promise.all(Array.from({ length: 50 }, () => kit.identity.authenticate(a.secret, 'new')));
  expect(new Set(principals.map(({ caller }) => caller.userId)).size).toBe(1);
  for (const name of ['2', '3', '4']) await kit.identity.authenticate(a.secret, name);
});

test('two nodes that see a user for the first time at once agree', async () => {
  await using other = kit.restart();
  const both = await Promise.all([kit.identity, other].flatMap((node) => Array.from({ length: 10 }, () => node.authenticate(a.secret, 'new'))));
  expect(new Set(both.map(({ caller }) => caller.userId)).size).toBe(1);
});

test('so many users of a service, so many new ones a minute, each service for itself', async () => {
  for (const name of ['1', '2', '3', '4']) await kit.identity.authenticate(a.secret, name);
  await expect(kit.identity.authenticate(a.secret, '5')).rejects.toMatchObject({ code: 'quota_exceeded' });
  await expect(kit.identity.authenticate(a.secret, '6')).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 60_000 });
  await kit.identity.authenticate(a.secret, '1');
  await kit.identity.authenticate(b.secret, '5');
  kit.clock.advance(60_000);
  await expect(kit.identity.authenticate(a.secret, '6')).rejects.toMatchObject({ code: 'quota_exceeded' });
});

test('only a key with the scope may name anybody', async () => {
  const plain = await kit.user('plain', ['memory:read']);
  await expect(kit.identity.authenticate(plain.secret, 'x')).rejects.toMatchObject({ code: 'forbidden' });
  await expect(kit.identity.authenticate(plain.secret, '')).rejects.toMatchObject({ code: 'forbidden' });
});

test.each(['', ' ', ' x', 'x ', 'a\nb', 'a\0b', '\u202eevil', 'x'.repeat(257), '\ud800'])('%j names nobody', async (text) => {
  await expect(kit.identity.authenticate(a.secret, text)).rejects.toMatchObject({ code: 'invalid_input' });
});

test('such a user never gets a key, nor manages anything', async () => {
  const principal = await kit.identity.authenticate(a.secret, 'x');
  const key = kit.identity.keys.create(kit.owner, { userId: principal.caller.userId, name: 'k' });
  await expect(key).rejects.toMatchObject({ code: 'conflict' });
  await expect(kit.identity.keys.create(principal, { name: 'k' })).rejects.toMatchObject({ code: 'forbidden' });
  await expect(kit.identity.users.update(kit.owner, principal.caller.userId, { role: 'admin' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(kit.identity.spaces.create(principal, 's')).rejects.toMatchObject({ code: 'forbidden' });
});

test('when the service, its key or the user goes, so does what rested on it', async () => {
  const { identity, owner } = kit;
  const first = await identity.authenticate(a.secret, 'x');
  await identity.users.update(owner, first.caller.userId, { status: 'disabled' });
  await expect(identity.authenticate(a.secret, 'x')).rejects.toMatchObject({ code: 'unauthenticated' });
  await identity.authenticate(a.secret, 'y');
  await identity.users.update(owner, a.user.id, { status: 'disabled' });
  expect(kit.changes).toContainEqual({ credentialId: a.keyId });
  await expect(identity.authenticate(a.secret, 'y')).rejects.toMatchObject({ code: 'unauthenticated' });
  const theirs = await identity.authenticate(b.secret, 'z');
  await identity.keys.revoke(owner, b.keyId);
  await expect(identity.authenticate(b.secret, 'z')).rejects.toMatchObject({ code: 'unauthenticated' });
  const { id } = await identity.space(theirs, undefined);
  expect(await identity.standIn(theirs.caller.userId, id)).toBeDefined();
  await identity.users.update(owner, b.user.id, { status: 'disabled' });
  expect(await identity.standIn(theirs.caller.userId, id)).toBeUndefined();
});
