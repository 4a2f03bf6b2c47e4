import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ManualClock } from '../../kernel/clock.ts';
import { formatRecordId } from '../../kernel/ids.ts';
import type { PolymniaError } from '../../kernel/errors.ts';
import { sleep } from '../../kernel/abort.ts';
import { systemClock } from '../../kernel/clock.ts';
import { gateKit, gateway, LANE_TABLE, operationOf, options, principal, space } from './gate-test-kit.ts';

const echo = operationOf(async (input, ctx) => ({ input, spaces: ctx.spaces.map(({ id }) => id) }));
const alice = principal('alice');
const bob = principal('bob');

async function codeOf(outcome: Promise<{ ok: boolean; error?: PolymniaError }>): Promise<string> {
  const { ok, error } = await outcome;
  return ok ? 'ok' : (error?.code ?? 'none');
}

describe('authorise', () => {
  test('a credential without the scope is refused, and nothing runs', async () => {
    const { gate } = gateKit();
    const ran: unknown[] = [];
    const write = operationOf(async () => void ran.push(1), { scope: 'spaces:manage' });
    expect(await codeOf(gate.call(write, alice, {}, options()))).toBe('forbidden');
    expect(ran).toEqual([]);
  });

  test('a foreign space and an unknown one are told in the same words', async () => {
    const { gate } = gateKit();
    const foreign = await gate.call(echo, alice, { space: 'space_bob' }, options());
    const unknown = await gate.call(echo, alice, { space: 'space_nobody' }, options());
    expect(foreign).toMatchObject({ ok: false, error: { code: 'not_found' } });
    expect(foreign.ok || foreign.error.message).toBe(unknown.ok || unknown.error.message);
  });

  test('a record id leads to its space; a foreign, a random and a malformed id are told in the same words', async () => {
    const { gate } = gateKit();
    const byId = operationOf(async (_, ctx) => ctx.spaces[0]?.id, { target: { kind: 'record', idKind: 'mem', field: 'id', role: 'reader' } });
    const idIn = (key: string): string => formatRecordId({ kind: 'mem', space: key, uuid: '0'.repeat(32) });
    expect(await gate.call(byId, alice, { id: idIn(space('alice').key) }, options())).toMatchObject({ ok: true, output: 'space_alice' });
    const refusals = await Promise.all(
      [idIn(space('bob').key), idIn('f'.repeat(16)), 'mem_x', ''].map((id) => gate.call(byId, alice, { id }, options())),
    );
    expect(new Set(refusals.map((outcome) => (outcome.ok ? 'ok' : `${outcome.error.code} ${outcome.error.message}`)))).toEqual(
      new Set(['not_found No such memory.']),
    );
  });

  test('a role too small for what may be seen is forbidden', async () => {
    const { gate } = gateKit();
    const write = operationOf(async () => 1, { target: { kind: 'space', role: 'editor' } });
    expect(await codeOf(gate.call(write, alice, { space: 'space_shared' }, options()))).toBe('forbidden');
  });

  test('several spaces: "all", a list without doubles, at most eight', async () => {
    const { gate } = gateKit();
    const many = operationOf(async (_, ctx) => ctx.spaces.map(({ id }) => id), { target: { kind: 'spaces', role: 'reader' } });
    expect(await gate.call(many, alice, { spaces: 'all' }, options())).toMatchObject({ output: ['space_alice', 'space_shared'] });
    expect(await gate.call(many, alice, { spaces: ['space_shared', 'space_shared'] }, options())).toMatchObject({ output: ['space_shared'] });
    expect(await codeOf(gate.call(many, alice, { spaces: ['space_shared', 'space_bob'] }, options()))).toBe('not_found');
    const nine = Array.from({ length: 9 }, (_, index) => `space_${index}`);
    expect(await codeOf(gate.call(many, alice, { spaces: nine }, options()))).toBe('invalid_input');
  });

  test('a credential that went between its proof and the call is refused, and costs and runs nothing', async () => {
    const { gate, town } = gateKit();
    const ran: unknown[] = [];
    town.gone.add(alice.credential.id);
    const late = operationOf(async () => void ran.push(1));
    expect(await gate.call(late, alice, {}, options())).toMatchObject({ ok: false, error: { code: 'unauthenticated' }, rate: { remaining: 1000 } });
    expect(await codeOf(gate.stream({ ...late, stream: async function* () {} }, alice, {}, options()))).toBe('unauthenticated');
    expect(ran).toEqual([]);
    expect(gate.inFlight).toBe(0);
  });

  test('what a stream has read ahead is not given out after its credential went', async () => {
    const { gate, town } = gateKit();
    const stream = async function* (): AsyncGenerator<number> {
      for (let item = 0; ; item += 1) yield item;
    };
    const outcome = await gate.stream({ ...echo, stream }, alice, {}, options());
    if (!outcome.ok) throw outcome.error;
    const items = outcome.items[Symbol.asyncIterator]();
    expect(await items.next()).toMatchObject({ value: 0 });
    for (const tell of town.listeners) tell({ credentialId: alice.credential.id });
    await expect(items.next()).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('a ranked read costs one unit for each space it looks into', async () => {
    const { gate, town } = gateKit();
    const many = operationOf(async () => 1, { target: { kind: 'spaces', role: 'reader' } });
    expect(await gate.call(many, alice, { spaces: 'all' }, options())).toMatchObject({ ok: true, rate: { remaining: 998 } });
    town.readableSpaces = async () => Array.from({ length: 101 }, (_, index) => space(`u${index}`));
    expect(await codeOf(gate.call(many, alice, { spaces: 'all' }, options()))).toBe('invalid_input');
  });

  test('a problem names fields from outside by their beginning only, and not thousands of them', async () => {
    const { gate } = gateKit();
    const strict = operationOf(async () => 1, { input: z.strictObject({}) });
    const name = 'x'.repeat(100_000);
    const long = await gate.call(strict, alice, { [name]: 1 }, options());
    expect(long.ok || long.error.message.length).toBeLessThan(400);
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`f${index}`, 1]));
    expect(await gate.call(strict, alice, many, options())).toMatchObject({
      error: { code: 'invalid_input', message: expect.stringContaining('more than 100 fields') },
    });
  });

  test('input that does not parse says which field, and costs one unit of the rate', async () => {
    const { gate } = gateKit();
    const outcome = await gate.call(echo, alice, { n: 'x', space: 3 }, options());
    expect(outcome).toMatchObject({ ok: false, error: { code: 'invalid_input' }, rate: { remaining: 999 } });
    expect(outcome.ok || outcome.error.message).toMatch(/space: .*n: /);
  });
});

