import { describe, expect, test } from 'vitest';
import type { FairSchedulerOptions } from './fair-options.ts';
import { FairScheduler } from './fair-scheduler.ts';
import { createSeededRandom } from './seeded-random.ts';

/** What a simulated user asks for. Cost is milliseconds of service, which the scheduler learns only at the end. */
interface Call {
  readonly user: string;
  readonly group: string;
  readonly cost: number;
  readonly long: boolean;
  readonly deadlineAt: number;
}

interface Started extends Call {
  readonly askedAt: number;
  readonly startedAt: number;
  readonly endsAt: number;
}

interface Ask extends Partial<Omit<Call, 'user' | 'cost'>> {
  readonly user: string;
  readonly cost: number;
  readonly estimate?: number;
  readonly weight?: number;
}

/** Servers that work for as long as each call costs, driven by the scheduler: a model with its own books, to check against. */
class Simulation {
  readonly scheduler: FairScheduler<Call & { readonly askedAt: number }>;
  readonly started: Started[] = [];
  readonly done = new Map<string, number>();
  readonly running = new Map<number, Started>();
  expired = 0;
  now = 0;

  constructor(options: FairSchedulerOptions) {
    this.scheduler = new FairScheduler(options, ({ deadlineAt }) => {
      this.expired += 1;
      if (deadlineAt > this.now) throw new Error('expired before its deadline');
    });
  }

  ask({ user, group = user, cost, estimate = cost, weight = 1, long = false, deadlineAt = Infinity }: Ask): number | undefined {
    const payload = { user, group, cost, long, deadlineAt, askedAt: this.now };
    const result = this.scheduler.enqueue({ user, group, weight, cost: estimate, long, deadlineAt, payload }, this.now);
    return result.ok ? result.token : undefined;
  }

  /** Starts all that may start. */
  start(): void {
    for (let turn = this.scheduler.next(this.now); turn !== undefined; turn = this.scheduler.next(this.now)) {
      const started = { ...turn.payload, startedAt: this.now, endsAt: this.now + turn.payload.cost };
      this.started.push(started);
      this.running.set(turn.token, started);
    }
  }

  /** Moves on to the end of the service that ends first, and gives it back; undefined when nothing runs. */
  finishOne(): Started | undefined {
    let first: [number, Started] | undefined;
    for (const each of this.running) if (first === undefined || each[1].endsAt < first[1].endsAt) first = each;
    if (first === undefined) return undefined;
    const [token, call] = first;
    this.now = Math.max(this.now, call.endsAt);
    this.running.delete(token);
    this.scheduler.finish(token, call.cost, this.now);
    this.done.set(call.user, (this.done.get(call.user) ?? 0) + call.cost);
    return call;
  }

  count(matches: (call: Call) => boolean): number {
    let count = 0;
    for (const call of this.running.values()) if (matches(call)) count += 1;
    return count;
  }
}

const pick = (random: () => number, from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed + 1);

describe('whatever happens', () => {
  test('caps, lines and deadlines hold, nothing that may run stands idle, and nothing is left (2,000 seeds)', () => {
    for (const seed of seeds(2000)) expect(() => chaos(seed)).not.toThrow();
  });
});

function chaos(seed: number): void {
  const random = createSeededRandom(seed);
  const capacity = pick(random, 1, 4);
  const options = {
    capacity,
    maxRunningPerUser: pick(random, 1, capacity),
    maxRunningPerGroup: pick(random, 1, capacity),
    maxRunningLong: pick(random, 1, capacity),
    maxWaitingPerUser: pick(random, 1, 6),
    maxWaiting: pick(random, 4, 30),
    maxWaitingPerGroup: pick(random, 4, 20),
    maxIdle: pick(random, 1, 8),
  };
  const sim = new Simulation(options);
  const users = pick(random, 2, 8);
  const groupOf = Array.from({ length: users }, (_, user) => (random() < 0.5 ? 'service' : `u${user}`));
  const tokens: number[] = [];
  for (let step = 0; step < 60; step++) {
    const action = random();
    if (action < 0.6) {
      const user = pick(random, 0, users - 1);
      const deadlineAt = random() < 0.5 ? Infinity : sim.now + random() * 40;
      const shape = { long: random() < 0.3, deadlineAt, weight: pick(random, 1, 3), cost: random() * 10, estimate: random() * 10 };
      const token = sim.ask({ user: `u${user}`, group: groupOf[user] ?? '', ...shape });
      if (token !== undefined) tokens.push(token);
    } else if (action < 0.7 && tokens.length > 0) {
      sim.scheduler.cancel(tokens[pick(random, 0, tokens.length - 1)] ?? 0);
    } else {
      sim.finishOne();
    }
    sim.start();
    checkInvariants(sim, options);
  }
  while (sim.finishOne() !== undefined) sim.start();
  expect([sim.scheduler.running, sim.scheduler.waiting, sim.scheduler.knownGroups, sim.scheduler.snapshot().groups.length]).toEqual([0, 0, 0, 0]);
  expect(sim.started.every(({ startedAt, deadlineAt }) => startedAt < deadlineAt)).toBe(true);
}

