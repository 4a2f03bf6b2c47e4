import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startDeadline } from './abort.ts';
import { ManualClock } from './clock.ts';
import { PolymniaError } from './errors.ts';
import { FairGate } from './fair-gate.ts';
import type { EnterRequest, FairGateOptions, Permit } from './fair-gate.ts';
import { createSeededRandom } from './seeded-random.ts';

const setup = (options: Partial<FairGateOptions> = {}) => {
  const clock = new ManualClock();
  const gate = new FairGate({ name: 'test calls', capacity: 1, clock, random: () => 0.5, ...options });
  const enter = (user: string, request: Partial<EnterRequest> = {}): Promise<Permit> =>
    gate.enter({ user, cost: 1, signal: new AbortController().signal, deadlineAt: Infinity, ...request });
  /** Teaches the gate that a service takes so long. */
  const learn = async (ms: number): Promise<void> => {
    const permit = await enter('teacher');
    clock.advance(ms);
    permit.release();
  };
  return { clock, gate, enter, learn };
};

describe('turns', () => {
  test('500 calls of one user wait and one of another comes: it runs next', async () => {
    const { gate, enter } = setup({ maxWaitingPerUser: 500 });
    const order: string[] = [];
    const call = async (user: string): Promise<void> => {
      using _ = await enter(user);
      order.push(user);
      await turn();
    };
    const held = await enter('greedy');
    const greedy = Array.from({ length: 500 }, () => call('greedy'));
    const light = call('light');
    expect(gate.waiting).toBe(501);
    held.release();
    await light;
    expect(order[0]).toBe('light');
    await Promise.all(greedy);
    expect(order).toHaveLength(501);
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });

  test('a permit tells how long it waited, and counts once however often it is released', async () => {
    const { clock, gate, enter } = setup();
    const first = await enter('a');
    const second = enter('a');
    const third = enter('a');
    clock.advance(12);
    first.release(5);
    first.release(5);
    first[Symbol.dispose]();
    expect(gate.running).toBe(1);
    const { waitedMs, release } = await second;
    expect(waitedMs).toBe(12);
    release();
    (await third)[Symbol.dispose]();
    expect(gate.running).toBe(0);
  });

  test('the real cost decides who is next', async () => {
    const { enter } = setup({ capacity: 2 });
    const cheap = await enter('cheap');
    const dear = await enter('dear');
    const order: string[] = [];
    const calls = ['dear', 'cheap'].map(async (user) => {
      using _ = await enter(user);
      order.push(user);
    });
    dear.release(100);
    await turn();
    expect(order).toEqual(['cheap', 'dear']);
    cheap.release();
    await Promise.all(calls);
  });
});

