import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AuditEntry, DeletionIntent, Space } from '../../domains/identity/model.ts';
import type { IdentityStore, ListPage, NewKey, NewServiceUser, NewUser } from '../../domains/identity/store.ts';

/** An implementation under test, on storage of its own that nothing else uses. */
export interface IdentityStoreUnderTest extends AsyncDisposable {
  readonly store: IdentityStore;
  /** Spaces with noted work of kind `retention`, and since when. */
  retentionWork(): Promise<readonly { readonly space: string; readonly dueAt: number }[]>;
}

const AT = 1_800_000_000_000;
let serial = 0;

function id(prefix: string): string {
  return `${prefix}_${String(++serial).padStart(6, '0')}`;
}

export function someUser(name: string, fields: Partial<NewUser> = {}): NewUser {
  const key = (++serial).toString(16).padStart(16, '0');
  const personal = { id: id('space'), key };
  return {
    id: id('user'),
    name,
    nameKey: name.toLowerCase(),
    role: 'member',
    timeZone: 'UTC',
    weight: 1,
    limits: {},
    createdAt: AT + serial,
    personal,
    ...fields,
  };
}

function someKey(userId: string, fields: Partial<NewKey> = {}): NewKey {
  const hash = (++serial).toString(16).padStart(64, '0');
  return { id: id('key'), userId, name: 'k', hash, scopes: ['memory:read'], createdAt: AT + serial, createdBy: userId, ...fields };
}

function someSpace(payer: string, name = 'team'): Space {
  return { id: id('space'), key: (++serial).toString(16).padStart(16, '0'), name, kind: 'shared', payer, createdAt: AT + serial };
}

function audit(subject = 'x', action = 'test'): AuditEntry {
  return { at: AT, actor: 'user_actor', credential: 'key_actor', action, subject, facts: { n: 1 } };
}

function intentFor(subject: DeletionIntent['subject'], spaceKey: string): DeletionIntent {
  return { id: id('intent'), subject, spaceKey, purgeAuthored: false, createdAt: AT + ++serial };
}

