import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ManualClock } from './clock.ts';
import { PolymniaError } from './errors.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { LockMode } from './keyed-lock.ts';
import { createSeededRandom } from './seeded-random.ts';

const setup = (maxWaiters?: number) => {
  const clock = new ManualClock();
  const lock = new KeyedLock(clock, maxWaiters);
  const order: string[] = [];
  const ask = (holder: string, mode: LockMode, signal?: AbortSignal): Promise<Disposable> => {
    const asked = lock.acquire('k', mode, { timeoutMs: 1000, holder, ...(signal === undefined ? {} : { signal }) });
    asked.then(
      () => order.push(holder),
      () => {},
    );
    return asked;
  };
  return { clock, lock, order, ask };
};

describe('order', () => {
  test('readers share, a writer is alone, and no reader overtakes a waiting writer', async () => {
    const { ask, order, lock, clock } = setup();
    const r1 = await ask('r1', 'read');
    const r2 = await ask('r2', 'read');
    const w = ask('w', 'write');
    const r3 = ask('r3', 'read');
    const r4 = ask('r4', 'read');
    r1[Symbol.dispose]();
    await turn();
    expect(order).toEqual(['r1', 'r2']);
    r2[Symbol.dispose]();
    const held = await w;
    await turn();
    expect(order).toEqual(['r1', 'r2', 'w']);
    held[Symbol.dispose]();
    (await r3)[Symbol.dispose]();
    (await r4)[Symbol.dispose]();
    expect(order).toEqual(['r1', 'r2', 'w', 'r3', 'r4']);
    expect(lock.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('keys do not know each other', async () => {
    const { lock } = setup();
    using first = await lock.acquire('a', 'write', { timeoutMs: 1, holder: 'a' });
    using second = await lock.acquire('b', 'write', { timeoutMs: 1, holder: 'b' });
    expect([first, second]).toHaveLength(2);
    expect(lock.size).toBe(2);
  });

  test('giving back twice frees nothing of the next holder', async () => {
    const { ask, order } = setup();
    const first = await ask('first', 'write');
    const second = ask('second', 'write');
    const third = ask('third', 'write');
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await turn();
    expect(order).toEqual(['first', 'second']);
    (await second)[Symbol.dispose]();
    (await third)[Symbol.dispose]();
  });
});

describe('giving up', () => {
  test('a wait that is too long ends with timed_out and names the limit', async () => {
    const { ask, clock, lock } = setup();
    const held = await ask('first', 'write');
    const late = ask('late', 'write');
    clock.advance(1000);
    await expect(late).rejects.toMatchObject({ code: 'timed_out', details: { limit: 'LOCK_TIMEOUT', limitMs: 1000 } });
    held[Symbol.dispose]();
    expect(lock.size).toBe(0);
  });

  test('an abort ends the wait at once, with the reason of the signal; one that came before asks for nothing', async () => {
    const { ask, lock, clock } = setup();
    const reason = new PolymniaError('timed_out', 'The call took too long.');
    const held = await ask('first', 'write');
    const controller = new AbortController();
    const waiting = ask('waiting', 'write', controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(ask('aborted', 'write', AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    expect(lock.list()[0]?.waiters).toBe(0);
    expect(clock.pending).toBe(0);
    held[Symbol.dispose]();
  });

  test('when the writer at the head gives up, the readers behind it go on', async () => {
    const { ask, order } = setup();
    const reader = await ask('r1', 'read');
    const controller = new AbortController();
    const writer = ask('w', 'write', controller.signal);
    const behind = ask('r2', 'read');
    controller.abort();
    await expect(writer).rejects.toMatchObject({ code: 'cancelled' });
    (await behind)[Symbol.dispose]();
    expect(order).toEqual(['r1', 'r2']);
    reader[Symbol.dispose]();
  });

  test('the line is bounded', async () => {
    const { ask } = setup(1);
    const held = await ask('first', 'write');
    const waiting = ask('second', 'write');
    await expect(ask('third', 'read')).rejects.toMatchObject({ code: 'overloaded', details: { max: 1 } });
    held[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
  });
});

test('the list shows key, mode, holders and waiters with their ages', async () => {
  const { ask, clock, lock } = setup();
  using first = await ask('one', 'read');
  clock.advance(5);
  using second = await ask('two', 'read');
  const controller = new AbortController();
  const waiting = ask('three', 'write', controller.signal);
  clock.advance(7);
  const holders = [
    { holder: 'one', ageMs: 12 },
    { holder: 'two', ageMs: 7 },
  ];
  expect(lock.list()).toEqual([{ key: 'k', mode: 'read', holders, waiters: 1, oldestWaiterMs: 7 }]);
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  expect([first, second]).toHaveLength(2);
});

test('2,000 callers over few keys, a third of them aborted: never two writers, nothing left over', async () => {
  const clock = new ManualClock();
  const lock = new KeyedLock(clock);
  const random = createSeededRandom(3);
  const inside = new Map<string, { read: number; write: number }>();
  let served = 0;
  const caller = async (index: number): Promise<void> => {
    const key = `k${Math.floor(random() * 4)}`;
    const mode = random() < 0.5 ? 'read' : 'write';
    const controller = new AbortController();
    if (random() < 0.33) setImmediate(() => controller.abort());
    const held = await lock.acquire(key, mode, { timeoutMs: 60_000, holder: `${index}`, signal: controller.signal }).catch(() => undefined);
    if (held === undefined) return;
    using _ = held;
    const counts = inside.get(key) ?? { read: 0, write: 0 };
    inside.set(key, counts);
    counts[mode] += 1;
    expect(counts.write === 0 || (counts.write === 1 && counts.read === 0)).toBe(true);
    await Promise.resolve();
    counts[mode] -= 1;
    served += 1;
  };
  await Promise.all(Array.from({ length: 2000 }, (_, index) => caller(index)));
  expect(served).toBeGreaterThan(1000);
  expect(lock.size).toBe(0);
  expect(clock.pending).toBe(0);
});
