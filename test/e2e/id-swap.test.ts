import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { BoundOperation, Scope } from '../../src/kernel/operation.ts';
import { COVERAGE, type Coverage, type Estate, ID_FIELD, type IdKind, idOf, matrixBench, randomId, settle, talkOf } from '../support/id-coverage.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';
import type { Answer, Caller, Input } from '../support/wire.ts';

/** Somebody who must not reach what an estate holds. */
interface Attacker {
  readonly who: string;
  readonly caller: Caller;
  readonly estate: Estate;
  /** Kinds of ids it may rightly know are left out. */
  readonly kinds: readonly IdKind[];
  /** The one code of every answer; when absent it is `not_found` where the scope suffices, else `forbidden`. */
  readonly code?: string;
  /** Scopes of the credential. */
  readonly holds: readonly Scope[];
  /** Operations the attack makes no sense for. */
  readonly skips?: (operation: BoundOperation) => boolean;
}

const EVERY_KIND: readonly IdKind[] = ['memory', 'space', 'user', 'key', 'import', 'cursor', 'job', 'repository', 'conversation', 'turn'];

let before: Resources;
let town: Town;
let alice: Citizen;
let bob: Citizen;
let rita: Citizen;
let eddy: Citizen;
let estate: Estate;
let serviceEstate: Estate;
let attackers: readonly Attacker[];
const secret = canary();
const serviceSecret = canary();

beforeAll(async () => {
  before = resourcesNow();
  town = await openTown({ overrides: { extraOperations: [matrixBench.operation('batch')] } });
  [alice, bob, rita, eddy] = await Promise.all([town.citizen('alice'), town.citizen('bob'), town.citizen('rita'), town.citizen('eddy')]);
  for (const citizen of [bob, rita, eddy]) await town.done(citizen, 'store_memory', { content: 'harbour lighthouse of my own' });
  estate = await settle(town, alice, secret, async (spaceId) => {
    await town.done(alice, 'set_member', { spaceId, userId: rita.id, role: 'reader' });
    await town.done(alice, 'set_member', { spaceId, userId: eddy.id, role: 'editor' });
  });
  attackers = await gather();
});

