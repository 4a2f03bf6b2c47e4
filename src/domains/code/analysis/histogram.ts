/** Counts of whole numbers from 0; what is above the largest counts as the largest, except in `max`. */
const LARGEST = 4096;

export class Histogram {
  readonly #counts = new Uint32Array(LARGEST + 1);
  #total = 0;
  #sum = 0;
  #max = 0;

  add(value: number): void {
    const whole = Math.max(0, Math.trunc(value));
    const at = Math.min(LARGEST, whole);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#total += 1;
    this.#sum += whole;
    this.#max = Math.max(this.#max, whole);
  }

  get total(): number {
    return this.#total;
  }

  get sum(): number {
    return this.#sum;
  }

  get max(): number {
    return this.#max;
  }

  /** The least value that at least `share` (0 to 1) of all do not exceed: the nearest-rank percentile. 0 when there are none. */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (let value = 0; value < LARGEST; value += 1) {
      seen += this.#counts[value] ?? 0;
      if (seen >= rank) return value;
    }
    return this.#total === 0 ? 0 : this.#max;
  }

  /** How many lie from `from` to `to`, both included. */
  between(from: number, to: number): number {
    let count = 0;
    for (let value = from; value <= Math.min(to, LARGEST); value += 1) count += this.#counts[value] ?? 0;
    return count;
  }
}
