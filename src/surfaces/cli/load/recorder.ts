import type { ErrorCode } from '../../../kernel/errors.ts';
import { type HistogramDump, LatencyHistogram } from './latency-histogram.ts';

/** How a call ended: `ok`, a code of the error table, or what the connection said, such as `ECONNRESET`. */
export type Outcome = string;

export const OK: Outcome = 'ok';
/** The generator itself had no room to send it in time: too many of that user's calls were unanswered. */
export const UNSENT: Outcome = 'unsent';

/** A server that says "not now" works as it should; everything else but `ok` is an error. */
const REFUSALS: ReadonlySet<Outcome> = new Set(['rate_limited', 'overloaded', 'quota_exceeded'] satisfies ErrorCode[]);

export function isRefusal(outcome: Outcome): boolean {
  return REFUSALS.has(outcome);
}

/** What became of the calls of one operation. */
export interface OperationRecord {
  readonly ok: number;
  /** Counts by {@link Outcome}, `ok` left out. */
  readonly others: Readonly<Record<Outcome, number>>;
  /** Of calls that ended `ok`, from the moment they were due. */
  readonly latency: LatencyHistogram;
}

/** A recorder as plain values, fit to be sent between processes. */
export interface RecorderDump {
  readonly operations: readonly (readonly [
    name: string,
    record: { readonly others: Readonly<Record<Outcome, number>>; readonly latency: HistogramDump },
  ])[];
  readonly lateness: HistogramDump;
  readonly due: number;
}

/** More different outcomes of one operation are counted as `other`. */
const MAX_OUTCOMES = 32;

/** Counts what a load sees. Holds a fixed amount per operation, however long the load runs. */
export class Recorder {
  readonly #operations = new Map<string, { others: Map<Outcome, number>; latency: LatencyHistogram }>();
  /** How much later than due the generator itself sent a call. Large values mean that the generator, not the server, was slow. */
  readonly lateness: LatencyHistogram;
  #due: number;

  constructor(dump?: RecorderDump) {
    this.lateness = dump === undefined ? new LatencyHistogram() : LatencyHistogram.from(dump.lateness);
    this.#due = dump?.due ?? 0;
    for (const [name, { others, latency }] of dump?.operations ?? []) {
      this.#operations.set(name, { others: new Map(Object.entries(others)), latency: LatencyHistogram.from(latency) });
    }
  }

  /** Calls that fell due, answered or not. */
  get due(): number {
    return this.#due;
  }

  countDue(): void {
    this.#due++;
  }

  record(operation: string, outcome: Outcome, ms: number): void {
    const entry = this.#entry(operation);
    if (outcome === OK) return entry.latency.record(ms);
    const key = entry.others.has(outcome) || entry.others.size < MAX_OUTCOMES ? outcome : 'other';
    entry.others.set(key, (entry.others.get(key) ?? 0) + 1);
  }

  get operations(): ReadonlyMap<string, OperationRecord> {
    return new Map(
      [...this.#operations].map(([name, { others, latency }]) => [name, { ok: latency.count, others: Object.fromEntries(others), latency }]),
    );
  }

  /** Latency of several operations together, of all when none is named. */
  latency(...names: readonly string[]): LatencyHistogram {
    const sum = new LatencyHistogram();
    for (const [name, { latency }] of this.#operations) if (names.length === 0 || names.includes(name)) sum.add(latency);
    return sum;
  }

  /** Counts over all operations by outcome, `ok` included. */
  outcomes(): ReadonlyMap<Outcome, number> {
    const sum = new Map<Outcome, number>();
    for (const { others, latency } of this.#operations.values()) {
      for (const [outcome, count] of [[OK, latency.count] as const, ...others]) sum.set(outcome, (sum.get(outcome) ?? 0) + count);
    }
    return sum;
  }

  /** Calls answered well, refused, and failed. */
  totals(): { readonly ok: number; readonly refused: number; readonly failed: number } {
    let [ok, refused, failed] = [0, 0, 0];
    for (const [outcome, count] of this.outcomes()) {
      if (outcome === OK) ok += count;
      else if (isRefusal(outcome)) refused += count;
      else failed += count;
    }
    return { ok, refused, failed };
  }

  /** Adds all that another one counted. */
  add(other: Recorder): void {
    this.lateness.add(other.lateness);
    this.#due += other.#due;
    for (const [name, { others, latency }] of other.#operations) {
      const entry = this.#entry(name);
      entry.latency.add(latency);
      for (const [outcome, count] of others) entry.others.set(outcome, (entry.others.get(outcome) ?? 0) + count);
    }
  }

  dump(): RecorderDump {
    const operations = [...this.#operations].map(
      ([name, { others, latency }]) => [name, { others: Object.fromEntries(others), latency: latency.dump() }] as const,
    );
    return { operations, lateness: this.lateness.dump(), due: this.#due };
  }

  #entry(operation: string): { others: Map<Outcome, number>; latency: LatencyHistogram } {
    let entry = this.#operations.get(operation);
    if (entry === undefined) {
      entry = { others: new Map(), latency: new LatencyHistogram() };
      this.#operations.set(operation, entry);
    }
    return entry;
  }
}
