import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';

/** What one user did of late; older use counts half as much every minute. */
export interface UserUsage {
  readonly userId: string;
  readonly calls: number;
  readonly refused: number;
  /** Thread time, µs. */
  readonly cost: number;
}

interface Tally {
  calls: number;
  refused: number;
  cost: number;
  at: number;
}

const HALF_LIFE_MS = 60_000;
const MAX_USERS = 10_000;

/** Who keeps the server busy, for administrators: bounded, decaying, never a metric label. */
export class UsageBook {
  readonly #clock: Clock;
  readonly #tallies = new BoundedMap<string, Tally>({ maxSize: MAX_USERS });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(userId: string, cost: number, outcome: string): void {
    const tally = this.#decayed(this.#tallies.get(userId) ?? { calls: 0, refused: 0, cost: 0, at: this.#clock.monotonic() });
    tally.calls += 1;
    tally.cost += cost;
    if (outcome === 'rate_limited' || outcome === 'overloaded') tally.refused += 1;
    this.#tallies.set(userId, tally);
  }

  busiest(limit: number): readonly UserUsage[] {
    const users = [...this.#tallies].map(([userId, tally]) => ({ userId, ...this.#decayed(tally) }));
    return users
      .sort((a, b) => b.cost - a.cost || b.calls - a.calls)
      .slice(0, limit)
      .map(({ userId, calls, refused, cost }) => ({ userId, calls: Math.round(calls), refused: Math.round(refused), cost: Math.round(cost) }));
  }

  #decayed(tally: Tally): Tally {
    const now = this.#clock.monotonic();
    const factor = 0.5 ** ((now - tally.at) / HALF_LIFE_MS);
    tally.calls *= factor;
    tally.refused *= factor;
    tally.cost *= factor;
    tally.at = now;
    return tally;
  }
}