/** One plain exception instead of many `expect`s: this runs 120,000 times. */
function checkInvariants(sim: Simulation, options: Required<FairSchedulerOptions>): void {
  const ensure = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`${what}: ${JSON.stringify(sim.scheduler.snapshot())}`);
  };
  const { groups, waiting, runningLong } = sim.scheduler.snapshot();
  ensure(sim.running.size <= options.capacity && sim.running.size === sim.scheduler.running, 'capacity');
  ensure(runningLong <= options.maxRunningLong && runningLong === sim.count(({ long }) => long), 'long class');
  ensure(waiting <= options.maxWaiting, 'all lines');
  let shown = 0;
  for (const group of groups) {
    ensure(group.running <= options.maxRunningPerGroup && group.running === sim.count((call) => call.group === group.group), 'group cap');
    ensure(group.waiting <= options.maxWaitingPerGroup, 'group lines');
    for (const user of group.users) {
      shown += user.waiting;
      ensure(user.running <= options.maxRunningPerUser && user.running === sim.count((call) => call.user === user.user), 'user cap');
      ensure(user.waiting <= options.maxWaitingPerUser, 'user line');
      const free = sim.running.size < options.capacity && group.running < options.maxRunningPerGroup && user.running < options.maxRunningPerUser;
      ensure(!free || user.waiting === 0 || runningLong >= options.maxRunningLong, 'idle beside work');
    }
  }
  ensure(shown === waiting, 'books');
}

describe('shares', () => {
  test('backlogged users get cost in proportion to their weights, estimates being wrong (300 seeds)', () => {
    for (const seed of seeds(300)) expect(() => proportional(seed)).not.toThrow();
  });

  test('the thousand users of a service together get one share', () => {
    const sim = new Simulation({ capacity: 2 });
    const random = createSeededRandom(11);
    for (let user = 0; user < 1000; user++) sim.ask({ user: `s${user}`, group: 'service', cost: 1 + random() * 4, estimate: 1 });
    for (const user of ['a', 'b', 'c']) for (let call = 0; call < 32; call++) sim.ask({ user, cost: 1 + random() * 4, estimate: 1 });
    sim.start();
    let ofService = 0;
    let all = 0;
    for (let services = 0; services < 100; services++) {
      const call = sim.finishOne();
      sim.start();
      all += call?.cost ?? 0;
      if (call?.group === 'service') ofService += call.cost;
    }
    expect(ofService / all).toBeGreaterThan(0.2);
    expect(ofService / all).toBeLessThan(0.3);
    const served = new Set(sim.started.filter(({ group }) => group === 'service').map(({ user }) => user));
    expect(served.size).toBe(sim.started.filter(({ group }) => group === 'service').length);
  });

  test('a user who was away gains nothing by it, and one who used more before pays it back (300 seeds)', () => {
    for (const seed of seeds(300)) expect(() => returning(seed)).not.toThrow();
  });
});

function proportional(seed: number): void {
  const random = createSeededRandom(seed);
  const capacity = pick(random, 1, 4);
  const sim = new Simulation({ capacity, maxWaitingPerUser: capacity + 1 });
  const users = Array.from({ length: pick(random, 2, 6) }, (_, index) => ({
    user: `u${index}`,
    weight: [0.5, 1, 2, 4][pick(random, 0, 3)] ?? 1,
    largest: [1, 5, 20][pick(random, 0, 2)] ?? 1,
  }));
  const refill = (): void => {
    for (const { user, weight, largest } of users) {
      while (sim.ask({ user, weight, cost: random() * largest, estimate: random() * 20 }) !== undefined);
    }
  };
  for (let services = 0; services < 400; services++) {
    refill();
    sim.start();
    sim.finishOne();
  }
  const most = 20 * (capacity + 1);
  for (const a of users) {
    for (const b of users) {
      const difference = (sim.done.get(a.user) ?? 0) / a.weight - (sim.done.get(b.user) ?? 0) / b.weight;
      if (Math.abs(difference) > most / a.weight + most / b.weight) throw new Error(`seed ${seed}: ${a.user} and ${b.user} differ by ${difference}`);
    }
  }
}

