import { expect, it } from 'vitest';
import { createSeededRandom } from '../../../kernel/seeded-random.ts';
import { type Arrival, poissonArrivals } from './arrivals.ts';

const START = 5000;

function take(count: number, users: number, rate: number, spawnPerSecond?: number): readonly Arrival[] {
  const options = { random: createSeededRandom(7), users, callsPerSecondPerUser: rate, startAt: START };
  return [...poissonArrivals(spawnPerSecond === undefined ? options : { ...options, spawnPerSecond }).take(count)];
}

it('gaps have the mean and the spread of an exponential distribution', () => {
  const arrivals = take(50_000, 20, 5);
  const gaps = arrivals.map((arrival, at) => arrival.dueAt - (arrivals[at - 1]?.dueAt ?? START));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  expect(mean).toBeCloseTo(10, 0);
  expect(deviation / mean).toBeCloseTo(1, 1);
});

it('every user calls about equally often, in order of time', () => {
  const arrivals = take(50_000, 20, 1);
  const calls = Map.groupBy(arrivals, ({ user }) => user);
  expect(calls.size).toBe(20);
  for (const own of calls.values()) expect(own.length / 2500).toBeCloseTo(1, 0);
  expect(arrivals.every(({ dueAt }, at) => dueAt >= (arrivals[at - 1]?.dueAt ?? START))).toBe(true);
});

it('nobody calls before they have begun', () => {
  const arrivals = take(3000, 50, 1, 10);
  for (const { dueAt, user } of arrivals) expect(user).toBeLessThanOrEqual(((dueAt - START) / 1000) * 10);
  expect(new Set(arrivals.map(({ user }) => user)).size).toBe(50);
});

it('the same seed gives the same arrivals', () => {
  expect(take(100, 3, 1)).toEqual(take(100, 3, 1));
});
