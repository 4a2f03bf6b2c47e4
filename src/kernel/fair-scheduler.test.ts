import { describe, expect, test } from 'vitest';
import type { FairSchedulerOptions } from './fair-options.ts';
import { FairScheduler } from './fair-scheduler.ts';
import type { FairRequest } from './fair-scheduler.ts';

const setup = (options: Partial<FairSchedulerOptions> = {}) => {
  const expired: string[] = [];
  const scheduler = new FairScheduler<string>({ capacity: 1, ...options }, (payload) => expired.push(payload));
  const put = (payload: string, request: Partial<FairRequest<string>> = {}, now = 0) => {
    const user = request.user ?? payload.slice(0, 1);
    return scheduler.enqueue({ user, group: user, cost: 1, ...request, payload }, now);
  };
  /** Starts the next one and ends it at once, at its real cost. */
  const serve = (cost = 1, now = 0): string | undefined => {
    const turn = scheduler.next(now);
    if (turn !== undefined) scheduler.finish(turn.token, cost, now);
    return turn?.payload;
  };
  return { scheduler, expired, put, serve };
};

describe('turns', () => {
  test('one user is served first come, first served', () => {
    const { put, serve } = setup();
    for (const name of ['a1', 'a2', 'a3']) put(name);
    expect([serve(), serve(), serve(), serve()]).toEqual(['a1', 'a2', 'a3', undefined]);
  });

  test('the hundredth call of one user does not stand before the first of another', () => {
    const { scheduler, put, serve } = setup({ maxWaitingPerUser: 500 });
    for (let index = 0; index < 500; index++) put(`a${index}`);
    const running = scheduler.next(0);
    put('b0');
    scheduler.finish(running?.token ?? 0, 1, 0);
    expect([serve(), serve()]).toEqual(['b0', 'a1']);
  });

  test('who turned out dear waits longer, who turned out cheap is given back the difference', () => {
    const { put, serve } = setup();
    for (const name of ['a1', 'b1', 'a2', 'b2', 'b3', 'b4']) put(name, { cost: 2 });
    expect(serve(6)).toBe('a1');
    expect([serve(2), serve(2), serve(2)]).toEqual(['b1', 'b2', 'b3']);
    expect(serve(2)).toBe('a2');
  });

  test('calls that were taken back cost nothing', () => {
    const { scheduler, put, serve } = setup();
    const first = put('a1');
    put('b1');
    expect(first.ok && scheduler.cancel(first.token)).toBe(true);
    expect(first.ok && scheduler.cancel(first.token)).toBe(false);
    put('a2');
    expect(serve()).toBe('b1');
    expect(serve()).toBe('a2');
    expect(scheduler.snapshot().groups).toEqual([]);
  });

  test('a running entry cannot be cancelled, nor finished twice', () => {
    const { scheduler, put } = setup();
    put('a1');
    put('b1');
    const token = scheduler.next(0)?.token ?? 0;
    expect(scheduler.cancel(token)).toBe(false);
    expect(scheduler.finish(token, 1, 0)).toBe(true);
    expect(scheduler.finish(token, 1, 0)).toBe(false);
    expect(scheduler.next(0)?.payload).toBe('b1');
    expect(scheduler.next(0)).toBeUndefined();
  });
});

describe('caps', () => {
  test('a user at its cap lets others pass', () => {
    const { scheduler, put } = setup({ capacity: 3, maxRunningPerUser: 1 });
    for (const name of ['a1', 'a2', 'b1']) put(name);
    expect([scheduler.next(0)?.payload, scheduler.next(0)?.payload, scheduler.next(0)]).toEqual(['a1', 'b1', undefined]);
  });

  test('a group at its cap holds all its users back', () => {
    const { scheduler, put } = setup({ capacity: 4, maxRunningPerGroup: 2 });
    for (const name of ['a1', 'b1', 'c1']) put(name, { group: 'service' });
    put('d1');
    const started = [scheduler.next(0), scheduler.next(0), scheduler.next(0), scheduler.next(0)].map((turn) => turn?.payload);
    expect(started).toEqual(['a1', 'd1', 'b1', undefined]);
  });

  test('short entries pass waiting long ones, even of the same user, while no long one may start', () => {
    const { scheduler, put } = setup({ capacity: 2, maxRunningLong: 1 });
    for (const name of ['a1', 'a2']) put(name, { long: true });
    put('a3');
    const first = scheduler.next(0);
    expect([first?.payload, scheduler.next(0)?.payload]).toEqual(['a1', 'a3']);
    scheduler.finish(first?.token ?? 0, 1, 0);
    expect(scheduler.next(0)?.payload).toBe('a2');
  });

  test('while both may start, a user keeps its order', () => {
    const { put, serve } = setup({ capacity: 2, maxRunningLong: 1 });
    put('a1', { long: true });
    put('a2');
    expect([serve(), serve()]).toEqual(['a1', 'a2']);
  });
});

