import { BoundedMap } from '../../../kernel/bounded-map.ts';

const MAX_ENTRIES = 20_000;
/** Weight of the newest measurement. */
const STEP = 1 / 8;

/** What calls of a method on a space took lately, µs: a moving mean, bounded, least recently used forgotten first. */
export class CostEstimates {
  readonly #means = new BoundedMap<string, number>({ maxSize: MAX_ENTRIES });

  /** Undefined when nothing is known. */
  get(space: string, method: string): number | undefined {
    return this.#means.get(`${space} ${method}`);
  }

  learn(space: string, method: string, us: number): void {
    const key = `${space} ${method}`;
    const mean = this.#means.get(key);
    this.#means.set(key, mean === undefined ? us : mean + (us - mean) * STEP);
  }
}