afterAll(async () => {
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

async function gather(): Promise<readonly Attacker[]> {
  const dora = await town.citizen('dora');
  await town.done(town.admin, 'update_user', { userId: dora.id, status: 'disabled' });
  const revoked = await town.keyFor(alice.id);
  await town.done(town.admin, 'revoke_key', { keyId: revoked.id });
  const limited = await town.keyFor(alice.id, { spaces: [estate.sharedSpace] });
  const stripped = await town.keyFor(alice.id, { scopes: ['on_behalf'] });
  const first = await town.citizen('service one', { scopes: ['memory:read', 'memory:write', 'chat', 'on_behalf'] });
  const second = await town.citizen('service two', { scopes: ['memory:read', 'memory:write', 'chat', 'on_behalf'] });
  serviceEstate = await customerEstate({ key: first.key, onBehalfOf: 'carol' });
  const customer: readonly Scope[] = ['memory:read', 'memory:write', 'chat'];
  const member: readonly Scope[] = [...customer, 'code:read', 'code:write', 'keys:manage', 'spaces:manage'];
  const memoryKinds: readonly IdKind[] = ['memory', 'space', 'import', 'cursor', 'job', 'repository', 'conversation', 'turn'];
  return [
    { who: 'a stranger', holds: member, caller: bob, estate, kinds: EVERY_KIND },
    { who: 'a disabled user', holds: member, caller: dora, estate, kinds: EVERY_KIND, code: 'unauthenticated' },
    { who: 'a revoked key', holds: member, caller: { key: revoked.secret }, estate, kinds: EVERY_KIND, code: 'unauthenticated' },
    { who: 'no such key', holds: member, caller: { key: `pmn_${'0'.repeat(52)}` }, estate, kinds: EVERY_KIND, code: 'unauthenticated' },
    {
      who: 'a key without the scope',
      holds: [],
      caller: { key: stripped.secret },
      estate,
      kinds: EVERY_KIND,
      code: 'forbidden',
      skips: ({ scope }) => scope === null,
    },
    {
      who: 'a key limited to another space',
      holds: member,
      caller: { key: limited.secret },
      estate,
      kinds: ['memory', 'space', 'job', 'repository', 'conversation', 'turn'],
      skips: manages,
    },
    { who: 'a reader of a shared space', holds: member, caller: rita, estate, kinds: memoryKinds, skips: manages },
    { who: 'an editor of a shared space', holds: member, caller: eddy, estate, kinds: memoryKinds, skips: manages },
    { who: 'a user of a service', holds: customer, caller: { key: first.key, onBehalfOf: 'dave' }, estate, kinds: EVERY_KIND },
    {
      who: 'the same name at another service',
      holds: customer,
      caller: { key: second.key, onBehalfOf: 'carol' },
      estate: serviceEstate,
      kinds: memoryKinds,
    },
    {
      who: 'another user of the same service',
      holds: customer,
      caller: { key: first.key, onBehalfOf: 'dave' },
      estate: serviceEstate,
      kinds: memoryKinds,
    },
    { who: 'the service itself', holds: customer, caller: first, estate: serviceEstate, kinds: memoryKinds },
  ];
}

/** Conversations lie in personal spaces alone. */
function mayBeShared({ target }: BoundOperation, ids: Coverage['ids']): boolean {
  return target.kind === 'record' ? ['mem', 'repo'].includes(target.idKind) : target.kind !== 'none' && 'space' in ids;
}

/** The owner of a shared space, and members of it, rightly see what these work on; they have tests of their own below. */
function manages({ scope }: BoundOperation): boolean {
  return scope === 'spaces:manage' || scope === 'keys:manage';
}

async function customerEstate(customer: Caller): Promise<Estate> {
  const content = `harbour lighthouse ${serviceSecret}`;
  const memory = await town.done(customer, 'store_memory', { content, tags: [serviceSecret] });
  await town.done(customer, 'store_memory', { content: `${content} again` });
  const imported = await town.done(customer, 'import_memories', { data: JSON.stringify({ content: `${content} imported` }) });
  const { job } = (await town.done(customer, 'do_job', { name: serviceSecret })) as { job: { id: string } };
  const me = (await town.done(customer, 'whoami')) as { user: { id: string; name: string } };
  const cursor = async (name: string): Promise<string> => String((await town.done(customer, name, { limit: 1 }))['cursor']);
  return {
    ...estate,
    owner: { ...customer, id: me.user.id, name: me.user.name, personal: String(memory['space']) },
    space: String(memory['space']),
    memory: String(memory['id']),
    importId: String(imported['importId']),
    job: job.id,
    ...(await talkOf(town, customer, serviceSecret)),
    cursors: { ...estate.cursors, search_memory: await cursor('search_memory'), export_memories: await cursor('export_memories') },
  };
}

function mayCall({ holds }: Attacker, { scope }: BoundOperation): boolean {
  return scope === null || holds.includes(scope);
}

function coverageOf(operation: BoundOperation): Coverage {
  const coverage = COVERAGE[operation.name];
  if (coverage === undefined)
    throw new Error(`${operation.name} has no row in test/support/id-coverage.ts: say how to call it and which ids it takes`);
  return coverage;
}

/** The operation's input with one id put in the field, in the form the field wants. */
function inputWith(operation: BoundOperation, base: Input, field: string, id: string): Input {
  const { [field]: _old, ...rest } = base;
  const wantsList = field === 'spaces' || field === 'repositories';
  return { ...rest, [field]: wantsList ? [id] : id };
}

/** What an answer says, with the ids that were asked for struck out. */
function verdict(answer: Answer, id: string): unknown {
  const { problem } = answer;
  if (answer.ok) return { status: answer.status };
  return JSON.parse(
    JSON.stringify({
      status: answer.status,
      code: problem?.code,
      title: problem?.title,
      detail: problem?.detail,
      details: problem?.details,
    }).replaceAll(id, '<id>'),
  );
}

const surfaces = [
  { surface: 'REST', call: (caller: Caller, operation: BoundOperation, input: Input) => town.rest(caller, operation.name, input), has: () => true },
  {
    surface: 'MCP',
    call: (caller: Caller, operation: BoundOperation, input: Input) => town.mcp(caller, operation.name, input),
    has: (operation: BoundOperation) => operation.hiddenFromModels !== true,
  },
];

describe('the matrix knows every operation', () => {
  it('[P2-id-swap-complete] has a row for each operation, and a kind for each field that holds an id', () => {
    for (const operation of town.server.operations) {
      const fields = Object.keys((z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' }).properties as object | undefined) ?? {});
      const found = fields.filter((field) => ID_FIELD.test(field));
      expect(Object.keys(coverageOf(operation).ids).toSorted(), operation.name).toEqual(found.toSorted());
    }
    const names = new Set(town.server.operations.map(({ name }) => name));
    expect(Object.keys(COVERAGE).filter((name) => !names.has(name))).toEqual([]);
  });

  it('[P2-id-swap-valid] calls each operation validly: for its owner it succeeds', async () => {
    for (const operation of town.server.operations) {
      const { input, victim, as } = coverageOf(operation);
      const caller = as === 'admin' ? town.admin : alice;
      const answer = await town.rest(caller, operation.name, victim === undefined ? input(estate) : await victim(town, estate));
      expect(answer.ok, `${operation.name}: ${answer.text}`).toBe(true);
    }
  });

  it('[P2-id-swap-valid] reaches its owner by each id: the ids of the matrix are real', async () => {
    for (const operation of town.server.operations) {
      const { ids, input, victim, as } = coverageOf(operation);
      if (victim !== undefined) continue;
      for (const [field, kind] of Object.entries(ids)) {
        if (operation.name === 'forget_memories' && field === 'importId') continue;
        const base = input(estate);
        const target = kind === 'space' && field === 'spaceId' ? estate.sharedSpace : idOf(estate, kind, operation.name);
        const answer = await town.rest(as === 'admin' ? town.admin : alice, operation.name, inputWith(operation, base, field, target));
        expect(answer.ok, `${operation.name} by ${field}: ${answer.text}`).toBe(true);
      }
    }
  });
});

describe('every operation × every kind of id × everybody else', () => {
  for (const { surface, call, has } of surfaces) {
    it(`[P2-id-swap] answers a foreign id as a random one, over ${surface}`, async () => {
      const kept = await everythingOf(alice);
      let compared = 0;
      for (const attacker of attackers) {
        for (const operation of town.server.operations) {
          if (!has(operation) || attacker.skips?.(operation) === true) continue;
          compared += await attack(attacker, operation, call);
        }
      }
      expect(compared).toBeGreaterThan(surface === 'REST' ? 250 : 100);
      expect(await everythingOf(alice)).toBe(kept);
    });
  }

  async function everythingOf(owner: Citizen): Promise<string> {
    const memories = [await town.exported(owner), await town.exported(owner, `?space=${estate.sharedSpace}`)];
    return JSON.stringify([...memories, await town.done(owner, 'get_conversation', { id: estate.conversation })]);
  }

  async function attack(attacker: Attacker, operation: BoundOperation, call: (typeof surfaces)[number]['call']): Promise<number> {
    const { ids, input } = coverageOf(operation);
    const base = input(attacker.estate);
    const fields = Object.entries(ids).filter(([, kind]) => attacker.kinds.includes(kind));
    for (const [field, kind] of fields) {
      const real = kind === 'space' && field === 'spaceId' ? attacker.estate.sharedSpace : idOf(attacker.estate, kind, operation.name);
      const random = randomId(kind, real);
      const what = `${attacker.who}: ${operation.name} by ${field}`;
      const foreign = await call(attacker.caller, operation, inputWith(operation, base, field, real));
      const none = await call(attacker.caller, operation, inputWith(operation, base, field, random));
      expect(verdict(foreign, real), what).toEqual(verdict(none, random));
      const { code = mayCall(attacker, operation) ? 'not_found' : 'forbidden' } = attacker;
      const mustFail =
        kind === 'memory' ||
        kind === 'job' ||
        kind === 'repository' ||
        kind === 'conversation' ||
        kind === 'turn' ||
        field === 'space' ||
        field === 'spaceId' ||
        operation.name === 'retrieve_memory';
      if (mustFail || attacker.code !== undefined) expect(foreign.problem?.code, what).toBe(code);
      for (const answer of [foreign, none]) expectNothingForeign(answer, attacker, what);
    }
    return fields.length;
  }

  it('[P2-no-canary] shows nothing of anybody else in calls without a foreign id', async () => {
    for (const attacker of attackers) {
      for (const operation of town.server.operations) {
        if (attacker.skips?.(operation) === true || operation.effect === 'destructive') continue;
        const { ids, input } = coverageOf(operation);
        const needed = Object.keys(input(attacker.estate)).filter((field) => field in ids);
        if (needed.length > 0) continue;
        const answer = await town.rest(attacker.caller, operation.name, input(attacker.estate));
        if (answer.problem !== undefined)
          expect(['unauthenticated', 'forbidden', 'not_found'], `${attacker.who}: ${operation.name}`).toContain(answer.problem.code);
        expectNothingForeign(answer, attacker, `${attacker.who}: ${operation.name}`);
      }
    }
  });

  /** Members of the shared space rightly see its name; alice's own limited key sees alice. */
  function expectNothingForeign(answer: Answer, { caller, who }: Attacker, what: string): void {
    expect(answer.text, what).not.toContain(serviceSecret);
    if (caller.key === rita.key || caller.key === eddy.key || who.startsWith('a key')) {
      const text = answer.text.replaceAll(`shared ${secret}`, '').replaceAll(`key ${secret}`, '');
      expect(text, what).not.toContain(secret);
    } else expect(answer.text, what).not.toContain(secret);
  }
});

describe('roles and scopes inside what one may see', () => {
  it('[P2-reader-role] lets a reader read and refuses every write, in one voice for what is there and what is not', async () => {
    for (const operation of town.server.operations.filter(({ effect }) => effect !== 'read')) {
      const { ids, input } = coverageOf(operation);
      if (!mayBeShared(operation, ids)) continue;
      const base = input(estate);
      const isRecord = operation.target.kind === 'record';
      const field = operation.target.kind === 'record' ? operation.target.field : 'space';
      const record = operation.target.kind === 'record' && operation.target.idKind === 'repo' ? estate.sharedRepository : estate.sharedMemory;
      const there = inputWith(operation, base, field, isRecord ? record : estate.sharedSpace);
      const answer = await town.rest(rita, operation.name, there);
      expect(answer.problem?.code, operation.name).toBe('forbidden');
      if (isRecord) {
        const absent = randomInSpace(record);
        const none = await town.rest(rita, operation.name, inputWith(operation, base, field, absent));
        expect(verdict(none, absent), operation.name).toEqual(verdict(answer, record));
      }
      expect(Object.keys(ids).length).toBeGreaterThan(0);
    }
    const seen = await town.done(rita, 'get_memory', { id: estate.sharedMemory });
    expect(seen['content']).toContain(secret);
  });

  it('[P2-reader-role] lets an editor write, and neither role manage the space', async () => {
    const stored = await town.done(eddy, 'store_memory', { content: 'from eddy', space: estate.sharedSpace });
    expect(stored['created']).toBe(true);
    await town.done(alice, 'delete_memory', { id: stored['id'] });
    for (const citizen of [rita, eddy]) {
      for (const [name, input] of [
        ['set_member', { spaceId: estate.sharedSpace, userId: citizen.id, role: 'owner' }],
        ['update_space', { spaceId: estate.sharedSpace, name: 'mine' }],
        ['update_space', { spaceId: estate.sharedSpace, conversationRetention: null }],
        ['delete_space', { spaceId: estate.sharedSpace }],
        ['remove_member', { spaceId: estate.sharedSpace, userId: alice.id }],
      ] as const) {
        expect((await town.rest(citizen, name, input)).problem?.code, `${citizen.name}: ${name}`).toBe('forbidden');
      }
    }
  });

  it('[P2-key-within-creator] makes no key that holds more than its creator', async () => {
    const limited = await town.keyFor(alice.id, { scopes: ['memory:read', 'keys:manage'], spaces: [estate.sharedSpace] });
    const creator = { key: limited.secret };
    for (const wish of [
      { scopes: ['memory:write'] },
      { scopes: ['admin'] },
      { scopes: ['on_behalf'] },
      { scopes: ['memory:read'], spaces: [alice.personal] },
    ]) {
      const answer = await town.rest(creator, 'create_key', { name: 'more', ...wish });
      expect(answer.ok, JSON.stringify(wish)).toBe(false);
    }
    const made = await town.done(creator, 'create_key', { name: 'as much', scopes: ['memory:read'] });
    expect((await town.rest({ key: String(made['secret']) }, 'memory_stats')).problem?.code).toBe('not_found');
    expect((await town.rest({ key: String(made['secret']) }, 'memory_stats', { space: estate.sharedSpace })).ok).toBe(true);
  });

  it('[P2-service-namespace] never lets a service reach a user with credentials of their own, by whatever name', async () => {
    const service = await town.citizen('service three', { scopes: ['memory:read', 'memory:write', 'on_behalf'] });
    for (const onBehalfOf of [alice.id, alice.name, alice.personal, 'owner']) {
      const me = (await town.done({ key: service.key, onBehalfOf }, 'whoami')) as { user: { id: string } };
      expect(me.user.id).not.toBe(alice.id);
      const found = await town.rest({ key: service.key, onBehalfOf }, 'retrieve_memory', { query: 'harbour lighthouse', spaces: 'all' });
      expect(found.text).not.toContain(secret);
    }
    expect((await town.rest({ key: alice.key, onBehalfOf: 'anybody' }, 'whoami')).problem?.code).toBe('forbidden');
  });

  it('[P2-revoke-at-once] refuses a revoked key and a disabled user from the next call on', async () => {
    const key = await town.keyFor(bob.id);
    expect((await town.rest({ key: key.secret }, 'memory_stats')).ok).toBe(true);
    await town.done(bob, 'revoke_key', { keyId: key.id });
    expect((await town.rest({ key: key.secret }, 'memory_stats')).status).toBe(401);
    await town.done(town.admin, 'update_user', { userId: bob.id, status: 'disabled' });
    expect((await town.rest(bob, 'memory_stats')).status).toBe(401);
    await town.done(town.admin, 'update_user', { userId: bob.id, status: 'active' });
    expect((await town.rest(bob, 'memory_stats')).ok).toBe(true);
  });
});

/** Another id in the space of the given one. */
function randomInSpace(id: string): string {
  const other = randomId('memory', id);
  const start = id.indexOf('_') + 1;
  // The space's key fills the first 12 characters and 4 bits of the 13th.
  return id.slice(0, start + 13) + other.slice('mem_'.length + 13);
}
