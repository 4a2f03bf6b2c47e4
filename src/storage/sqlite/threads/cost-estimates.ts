import { BoundedMap } from '../../../kernel/bounded-map.ts';

const MAX_ENTRIES = 20_000;
/** Weight of the newest measurement, once there are so many that it is the less of the two. */
const STEP = 1 / 8;

/** What calls of one method on one space took lately: at first the mean, so that one cold call says little, then a moving mean. */
export class CostEstimate {
  #us: number | undefined;
  #measured = 0;

  /** µs; undefined when nothing is known. */
  get us(): number | undefined {
    return this.#us;
  }

  learn(us: number): void {
    this.#measured += 1;
    this.#us = this.#us === undefined ? us : this.#us + (us - this.#us) * Math.max(STEP, 1 / this.#measured);
  }
}

/** The estimates of all spaces and methods: bounded, least recently used forgotten first. */
export class CostEstimates {
  readonly #known = new BoundedMap<string, CostEstimate>({ maxSize: MAX_ENTRIES });

  /** The one of this space and method. One look-up serves a call from its arrival to its end. */
  of(space: string, method: string): CostEstimate {
    const key = `${space} ${method}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const estimate = new CostEstimate();
    this.#known.set(key, estimate);
    return estimate;
  }
}