describe('refusals', () => {
  test('a full line of one user is that user’s limit, and nobody else’s', async () => {
    const { gate, enter } = setup({ maxWaitingPerUser: 2 });
    const held = await enter('a');
    const waiting = [enter('a'), enter('a')];
    await expect(enter('a')).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 150,
      details: { lane: 'test calls', limit: 'waiting line of 2' },
    });
    waiting.push(enter('b'));
    held.release();
    for (const each of waiting) void each.then((permit) => permit.release());
    await Promise.all(waiting);
    await turn();
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });

  test('all lines full is the server’s limit; the lines of a service are the service’s', async () => {
    const { gate, enter } = setup({ maxWaiting: 2, maxWaitingPerGroup: 1 });
    await enter('a');
    const waiting = [enter('u1', { group: 's' }), enter('b')];
    await expect(enter('u2', { group: 's' })).rejects.toMatchObject({ code: 'rate_limited', details: { limit: 'waiting lines of a service of 1' } });
    await expect(enter('c')).rejects.toMatchObject({ code: 'overloaded', details: { limit: 'waiting lines of 2' } });
    gate.close();
    await Promise.allSettled(waiting);
  });

  test('a wait that would exceed the deadline is refused at once: overloaded when others cause it', async () => {
    const { clock, gate, enter, learn } = setup();
    await learn(100);
    await enter('a');
    const waiting = ['b', 'c', 'd'].map((user) => enter(user));
    const refused = enter('e', { deadlineAt: clock.monotonic() + 399 });
    await expect(refused).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 150 });
    const admitted = enter('e', { deadlineAt: clock.monotonic() + 401 });
    expect(gate.waiting).toBe(4);
    gate.close();
    await Promise.allSettled([...waiting, admitted]);
  });

  test('and rate_limited when the own line causes it', async () => {
    const { clock, gate, enter, learn } = setup();
    await learn(100);
    await enter('a');
    const waiting = [enter('a'), enter('a')];
    await expect(enter('a', { deadlineAt: clock.monotonic() + 250 })).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 150 });
    gate.close();
    await Promise.allSettled(waiting);
  });

  test('a deadline that has passed is timed_out, an aborted signal its reason; neither takes a place', async () => {
    const { clock, gate, enter } = setup();
    clock.advance(10);
    await expect(enter('a', { deadlineAt: 10 })).rejects.toMatchObject({ code: 'timed_out' });
    const reason = new PolymniaError('unauthenticated', 'The key was revoked.');
    await expect(enter('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });
});

describe('giving up', () => {
  test('the signal’s reason ends the wait, and the place is free at once', async () => {
    const { clock, gate, enter } = setup({ maxWaitingPerUser: 1 });
    const held = await enter('a');
    using deadline = startDeadline(clock, 50, 'MEMORY_OP_TIMEOUT');
    const waiting = enter('b', { signal: deadline.signal, deadlineAt: deadline.at });
    clock.advance(50);
    expect(gate.waiting).toBe(0);
    await expect(waiting).rejects.toMatchObject({ code: 'timed_out', details: { limit: 'MEMORY_OP_TIMEOUT' } });
    held.release();
    expect(gate.running).toBe(0);
  });

  test('a deadline whose signal is late is held all the same', async () => {
    const { clock, enter } = setup();
    const held = await enter('a');
    const waiting = enter('b', { deadlineAt: 50 });
    clock.advance(50);
    held.release();
    await expect(waiting).rejects.toMatchObject({ code: 'timed_out', details: { lane: 'test calls' } });
  });

  test('close refuses all who wait and all who come; permits that are out stay valid', async () => {
    const { gate, enter } = setup();
    const held = await enter('a');
    const waiting = [enter('a'), enter('b')];
    gate.close();
    gate.close();
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 1500 });
    await expect(enter('c')).rejects.toMatchObject({ code: 'overloaded' });
    expect([gate.running, gate.waiting]).toEqual([1, 0]);
    held.release();
    expect(gate.running).toBe(0);
  });

  test.each([1, 2, 3])('a storm of 5,000 calls, most of them aborted at random moments, leaves nothing (seed %d)', async (seed) => {
    const random = createSeededRandom(seed);
    const { clock, gate, enter } = setup({ capacity: 4, maxRunningPerUser: 2, maxRunningLong: 3, random });
    let inside = 0;
    let listeners = 0;
    const outcomes = { ran: 0, gaveUp: 0, refused: 0 };
    const call = async (): Promise<void> => {
      const controller = countingController((change) => (listeners += change));
      if (random() < 0.7) void later(random).then(() => controller.abort());
      try {
        using permit = await enter(`u${Math.floor(random() * 40)}`, { signal: controller.signal, long: random() < 0.3 });
        expect(++inside).toBeLessThanOrEqual(4);
        await later(random);
        inside -= 1;
        permit.release(random() * 5);
        outcomes.ran += 1;
      } catch (error) {
        if (!(error instanceof PolymniaError)) throw error;
        outcomes[error.code === 'cancelled' ? 'gaveUp' : 'refused'] += 1;
      }
    };
    const calls: Promise<void>[] = [];
    for (let index = 0; index < 5000; index++) {
      calls.push(call());
      if (index % 50 === 0) await turn();
    }
    await Promise.all(calls);
    expect(outcomes.ran + outcomes.gaveUp + outcomes.refused).toBe(5000);
    expect(Math.min(outcomes.ran, outcomes.gaveUp)).toBeGreaterThan(100);
    expect([gate.running, gate.waiting, clock.pending, listeners]).toEqual([0, 0, 0, 0]);
    expect(gate.snapshot().groups).toEqual([]);
  });
});

/** Lets one to four turns of the event loop pass. */
async function later(random: () => number): Promise<void> {
  for (let turns = Math.floor(random() * 4); turns >= 0; turns--) await turn();
}

/** A controller whose signal counts the abort listeners that were added and neither removed nor used up. */
function countingController(count: (change: number) => void): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const known = new Set<unknown>();
  signal.addEventListener = (...[type, listener, options]: Parameters<typeof add>): void => {
    known.add(listener);
    count(1);
    add(type, listener, options);
  };
  signal.removeEventListener = (...[type, listener, options]: Parameters<typeof remove>): void => {
    if (known.delete(listener)) count(-1);
    remove(type, listener, options);
  };
  add('abort', () => {
    count(-known.size);
    known.clear();
  });
  return controller;
}