/** What every identity store must do, whatever it stands on. */
export function describeIdentityStore(name: string, open: () => Promise<IdentityStoreUnderTest>): void {
  describe(`identity store: ${name}`, () => {
    let subject: IdentityStoreUnderTest;
    let store: IdentityStore;
    let admin: NewUser;
    let adminKey: NewKey;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
      admin = someUser('Root', { role: 'admin' });
      adminKey = someKey(admin.id, { scopes: ['admin', 'memory:read'] });
      expect(await store.createFirst(admin, adminKey, audit())).toBe(true);
    });
    afterEach(async () => subject[Symbol.asyncDispose]());

    const createUser = async (userName: string, fields?: Partial<NewUser>): Promise<NewUser> => {
      const user = someUser(userName, fields);
      await store.createUser(user, audit(user.id));
      return user;
    };
    const serviceUser = (serviceId: string, externalId: string): NewServiceUser => ({
      ...someUser(externalId),
      service: { id: serviceId, externalId },
    });
    const guard = (): { creator: string; creatorKey: string; needsAdmin: boolean } => ({
      creator: admin.id,
      creatorKey: adminKey.id,
      needsAdmin: true,
    });

    test('the first user is made once only, and is the owner', async () => {
      const second = someUser('Other', { role: 'admin' });
      expect(await store.createFirst(second, someKey(second.id), audit())).toBe(false);
      expect(await store.user(second.id)).toBeUndefined();
      expect((await store.owner())?.id).toBe(admin.id);
    });

    test('a user comes back as given, with an own personal space', async () => {
      const user = await createUser('Ada', { weight: 2.5, limits: { storageBytes: 5, rate: { memory: 3 } }, timeZone: 'Europe/Zurich' });
      const { nameKey: _key, personal, ...fields } = user;
      expect(await store.user(user.id)).toEqual({ ...fields, status: 'active', lastActiveAt: user.createdAt });
      expect(await store.access(user.id, { by: 'personal' })).toEqual({
        id: personal.id,
        key: personal.key,
        role: 'owner',
        payer: user.id,
        payerStorageBytes: 5,
        personal: true,
      });
      expect(await store.spacesPaidBy(user.id)).toEqual([personal.key]);
    });

    test('names are unique without regard to case; a refused user leaves no trace', async () => {
      await createUser('Ada');
      const twin = someUser('ADA');
      await expect(store.createUser(twin, audit())).rejects.toMatchObject({ code: 'conflict' });
      expect(await store.access(twin.id, { by: 'personal' })).toBeUndefined();
      expect((await store.users({ nameKey: 'ada' }, { limit: 10 })).map(({ name: stored }) => stored)).toEqual(['Ada']);
    });

    test('credentials are found by hash, with their user', async () => {
      const found = await store.credentialByHash(adminKey.hash);
      const { hash: _hash, ...key } = adminKey;
      expect(found?.key).toEqual(key);
      expect(found?.user.id).toBe(admin.id);
      expect(await store.credentialByHash('f'.repeat(64))).toBeUndefined();
    });

    test('many first sights at once make one user; namespaces are apart', async () => {
      const a = await createUser('service a');
      const b = await createUser('service b');
      const claims = await Promise.all(Array.from({ length: 50 }, () => store.claimServiceUser(serviceUser(a.id, 'ext'), 10)));
      expect(new Set(claims.map(({ user }) => user.id)).size).toBe(1);
      expect(claims.filter(({ created }) => created)).toHaveLength(1);
      const other = await store.claimServiceUser(serviceUser(b.id, 'ext'), 10);
      expect(other.created).toBe(true);
      expect((await store.userByExternalId(a.id, 'ext'))?.id).toBe(claims[0]?.user.id);
      expect((await store.userByExternalId(b.id, 'ext'))?.id).toBe(other.user.id);
      expect(await store.userByExternalId(a.id, b.id)).toBeUndefined();
    });

    test('a service user may be called as a person is, and is not listed among people', async () => {
      const service = await createUser('svc');
      const { user } = await store.claimServiceUser(serviceUser(service.id, 'root'), 10);
      expect(user.id).not.toBe(admin.id);
      expect((await store.users({}, { limit: 10 })).map(({ id: listed }) => listed)).toEqual([admin.id, service.id]);
      expect((await store.users({ serviceId: service.id }, { limit: 10 })).map(({ id: listed }) => listed)).toEqual([user.id]);
    });

    test('a service has at most so many users, counted under concurrency too', async () => {
      const service = await createUser('svc');
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => store.claimServiceUser(serviceUser(service.id, `u${n}`), 3)));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'quota_exceeded' } });
      expect((await store.claimServiceUser(serviceUser(service.id, 'u0'), 3)).created).toBe(false);
    });

    test('the last administrator stays', async () => {
      await expect(store.updateUser(admin.id, { status: 'disabled' }, audit())).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.updateUser(admin.id, { role: 'member' }, audit())).rejects.toMatchObject({ code: 'conflict' });
      await createUser('second', { role: 'admin' });
      expect(await store.updateUser(admin.id, { role: 'member' }, audit())).toMatchObject({ role: 'member' });
      await expect(store.updateUser('user_nobody', { weight: 1 }, audit())).rejects.toMatchObject({ code: 'not_found' });
    });

    test('keys: guard, service users, foreign spaces', async () => {
      const user = await createUser('Ada');
      const foreign = someSpace(admin.id);
      await store.createSpace(foreign, audit());
      await expect(store.createKey(someKey(user.id, { spaces: [foreign.id] }), guard(), audit())).rejects.toMatchObject({ code: 'not_found' });
      const made = await store.createKey(someKey(user.id, { spaces: [user.personal.id], expiresAt: AT + 1e6 }), guard(), audit());
      expect(made).toMatchObject({ spaces: [user.personal.id], expiresAt: AT + 1e6 });
      const { user: served } = await store.claimServiceUser(serviceUser(user.id, 'x'), 10);
      await expect(store.createKey(someKey(served.id), guard(), audit())).rejects.toMatchObject({ code: 'conflict' });
      await store.revokeKey(adminKey.id, audit());
      await expect(store.createKey(someKey(user.id), guard(), audit())).rejects.toMatchObject({ code: 'forbidden' });
    });

    test('a user has at most 100 live keys', async () => {
      const made = await Promise.allSettled(Array.from({ length: 105 }, () => store.createKey(someKey(admin.id), guard(), audit())));
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(99);
      expect(made.at(-1)).toMatchObject({ reason: { code: 'conflict' } });
    });

    test('revoking twice is revoking once; uses only move forward', async () => {
      const first = await store.revokeKey(adminKey.id, { ...audit(), at: AT + 5 });
      const second = await store.revokeKey(adminKey.id, { ...audit(), at: AT + 9 });
      expect([first.revokedAt, second.revokedAt]).toEqual([AT + 5, AT + 5]);
      await store.touchKeys([{ keyId: adminKey.id, at: AT + 50 }]);
      await store.touchKeys([
        { keyId: adminKey.id, at: AT + 20 },
        { keyId: 'key_unknown', at: AT },
      ]);
      expect((await store.key(adminKey.id))?.lastUsedAt).toBe(AT + 50);
    });

    test('users are found by how long they have been away', async () => {
      const service = await createUser('Service', { createdAt: AT + 10 });
      const { user: served } = await store.claimServiceUser({ ...serviceUser(service.id, 'u'), createdAt: AT + 20 }, 10);
      const away = await createUser('Away', { createdAt: AT + 20 });
      const gone = await createUser('Gone', { createdAt: AT + 5 });
      await store.updateUser(away.id, { status: 'disabled' }, audit());
      await store.beginUserDeletion(gone.id, intentFor({ kind: 'user', userId: gone.id }, gone.personal.key), audit());
      await store.touchUsers([
        { userId: admin.id, at: AT + 90 },
        { userId: served.id, at: AT + 50 },
        { userId: 'user_unknown', at: AT + 50 },
      ]);
      await store.touchUsers([{ userId: served.id, at: AT + 40 }]);
      expect((await store.user(served.id))?.lastActiveAt).toBe(AT + 50);
      const idle = async (before: number, page: ListPage): Promise<string[]> => (await store.idleUsers(before, page)).map(({ userId }) => userId);
      expect(await idle(AT + 51, { limit: 10 })).toEqual([service.id, away.id, served.id]);
      expect(await idle(AT + 50, { limit: 10 })).toEqual([service.id, away.id]);
      expect(await idle(AT + 51, { limit: 1, after: { at: AT + 20, id: away.id } })).toEqual([served.id]);
      expect(await store.idleUsers(AT + 20, { limit: 1 })).toEqual([{ userId: service.id, lastActiveAt: AT + 10, spaceKey: service.personal.key }]);
    });

    test('a space is as active as the last of its members', async () => {
      const space = someSpace(admin.id);
      await store.createSpace(space, audit());
      const ann = await createUser('Ann', { createdAt: AT + 10 });
      await store.setMember(space.id, { userId: ann.id, role: 'reader', at: AT }, audit());
      await store.touchUsers([
        { userId: admin.id, at: AT + 1e6 },
        { userId: ann.id, at: AT + 2e6 },
      ]);
      expect(await store.spaceActiveAt(space.id)).toBe(AT + 2e6);
      await store.removeMember(space.id, ann.id, audit());
      expect(await store.spaceActiveAt(space.id)).toBe(AT + 1e6);
      expect(await store.spaceActiveAt('space_unknown')).toBeUndefined();
    });

    test('members: roles, last owner, payer', async () => {
      const ada = await createUser('Ada');
      const space = someSpace(admin.id);
      await store.createSpace(space, audit());
      expect(await store.access(ada.id, { by: 'id', id: space.id })).toBeUndefined();
      await store.setMember(space.id, { userId: ada.id, role: 'reader', at: AT }, audit());
      expect(await store.access(ada.id, { by: 'key', key: space.key })).toMatchObject({
        id: space.id,
        role: 'reader',
        payer: admin.id,
        personal: false,
      });
      await expect(store.removeMember(space.id, admin.id, audit())).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.updateSpace(space.id, { payer: ada.id }, audit())).rejects.toMatchObject({ code: 'conflict' });
      await store.setMember(space.id, { userId: ada.id, role: 'owner', at: AT + 1 }, audit());
      await expect(store.removeMember(space.id, admin.id, audit())).rejects.toMatchObject({ code: 'conflict' });
      expect(await store.updateSpace(space.id, { payer: ada.id, name: 'new' }, audit())).toMatchObject({ payer: ada.id, name: 'new' });
      await store.removeMember(space.id, admin.id, audit());
      expect((await store.members(space.id, { limit: 10 })).map(({ userId, role }) => [userId, role])).toEqual([[ada.id, 'owner']]);
      await expect(store.setMember(space.id, { userId: ada.id, role: 'editor', at: AT }, audit())).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.removeMember(space.id, admin.id, audit())).rejects.toMatchObject({ code: 'not_found' });
    });

    test('a personal space has no members and cannot be changed or deleted', async () => {
      const { personal } = admin;
      const deletion = store.beginSpaceDeletion(personal.id, intentFor({ kind: 'space', spaceId: personal.id }, personal.key), audit());
      await expect(deletion).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.setMember(personal.id, { userId: admin.id, role: 'owner', at: AT }, audit())).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.updateSpace(personal.id, { name: 'x' }, audit())).rejects.toMatchObject({ code: 'conflict' });
    });

    test('a space says how long its conversations are kept, a personal one too, until it does not', async () => {
      const { personal } = admin;
      const space = someSpace(admin.id);
      await store.createSpace(space, audit());
      const [hour, day] = [3_600_000, 86_400_000];
      expect(await store.space(space.id)).not.toHaveProperty('conversationRetention');
      expect(await store.updateSpace(personal.id, { conversationRetention: hour }, audit())).toMatchObject({ conversationRetention: hour });
      expect(await store.updateSpace(space.id, { name: 'new', conversationRetention: day }, audit())).toMatchObject({
        name: 'new',
        conversationRetention: day,
      });
      await store.updateSpace(space.id, { name: 'newer' }, audit());
      const kept = [{ conversationRetention: hour }, { conversationRetention: day }];
      expect(await store.accesses(admin.id)).toMatchObject(kept);
      expect(await store.spaces(admin.id, { limit: 10 })).toMatchObject(kept);
      expect([await store.account(personal.key), await store.access(admin.id, { by: 'id', id: space.id })]).toMatchObject(kept);
      await store.updateSpace(space.id, { conversationRetention: null }, audit());
      for (const seen of [await store.space(space.id), await store.account(space.key)]) expect(seen).not.toHaveProperty('conversationRetention');
      expect(await store.space(space.id)).toMatchObject({ name: 'newer', payer: admin.id });
    });

    test('a retention leaves work with its commit, and a refused change neither', async () => {
      const { personal } = admin;
      const space = someSpace(admin.id);
      await store.createSpace(space, audit());
      await store.updateSpace(space.id, { name: 'new' }, audit());
      const both = store.updateSpace(personal.id, { name: 'x', conversationRetention: 3_600_000 }, audit());
      await expect(both).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.updateSpace(personal.id, {}, audit())).rejects.toMatchObject({ code: 'conflict' });
      const payer = store.updateSpace(space.id, { payer: (await createUser('Ada')).id, conversationRetention: 3_600_000 }, audit());
      await expect(payer).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.updateSpace('space_none', { conversationRetention: null }, audit())).rejects.toMatchObject({ code: 'not_found' });
      expect(await subject.retentionWork()).toEqual([]);
      for (const id of [personal.id, space.id]) expect(await store.space(id)).not.toHaveProperty('conversationRetention');
      await store.updateSpace(personal.id, { conversationRetention: 3_600_000 }, { ...audit(), at: AT + 7 });
      expect(await subject.retentionWork()).toEqual([{ space: personal.key, kind: 'retention', dueAt: AT + 7 }]);
      await store.updateSpace(space.id, { conversationRetention: null }, { ...audit(), at: AT + 8 });
      expect(await subject.retentionWork()).toMatchObject([{ space: personal.key }, { space: space.key, dueAt: AT + 8 }]);
    });

    test('deleting a user: what stands in the way, then tombstone and intent, then done', async () => {
      const ada = await createUser('Ada');
      const adaKey = someKey(ada.id);
      await store.createKey(adaKey, guard(), audit());
      const space = someSpace(ada.id, 'ours');
      await store.createSpace(space, audit());
      const intent = intentFor({ kind: 'user', userId: ada.id }, ada.personal.key);
      await expect(store.beginUserDeletion(ada.id, intent, audit())).rejects.toMatchObject({
        code: 'conflict',
        details: { spaces: [{ id: space.id, name: 'ours', reason: 'payer' }] },
      });
      await store.setMember(space.id, { userId: admin.id, role: 'owner', at: AT }, audit());
      await store.updateSpace(space.id, { payer: admin.id }, audit());
      const plan = await store.beginUserDeletion(ada.id, intent, audit());
      expect(plan).toMatchObject({ keys: [adaKey.id], memberships: [{ id: space.id }], personal: ada.personal });
      expect(await store.user(ada.id)).toBeUndefined();
      expect(await store.accesses(ada.id)).toEqual([]);
      expect(await store.account(ada.personal.key)).toBeUndefined();
      expect((await store.credentialByHash(adaKey.hash))?.key.revokedAt).toBe(intent.createdAt);
      expect(await store.openDeletions()).toEqual([intent]);
      await store.finishDeletion(intent.id, audit());
      await store.finishDeletion(intent.id, audit());
      expect(await store.openDeletions()).toEqual([]);
      expect(await store.credentialByHash(adaKey.hash)).toBeUndefined();
      await createUser('ada');
    });

    test('a service with users, and the last administrator, are not deleted', async () => {
      const service = await createUser('svc');
      const { user } = await store.claimServiceUser(serviceUser(service.id, 'x'), 10);
      const begin = (whose: NewUser): Promise<unknown> =>
        store.beginUserDeletion(whose.id, intentFor({ kind: 'user', userId: whose.id }, whose.personal.key), audit());
      await expect(begin(service)).rejects.toMatchObject({ code: 'conflict', details: { serviceUsers: 1 } });
      await expect(begin(admin)).rejects.toMatchObject({ code: 'conflict' });
      const plan = await store.deletionPlan(user.id);
      await store.beginUserDeletion(user.id, intentFor({ kind: 'user', userId: user.id }, plan?.personal.key ?? ''), audit());
      const again = await store.claimServiceUser(serviceUser(service.id, 'x'), 10);
      expect(again.created).toBe(true);
      expect(again.user.id).not.toBe(user.id);
    });

    test('a deleted space is gone for every member at once', async () => {
      const space = someSpace(admin.id);
      await store.createSpace(space, audit());
      const intent = intentFor({ kind: 'space', spaceId: space.id }, space.key);
      expect(await store.beginSpaceDeletion(space.id, intent, audit())).toMatchObject({ members: 1 });
      expect(await store.space(space.id)).toBeUndefined();
      expect(await store.access(admin.id, { by: 'id', id: space.id })).toBeUndefined();
      await store.finishDeletion(intent.id, audit());
      expect(await store.openDeletions()).toEqual([]);
    });

    test('lists go page by page, each row once', async () => {
      const names = ['a', 'b', 'c', 'd', 'e'];
      for (const userName of names) await createUser(userName, { createdAt: AT + 1e6 });
      const seen: string[] = [];
      let after: { at: number; id: string } | undefined;
      for (;;) {
        const page = await store.users({}, { limit: 2, ...(after && { after }) });
        seen.push(...page.map(({ name: listed }) => listed));
        const last = page.at(-1);
        if (last === undefined) break;
        after = { at: last.createdAt, id: last.id };
      }
      expect(seen.toSorted()).toEqual(['Root', ...names]);
    });

    test('each change has its audit row, a refused one has none', async () => {
      const ada = await createUser('Ada');
      await expect(store.createUser(someUser('ada'), audit('refused'))).rejects.toMatchObject({ code: 'conflict' });
      const rows = await store.audit({ actor: 'user_actor' }, { limit: 10 });
      expect(rows.map(({ subject: about }) => about)).toEqual([ada.id, 'x']);
      expect(rows[0]).toMatchObject({ action: 'test', facts: { n: 1 }, credential: 'key_actor', at: AT });
      expect(await store.audit({ subject: ada.id }, { limit: 10 })).toHaveLength(1);
      expect(await store.audit({}, { limit: 10, after: { at: 0, id: String(rows[0]?.id) } })).toHaveLength(1);
    });
  });
}