function returning(seed: number): void {
  const random = createSeededRandom(seed);
  const sim = new Simulation({ capacity: 1, maxWaitingPerUser: 200 });
  const fill = (user: string, calls: number): void => {
    for (let call = 0; call < calls; call++) sim.ask({ user, cost: 0.5 + random() });
  };
  fill('a', 150);
  fill('b', 150);
  if (seed % 2 === 0) fill('c', 3);
  for (let services = 0; services < 100; services++) {
    sim.start();
    sim.finishOne();
  }
  const before = new Map(sim.done);
  fill('c', 60);
  for (let services = 0; services < 90; services++) {
    sim.start();
    sim.finishOne();
  }
  const gained = ['a', 'b', 'c'].map((user) => (sim.done.get(user) ?? 0) - (before.get(user) ?? 0));
  expect(Math.max(...gained) - Math.min(...gained)).toBeLessThan(2 * 1.5 + 1e-9);
}

describe('no starvation', () => {
  test('a light user beside any crowd waits for one turn of each at most, costs being known (300 seeds)', () => {
    for (const seed of seeds(300)) expect(() => lightUser(seed, true)).not.toThrow();
  });

  test('and for little more when estimates are wrong (300 seeds)', () => {
    for (const seed of seeds(300)) expect(() => lightUser(seed, false)).not.toThrow();
  });

  test('the first long call of a newcomer is not held up by one who has long had the long class to itself', () => {
    const sim = new Simulation({ capacity: 2, maxRunningLong: 1, maxRunningPerUser: 1 });
    const refill = (): void => {
      while (sim.ask({ user: 'longs', cost: 30, long: true }) !== undefined);
      while (sim.ask({ user: 'shorts', weight: 0.1, cost: 1 }) !== undefined);
    };
    const steps = (count: number): void => {
      for (let step = 0; step < count; step++) {
        refill();
        sim.start();
        sim.finishOne();
      }
    };
    steps(3000);
    sim.ask({ user: 'new', cost: 1, long: true });
    const askedAt = sim.now;
    steps(100);
    const served = sim.started.find(({ user }) => user === 'new');
    expect((served?.startedAt ?? Infinity) - askedAt).toBeLessThanOrEqual(60);
  });
});

function lightUser(seed: number, known: boolean): void {
  const random = createSeededRandom(seed);
  const capacity = pick(random, 1, 4);
  const crowd = pick(random, 1, 8);
  const largest = 10;
  const sim = new Simulation({ capacity, maxWaitingPerUser: 16 });
  const refill = (): void => {
    for (let user = 0; user < crowd; user++) {
      for (;;) {
        const cost = random() * largest;
        if (sim.ask({ user: `heavy${user}`, cost, estimate: known ? cost : random() * largest }) === undefined) break;
      }
    }
  };
  for (let services = 0; services < 60; services++) {
    refill();
    sim.start();
    sim.finishOne();
    if (services % 10 !== 9) continue;
    sim.ask({ user: 'light', cost: 0.1 });
    const from = sim.started.length;
    while (sim.started.findIndex(({ user }, index) => index >= from && user === 'light') < 0) {
      refill();
      sim.start();
      if (sim.started.at(-1)?.user !== 'light') sim.finishOne();
    }
    const ahead = sim.started.findIndex(({ user }, index) => index >= from && user === 'light') - from;
    const waited = sim.now - (sim.started[from + ahead]?.askedAt ?? 0);
    const turns = known ? 1 : 2 * capacity;
    if (ahead > crowd * turns || waited > largest * (1 + turns)) throw new Error(`seed ${seed}: ${ahead} ahead, waited ${waited}`);
  }
}

test('choosing among 1,000 waiting users takes microseconds', () => {
  const scheduler = new FairScheduler<number>({ capacity: 4 });
  let now = 0;
  const ask = (index: number): void => void scheduler.enqueue({ user: `u${index % 1000}`, group: `u${index % 1000}`, cost: 1, payload: index }, now);
  for (let index = 0; index < 8000; index++) ask(index);
  const rounds = 20_000;
  const begin = performance.now();
  for (let round = 0; round < rounds; round++) {
    now += 1;
    const turn = scheduler.next(now);
    if (turn === undefined) throw new Error('somebody should have had a turn');
    scheduler.finish(turn.token, (turn.payload % 7) + 1, now);
    ask(turn.payload);
  }
  expect((performance.now() - begin) / rounds).toBeLessThan(0.1);
});