describe('bounds', () => {
  test('each line says that it is full, and changes nothing', () => {
    const { scheduler, put } = setup({ maxWaitingPerUser: 2, maxWaitingPerGroup: 3, maxWaiting: 4 });
    const full = (name: string, group?: string) => {
      const result = put(name, group === undefined ? {} : { group });
      return result.ok ? undefined : result.full;
    };
    expect([full('a1', 's'), full('a2', 's'), full('a3', 's')]).toEqual([undefined, undefined, 'user_line']);
    expect([full('b1', 's'), full('b2', 's')]).toEqual([undefined, 'group_lines']);
    expect([full('c1'), full('d1')]).toEqual([undefined, 'all_lines']);
    expect(scheduler.waiting).toBe(4);
    expect(scheduler.knownGroups).toBe(2);
  });

  test('what has expired makes room in the line, is told, and never starts', () => {
    const { put, serve, expired } = setup({ maxWaitingPerUser: 1 });
    put('a1', { deadlineAt: 10 });
    expect(put('a2', {}, 9).ok).toBe(false);
    expect(put('a2', { deadlineAt: 30 }, 10).ok).toBe(true);
    expect(expired).toEqual(['a1']);
    expect(serve(1, 30)).toBeUndefined();
    expect(expired).toEqual(['a1', 'a2']);
  });

  test.each([
    ['capacity', { capacity: 0 }],
    ['maxWaitingPerUser', { maxWaitingPerUser: 0 }],
  ])('a %s below one is refused', (name, options) => {
    expect(() => setup(options)).toThrow(new RegExp(`^${name} .* at least 1`));
  });

  test.each([{ cost: NaN }, { cost: -1 }, { weight: 0 }, { weight: Infinity }])('%j is refused', (request) => {
    expect(() => setup().put('a1', request)).toThrow(/must be a number/);
  });
});

describe('memory of idle users', () => {
  test('10,000 users who came and went leave nothing behind', () => {
    const { scheduler, put, serve } = setup();
    for (let index = 0; index < 10_000; index++) {
      put(`u${index}`, { user: `u${index}` });
      expect(serve(5)).toBe(`u${index}`);
    }
    expect(scheduler.knownGroups).toBe(0);
  });

  test('a debt outlives a pause while others are active, until they have reached it', () => {
    const { scheduler, put, serve } = setup({ capacity: 1 });
    put('b1');
    put('a1');
    put('b2');
    expect([serve(1), serve(3)]).toEqual(['b1', 'a1']);
    put('a2');
    for (const name of ['b3', 'b4', 'b5']) put(name);
    expect([serve(), serve()]).toEqual(['b2', 'b3']);
    expect(serve()).toBe('a2');
    expect(scheduler.knownGroups).toBe(2);
    expect([serve(), serve(), serve()]).toEqual(['b4', 'b5', undefined]);
    expect(scheduler.knownGroups).toBe(0);
  });

  test('more debtors than may be remembered: the least debt is forgiven', () => {
    const { scheduler, put, serve } = setup({ maxIdle: 2, maxWaitingPerUser: 50 });
    const names = ['b', 'c', 'd', 'e'];
    put('a1');
    for (const name of names) put(`${name}1`);
    expect(serve(0)).toBe('a1');
    put('a2');
    for (const [index, name] of names.entries()) {
      expect(serve(10 + index)).toBe(`${name}1`);
    }
    expect(scheduler.knownGroups).toBe(3);
  });
});