describe('rate', () => {
  const table = { ...LANE_TABLE, memory: { ...LANE_TABLE.memory, rateLimit: 5 } };

  test('the sixth call is refused with the time to wait; it passes when that time is over, not before', async () => {
    const clock = new ManualClock();
    const { gate } = gateKit({ clock, lanes: table });
    for (let call = 0; call < 5; call++) expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('ok');
    const refused = await gate.call(echo, alice, {}, options());
    expect(refused).toMatchObject({ ok: false, error: { code: 'rate_limited', retryAfterMs: 60_000 }, rate: { remaining: 0, resetMs: 60_000 } });
    expect(await codeOf(gate.call(echo, bob, {}, options()))).toBe('ok');
    clock.advance(59_999);
    expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('rate_limited');
    clock.advance(1);
    expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('ok');
  });

  test('setting the wall clock gives and takes nothing', async () => {
    const clock = new ManualClock();
    const { gate } = gateKit({ clock, lanes: table });
    for (let call = 0; call < 5; call++) await gate.call(echo, alice, {}, options());
    clock.stepWall(7_200_000);
    expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('rate_limited');
    clock.stepWall(-20_000_000);
    clock.advance(60_000);
    expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('ok');
  });

  test('a service as a whole has its share of rates; its users have their own', async () => {
    const { gate } = gateKit({ lanes: table });
    const of = (user: string) => principal(user, { group: 'service' });
    const codes: string[] = [];
    for (let call = 0; call < 12; call++) codes.push(await codeOf(gate.call(echo, of(`user${call % 4}`), {}, options())));
    expect(codes.filter((code) => code === 'ok')).toHaveLength(10);
    expect(await gate.call(echo, of('user0'), {}, options())).toMatchObject({ error: { code: 'rate_limited', details: { of: 'service' } } });
  });

  test("a user's own limit replaces the server's", async () => {
    const { gate } = gateKit({ lanes: table });
    const slow = principal('slow', { limits: { rate: { memory: 1 } } });
    expect(await codeOf(gate.call(echo, slow, {}, options()))).toBe('ok');
    expect(await codeOf(gate.call(echo, slow, {}, options()))).toBe('rate_limited');
  });
});

describe('concurrency and fairness', () => {
  test('one user never holds the whole lane: 40 calls of one leave a place for another', async () => {
    const { gate } = gateKit();
    const door = gateway();
    const wait = operationOf(() => door.passed);
    const greedy = Array.from({ length: 30 }, () => gate.call(wait, alice, {}, options()));
    expect(await codeOf(gate.call(echo, bob, {}, options()))).toBe('ok');
    door.open();
    expect((await Promise.all(greedy)).every(({ ok }) => ok)).toBe(true);
    expect(gate.load().every(({ running, waiting }) => running === 0 && waiting === 0)).toBe(true);
  });

  test('the cap over all lanes holds, and a user waiting for itself holds no permit', async () => {
    const { gate } = gateKit();
    const door = gateway();
    let running = 0;
    let most = 0;
    const count = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await door.passed;
      running -= 1;
    };
    const read = operationOf(count);
    const write = operationOf(count, { effect: 'write' });
    const calls = [...Array(4).keys()].flatMap(() => [gate.call(read, alice, {}, options()), gate.call(write, alice, {}, options())]);
    expect(
      await codeOf(
        gate.call(
          operationOf(async () => 1, { effect: 'write' }),
          bob,
          {},
          options(),
        ),
      ),
    ).toBe('ok');
    door.open();
    await Promise.all(calls);
    expect(most).toBe(3);
  });

  test('a full line is refused with 429, and frees as calls end', async () => {
    const { gate } = gateKit();
    const door = gateway();
    const wait = operationOf(() => door.passed);
    const calls = Array.from({ length: 60 }, () => gate.call(wait, alice, {}, options()));
    const refused = await Promise.race(calls.map(async (call) => ((await call).ok ? new Promise(() => {}) : call)));
    expect(refused).toMatchObject({ ok: false, error: { code: 'rate_limited' } });
    door.open();
    const outcomes = await Promise.all(calls);
    expect(outcomes.filter(({ ok }) => ok).length).toBeGreaterThanOrEqual(35);
    expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('ok');
  });
});

