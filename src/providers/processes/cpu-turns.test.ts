import { expect, test } from 'vitest';
import { CpuTurns } from './cpu-turns.ts';

interface Child {
  readonly id: number;
  readonly user: string;
  readonly weight?: number;
  /** Share of a processor it uses when awake. */
  readonly appetite?: number;
  readonly usedMs?: number;
  readonly startsAt?: number;
}

interface Course {
  readonly used: ReadonlyMap<number, number>;
  /** Longest time each was paused at a stretch, ms. */
  readonly longestPause: ReadonlyMap<number, number>;
  /** Most processors in use at the end of a turn. */
  readonly most: number;
}

/** Plays the children on the turn taker for `ms`, in its own turns. */
function play(cpus: number, children: readonly Child[], ms: number): Course {
  const turns = new CpuTurns(cpus);
  const used = new Map<number, number>();
  const longestPause = new Map<number, number>();
  const pausedAt = new Map<number, number>();
  let most = 0;
  for (let now = 0; now < ms;) {
    for (const { id, user, weight = 1, usedMs = 0, startsAt = 0 } of children) {
      if (used.has(id) || startsAt > now) continue;
      used.set(id, usedMs);
      turns.add(id, user, weight, now);
      turns.measure(id, usedMs, now, () => true);
    }
    const { pause, resume } = turns.choose(now);
    for (const id of pause) pausedAt.set(id, now);
    for (const id of resume) {
      longestPause.set(id, Math.max(longestPause.get(id) ?? 0, now - (pausedAt.get(id) ?? now)));
      pausedAt.delete(id);
    }
    const turn = turns.turnMs;
    now += turn;
    let inUse = 0;
    for (const { id, appetite = 1 } of children) {
      if (!used.has(id)) continue;
      if (!pausedAt.has(id)) used.set(id, (used.get(id) ?? 0) + turn * appetite);
      if (!pausedAt.has(id)) inUse += appetite;
      turns.measure(id, used.get(id) ?? 0, now, () => appetite > 0.5);
    }
    most = Math.max(most, inUse);
  }
  return { used, longestPause, most };
}

const child = (id: number, more: Partial<Child> = {}): Child => ({ id, user: `user${id}`, ...more });

test('three that work share one processor equally', () => {
  const { used, longestPause, most } = play(1, [child(1), child(2), child(3)], 9000);
  expect([...used.values()]).toEqual([3000, 3000, 3000]);
  expect(most).toBe(1);
  expect(Math.max(...longestPause.values())).toBeLessThanOrEqual(750);
});

test('as many as there are processors are never paused', () => {
  const { used, longestPause } = play(2, [child(1), child(2)], 3000);
  expect([...used.values()]).toEqual([3000, 3000]);
  expect(longestPause.size).toBe(0);
});

test('a short task passes a long one, which still moves within a second', () => {
  const { used, longestPause } = play(1, [child(1, { usedMs: 600_000 }), child(2), child(3, { startsAt: 1000 })], 8000);
  expect(longestPause.get(1)).toBeLessThanOrEqual(750);
  expect(used.get(2)).toBeGreaterThan(1.4 * ((used.get(1) ?? 0) - 600_000));
});

test('children of one user share what one user gets', () => {
  const { used } = play(1, [child(1, { user: 'a' }), child(2, { user: 'a' }), child(3, { user: 'b' })], 12_000);
  expect((used.get(1) ?? 0) + (used.get(2) ?? 0)).toBeLessThanOrEqual((used.get(3) ?? 0) * 1.2);
  expect(Math.abs((used.get(1) ?? 0) - (used.get(2) ?? 0))).toBeLessThanOrEqual(250);
});

test('twice the weight is twice the time', () => {
  const { used } = play(1, [child(1, { weight: 2 }), child(2)], 12_000);
  expect((used.get(1) ?? 0) / (used.get(2) ?? 1)).toBeCloseTo(2, 0);
});

test('one that waits for the network keeps nobody from the processor, and is not paused', () => {
  const { used, longestPause } = play(1, [child(1, { appetite: 0.02 }), child(2)], 10_000);
  expect(used.get(2)).toBeGreaterThanOrEqual(9500);
  expect(longestPause.get(1) ?? 0).toBeLessThanOrEqual(250);
});

test('one that gets little although it wants more is not taken for idle', () => {
  const turns = new CpuTurns(1);
  for (const id of [1, 2]) turns.add(id, `user${id}`, 1, 0);
  expect(turns.choose(0)).toEqual({ pause: [2], resume: [] });
  turns.measure(1, 1, 250, () => true);
  turns.measure(2, 0, 250, () => true);
  expect(turns.choose(250)).toEqual({ pause: [1], resume: [2] });
});

test('many take shorter turns, so that each has one within a second', () => {
  const { longestPause } = play(
    1,
    Array.from({ length: 12 }, (_, id) => child(id)),
    10_000,
  );
  expect(Math.max(...longestPause.values())).toBeLessThanOrEqual(1000);
});

test('who leaves makes room at once', () => {
  const turns = new CpuTurns(1);
  for (const id of [1, 2]) turns.add(id, 'user', 1, 0);
  turns.choose(0);
  expect(turns.paused).toBe(1);
  turns.remove(1);
  expect(turns.choose(10)).toEqual({ pause: [], resume: [2] });
  expect(turns.paused).toBe(0);
});