describe('expected wait', () => {
  test('nothing is known at first, nobody waits while there is room', () => {
    const { scheduler, put } = setup({ capacity: 2 });
    put('a1');
    scheduler.next(0);
    expect(scheduler.expectedWaitMs('a', 'a')).toBe(0);
  });

  test('it grows with the own line, not with the line of a greedy other', () => {
    const { scheduler, put } = setup({ maxWaitingPerUser: 100 });
    put('a1');
    scheduler.finish(scheduler.next(0)?.token ?? 0, 1, 10);
    for (let index = 0; index < 50; index++) put(`a${index}`);
    scheduler.next(10);
    expect(scheduler.expectedWaitMs('a', 'a')).toBe(500);
    expect(scheduler.ownWaitMs('a', 'a')).toBe(500);
    expect(scheduler.expectedWaitMs('b', 'b')).toBe(20);
    expect(scheduler.ownWaitMs('b', 'b')).toBe(0);
  });

  test('a user at its cap waits for itself even while permits are free', () => {
    const { scheduler, put } = setup({ capacity: 4, maxRunningPerUser: 1 });
    put('a1');
    scheduler.finish(scheduler.next(0)?.token ?? 0, 1, 10);
    put('a2');
    scheduler.next(10);
    expect(scheduler.expectedWaitMs('a', 'a')).toBe(10);
    expect(scheduler.expectedWaitMs('b', 'b')).toBe(0);
  });
});

describe('an entry taken out of turn', () => {
  test('runs whatever the caps say, and its user pays for it', () => {
    const { scheduler, put, serve } = setup();
    for (const name of ['a1', 'b1', 'b2', 'c1', 'c2']) put(name);
    const first = scheduler.next(0);
    const ridden = put('b3');
    expect(ridden.ok && scheduler.take(ridden.token, 0)).toBe(true);
    expect(ridden.ok && scheduler.take(ridden.token, 0)).toBe(false);
    expect(scheduler.running).toBe(2);
    expect(scheduler.next(0)).toBe(undefined);
    scheduler.finish(first?.token ?? 0, 1, 0);
    if (ridden.ok) scheduler.finish(ridden.token, 1, 0);
    expect([serve(), serve(), serve(), serve()]).toEqual(['c1', 'b1', 'c2', 'b2']);
  });

  test('gives those who come from idle no later start', () => {
    const { scheduler, put, serve } = setup({ capacity: 3 });
    for (const name of ['b1', 'a1', 'a2']) put(name);
    expect(serve(100)).toBe('b1');
    const ridden = put('b2');
    const first = scheduler.next(0);
    expect([first?.payload, ridden.ok && scheduler.take(ridden.token, 0)]).toEqual(['a1', true]);
    put('c1');
    expect([serve(), serve()]).toEqual(['c1', 'a2']);
  });

  test('is not taken at or after its deadline', () => {
    const { scheduler, put } = setup();
    const late = put('a1', { deadlineAt: 5 });
    expect(late.ok && scheduler.take(late.token, 5)).toBe(false);
    expect(scheduler.running).toBe(0);
  });
});

test('the snapshot shows groups and users as they stand, and is bounded', () => {
  const { scheduler, put } = setup({ capacity: 1 });
  put('a1', { group: 's', groupWeight: 3, weight: 2, cost: 6 });
  put('b1', { group: 's', groupWeight: 3 });
  put('c1');
  scheduler.next(0);
  const a = { user: 'a', waiting: 0, running: 1, weight: 2, virtualTime: 3 };
  const b = { user: 'b', waiting: 1, running: 0, weight: 1, virtualTime: 0 };
  const c = { user: 'c', waiting: 1, running: 0, weight: 1, virtualTime: 0 };
  const { user: group, ...ofC } = c;
  expect(scheduler.snapshot()).toEqual({
    capacity: 1,
    running: 1,
    runningLong: 0,
    waiting: 2,
    virtualTime: 0,
    meanServiceMs: 0,
    truncated: false,
    groups: [
      { group: 's', waiting: 1, running: 1, weight: 3, virtualTime: 2, users: [a, b] },
      { group, ...ofC, users: [c] },
    ],
  });
  expect(scheduler.snapshot(1)).toMatchObject({ truncated: true, groups: [{ group: 's', users: [a] }] });
});