describe('ends', () => {
  test('a call beyond its time-out is told the limit, and its permit stays out until the work has really ended', async () => {
    const { gate } = gateKit({ lanes: { ...LANE_TABLE, memory: { ...LANE_TABLE.memory, timeoutMs: 30 } } });
    const stops = operationOf((_, ctx) => sleep(systemClock, 60_000, ctx.signal));
    const outcome = await gate.call(stops, alice, {}, options());
    expect(outcome).toMatchObject({ ok: false, error: { code: 'timed_out', details: { limit: 'MEMORY_OP_TIMEOUT' } } });
    expect(gate.inFlight).toBe(0);
  });

  test('a client that hangs up frees its place, waiting or running', async () => {
    const { gate } = gateKit();
    const hangUp = new AbortController();
    const stops = operationOf((_, ctx) => sleep(systemClock, 60_000, ctx.signal));
    const calls = Array.from({ length: 10 }, () => gate.call(stops, alice, {}, options({ signal: hangUp.signal })));
    await Promise.resolve();
    hangUp.abort();
    expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set(['cancelled']));
    expect(gate.inFlight).toBe(0);
    expect(gate.load().every(({ running, waiting }) => running + waiting === 0)).toBe(true);
  });

  test('a revoked credential ends its calls and streams, and no others', async () => {
    const { gate, town } = gateKit();
    const stops = operationOf((_, ctx) => sleep(systemClock, 60_000, ctx.signal));
    const door = gateway();
    const revoked = gate.call(stops, alice, {}, options());
    const other = gate.call(
      operationOf(() => door.passed),
      bob,
      {},
      options(),
    );
    await new Promise(setImmediate);
    for (const listener of town.listeners) listener({ credentialId: 'key_alice' });
    expect(await codeOf(revoked)).toBe('unauthenticated');
    door.open();
    expect(await codeOf(other)).toBe('ok');
  });

  test('a stream holds its permit until it is read to the end, closed, or never begun and cut off', async () => {
    const { gate } = gateKit();
    const numbers = operationOf(async () => 1, {
      stream: async function* () {
        yield* [1, 2, 3];
      },
    });
    const read = await gate.stream(numbers, alice, {}, options());
    expect(gate.inFlight).toBe(1);
    expect(read.ok && (await Array.fromAsync(read.items))).toEqual([1, 2, 3]);
    expect(gate.inFlight).toBe(0);

    const closed = await gate.stream(numbers, alice, {}, options());
    if (closed.ok) for await (const _ of closed.items) break;
    expect(gate.inFlight).toBe(0);

    const hangUp = new AbortController();
    await gate.stream(numbers, alice, {}, options({ signal: hangUp.signal }));
    hangUp.abort();
    expect(gate.inFlight).toBe(0);
  });

  test('an unknown failure becomes internal, and its words stay inside', async () => {
    const { gate, records } = gateKit();
    const broken = operationOf(async () => {
      throw new TypeError('secret detail');
    });
    const outcome = await gate.call(broken, alice, {}, options());
    expect(outcome).toMatchObject({ ok: false, error: { code: 'internal' } });
    expect(outcome.ok || outcome.error.message).not.toContain('secret');
    expect(records.at(-1)).toMatchObject({ outcome: 'internal', operation: 'do_work', error: { cause: { message: 'secret detail' } } });
  });

  test('an operation that throws at once gives its permit back', async () => {
    const { gate } = gateKit();
    const broken = operationOf(() => {
      throw new TypeError('at once');
    });
    for (let call = 0; call < 10; call++) expect(await codeOf(gate.call(broken, alice, {}, options()))).toBe('internal');
    expect(await codeOf(gate.call(echo, alice, {}, options()))).toBe('ok');
    expect(gate.inFlight).toBe(0);
  });

  test('500 calls of one user cut off at random moments leave nothing behind', async () => {
    const { gate } = gateKit();
    const work = operationOf((_, ctx) => sleep(systemClock, 2, ctx.signal));
    const calls = Array.from({ length: 500 }, (_, index) => {
      const hangUp = new AbortController();
      const call = gate.call(work, principal(`user${index % 20}`), {}, options({ signal: hangUp.signal }));
      setTimeout(() => hangUp.abort(), index % 7);
      return call;
    });
    await Promise.all(calls);
    expect(gate.inFlight).toBe(0);
    expect(gate.load().every(({ running, waiting }) => running + waiting === 0)).toBe(true);
    expect((await gate.standing(principal('user1').caller)).running).toBe(0);
  });
});
