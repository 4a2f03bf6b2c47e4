/** One call that is due. */
export interface Arrival {
  /** In ms of the clock the arrivals started on. */
  readonly dueAt: number;
  /** Index of the user who calls. */
  readonly user: number;
}

export interface ArrivalOptions {
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly users: number;
  readonly callsPerSecondPerUser: number;
  /** Users that begin in each second, in order; all at once when absent. */
  readonly spawnPerSecond?: number;
  readonly startAt: number;
}

/**
 * Independent Poisson arrivals of many users, in order of time, for ever. Drawn as one Poisson process of the summed rate
 * whose arrivals are given to users at random, which is the same process (superposition), at a cost that does not grow with
 * the number of users. Arrivals of users who have not begun are left out (thinning).
 */
export function* poissonArrivals(options: ArrivalOptions): Generator<Arrival, never> {
  const { random, users, callsPerSecondPerUser, spawnPerSecond = Number.POSITIVE_INFINITY, startAt } = options;
  const meanGapMs = 1000 / (users * callsPerSecondPerUser);
  for (let dueAt = startAt; ;) {
    dueAt -= Math.log(1 - random()) * meanGapMs;
    const user = Math.floor(random() * users);
    if (user < usersBegun(dueAt - startAt, users, spawnPerSecond)) yield { dueAt, user };
  }
}

/** How many users have begun after `elapsedMs`; the first one begins at once. */
export function usersBegun(elapsedMs: number, users: number, spawnPerSecond: number): number {
  if (!Number.isFinite(spawnPerSecond)) return users;
  return Math.min(users, 1 + Math.floor((elapsedMs / 1000) * spawnPerSecond));
}
