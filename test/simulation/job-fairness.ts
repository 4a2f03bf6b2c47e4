import type { Job } from '../../src/domains/jobs/model.ts';
import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import { type Ask, type JobLine, pick } from './job-line.ts';

const LARGEST = 20;
const QUEUED = 6;

/** Slots that work for as long as each job costs, with all users kept backlogged. */
class Slots {
  readonly #line: JobLine;
  readonly #capacity: number;
  readonly #running = new Map<Job, { readonly endsAt: number; readonly cost: number }>();
  readonly #queued = new Map<string, number>();
  readonly done = new Map<string, number>();
  readonly started: string[] = [];
  readonly #cost: (job: Job) => number;

  constructor(line: JobLine, capacity: number, cost: (job: Job) => number) {
    this.#line = line;
    this.#capacity = capacity;
    this.#cost = cost;
  }

  refill(userId: string, weight: number, estimate: () => number, of?: Pick<Ask, 'group' | 'service'>): void {
    for (let queued = this.#queued.get(userId) ?? 0; queued < QUEUED; queued++) this.ask(userId, weight, estimate(), of);
  }

  ask(userId: string, weight: number, estimate: number, of: Pick<Ask, 'group' | 'service'> = {}): void {
    this.#line.ask({ userId, weight, estimate, ...of });
    this.#queued.set(userId, (this.#queued.get(userId) ?? 0) + 1);
  }

  start(): void {
    for (const job of this.#line.claim('sync', this.#capacity, this.#capacity)) {
      const cost = this.#cost(job);
      this.#running.set(job, { endsAt: this.#line.now + cost, cost });
      this.#queued.set(job.userId, (this.#queued.get(job.userId) ?? 0) - 1);
      this.started.push(job.userId);
    }
  }

  finishOne(): void {
    const [first] = [...this.#running].toSorted(([, a], [, b]) => a.endsAt - b.endsAt);
    if (first === undefined) throw new Error('a slot stands idle beside work');
    const [job, { endsAt, cost }] = first;
    this.#line.now = Math.max(this.#line.now, Math.ceil(endsAt));
    this.#running.delete(job);
    if (!this.#line.succeed(job, cost)) throw new Error('a finish was refused');
    this.done.set(job.userId, (this.done.get(job.userId) ?? 0) + cost);
  }
}

/**
 * Backlogged users get cost in proportion to their weights, estimates being wrong: what any two got over their weights differs
 * by no more than the largest cost times the slots and one, for each of them.
 */
export function proportional(line: JobLine, seed: number): void {
  const random = createSeededRandom(seed);
  const capacity = pick(random, 1, 4);
  const users = Array.from({ length: pick(random, 2, 5) }, (_, n) => ({
    user: `u${n}`,
    weight: [0.5, 1, 2, 4][pick(random, 0, 3)] ?? 1,
    largest: [1, 5, LARGEST][pick(random, 0, 2)] ?? 1,
  }));
  const largest = new Map(users.map(({ user, largest: most }) => [user, most]));
  const slots = new Slots(line, capacity, ({ userId }) => random() * (largest.get(userId) ?? 1));
  for (let services = 0; services < 120; services++) {
    for (const { user, weight } of users) slots.refill(user, weight, () => random() * LARGEST);
    slots.start();
    slots.finishOne();
  }
  expectShares(
    users.map(({ user, weight }) => ({ name: user, weight, done: slots.done.get(user) ?? 0 })),
    capacity,
  );
}

/** The same for services of many users beside users alone: among the groups, and among the users of each. */
export function proportionalByGroup(line: JobLine, seed: number): void {
  const random = createSeededRandom(seed);
  const capacity = pick(random, 1, 4);
  const someWeight = (): number => [0.5, 1, 2, 4][pick(random, 0, 3)] ?? 1;
  const groups = Array.from({ length: pick(random, 2, 4) }, (_, n) => {
    const weight = someWeight();
    const alone = [{ user: `g${n}`, weight }];
    const members = Array.from({ length: pick(random, 1, 4) }, (_each, m) => ({ user: `g${n}u${m}`, weight: someWeight() }));
    return { name: `g${n}`, weight, users: random() < 0.3 ? alone : members };
  });
  const slots = new Slots(line, capacity, () => random() * LARGEST);
  for (let services = 0; services < 200; services++) {
    for (const { name, weight, users } of groups) {
      const of = users[0]?.user === name ? {} : { group: name, service: { weight, cap: 1000 } };
      for (const { user, weight: own } of users) slots.refill(user, own, () => random() * LARGEST, of);
    }
    slots.start();
    slots.finishOne();
  }
  const doneBy = (users: readonly { readonly user: string }[]): number => users.reduce((sum, { user }) => sum + (slots.done.get(user) ?? 0), 0);
  expectShares(
    groups.map(({ name, weight, users }) => ({ name, weight, done: doneBy(users) })),
    capacity,
  );
  for (const { users } of groups) {
    expectShares(
      users.map((user) => ({ name: user.user, weight: user.weight, done: doneBy([user]) })),
      capacity,
    );
  }
}

interface Done {
  readonly name: string;
  readonly weight: number;
  readonly done: number;
}

function expectShares(all: readonly Done[], capacity: number): void {
  const most = LARGEST * (capacity + 1);
  for (const a of all) {
    for (const b of all) {
      const difference = a.done / a.weight - b.done / b.weight;
      if (Math.abs(difference) > most / a.weight + most / b.weight) throw new Error(`${a.name} and ${b.name} differ by ${difference}`);
    }
  }
}

/** A newcomer beside any backlog goes before the second job of each of the others; with wrong estimates soon after. */
export function newcomer(line: JobLine, seed: number): void {
  const random = createSeededRandom(seed);
  const known = seed % 2 === 0;
  const capacity = pick(random, 1, 4);
  const crowd = Array.from({ length: pick(random, 1, 6) }, (_, n) => `heavy${n}`);
  const slots = new Slots(line, capacity, ({ estimate }) => (known ? estimate : random() * LARGEST));
  const refill = (): void => {
    for (const user of crowd) slots.refill(user, 1, () => random() * LARGEST);
  };
  for (let services = 0; services < 40; services++) {
    refill();
    slots.start();
    slots.finishOne();
    if (services % 10 === 9) waitFor(slots, refill, crowd.length * (known ? 1 : 2 * capacity));
  }
}

function waitFor(slots: Slots, refill: () => void, allowed: number): void {
  slots.ask('light', 1, 0.1);
  const from = slots.started.length;
  while (!slots.started.includes('light', from)) {
    refill();
    slots.start();
    if (slots.started.at(-1) !== 'light') slots.finishOne();
  }
  const ahead = slots.started.indexOf('light', from) - from;
  if (ahead > allowed) throw new Error(`${ahead} jobs went before a newcomer's`);
}
