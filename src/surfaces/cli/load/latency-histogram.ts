/** Sub-buckets per power of two: a value is off by at most 1 in 64, 1.6 %. */
const SUB_BITS = 6;
const SUB_BUCKETS = 1 << SUB_BITS;
/** Values up to 2^36 µs, about 19 hours; longer ones count as that. */
const POWERS = 37 - SUB_BITS;
const MAX_US = 2 ** 36 - 1;

/** A histogram as plain numbers, fit to be sent between processes. Buckets that are empty are left out. */
export interface HistogramDump {
  readonly buckets: readonly (readonly [index: number, count: number])[];
  readonly sumMs: number;
  readonly maxMs: number;
}

/**
 * Counts of durations in a fixed 8 KB, however many are recorded. Buckets grow with the value, so that every quantile is
 * within 1.6 % (the idea of HdrHistogram by Gil Tene). Durations in milliseconds; negative ones count as 0.
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(POWERS * SUB_BUCKETS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** The histogram a {@link dump} came from. */
  static from(dump: HistogramDump): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (const [index, count] of dump.buckets) {
      histogram.#counts[index] = count;
      histogram.#count += count;
    }
    histogram.#sumMs = dump.sumMs;
    histogram.#maxMs = dump.maxMs;
    return histogram;
  }

  get count(): number {
    return this.#count;
  }

  /** Exact. */
  get sumMs(): number {
    return this.#sumMs;
  }

  /** Exact; 0 when nothing was recorded. */
  get maxMs(): number {
    return this.#maxMs;
  }

  record(ms: number): void {
    const value = Math.max(0, ms);
    const index = bucketOf(Math.min(MAX_US, Math.round(value * 1000)));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
    this.#sumMs += value;
    if (value > this.#maxMs) this.#maxMs = value;
  }

  /** The duration that a share `q` (0 to 1) of all records does not exceed, in ms; NaN when nothing was recorded. */
  quantile(q: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index] ?? 0;
      if (seen >= rank) return Math.min(middleOf(index) / 1000, this.#maxMs);
    }
    return this.#maxMs;
  }

  /** Adds all records of another one. */
  add(other: LatencyHistogram): void {
    for (let index = 0; index < this.#counts.length; index++) this.#counts[index] = (this.#counts[index] ?? 0) + (other.#counts[index] ?? 0);
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }

  dump(): HistogramDump {
    const buckets: [number, number][] = [];
    for (const [index, count] of this.#counts.entries()) if (count > 0) buckets.push([index, count]);
    return { buckets, sumMs: this.#sumMs, maxMs: this.#maxMs };
  }
}

/** Values below 64 µs have a bucket each; above, 64 buckets for each power of two. */
function bucketOf(us: number): number {
  if (us < SUB_BUCKETS) return us;
  const power = Math.floor(Math.log2(us)) - SUB_BITS;
  return (power + 1) * SUB_BUCKETS + Math.floor(us / 2 ** power) - SUB_BUCKETS;
}

function middleOf(index: number): number {
  if (index < SUB_BUCKETS) return index;
  const power = Math.floor(index / SUB_BUCKETS) - 1;
  return ((index % SUB_BUCKETS) + SUB_BUCKETS + 0.5) * 2 ** power;
}
