import { LatencyHistogram } from '../../src/surfaces/cli/load/latency-histogram.ts';
import { machineNow } from './stamp.ts';

const TICK_MS = 5;

/** Thousands of things due at times of their own, on one timer: what falls due in the same 5 ms runs together, never early. */
export class Wheel implements Disposable {
  readonly #due = new Map<number, (() => void)[]>();
  #tick = Math.floor(machineNow() / TICK_MS);
  #timer: NodeJS.Timeout | undefined;
  #lateness = new LatencyHistogram();

  constructor() {
    this.#arm();
  }

  /** How long after its tick things ran, since this was last asked. */
  takeLateness(): LatencyHistogram {
    const lateness = this.#lateness;
    this.#lateness = new LatencyHistogram();
    return lateness;
  }

  /** Runs it once, at a time of {@link machineNow}. */
  at(ms: number, run: () => void): void {
    const tick = Math.max(this.#tick + 1, Math.ceil(ms / TICK_MS));
    const slot = this.#due.get(tick);
    if (slot === undefined) this.#due.set(tick, [run]);
    else slot.push(run);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#due.clear();
  }

  /** Aims at the next tick each time: an interval would drift against the ticks. */
  #arm(): void {
    const leftMs = (this.#tick + 1) * TICK_MS - machineNow();
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, Math.ceil(leftMs)));
  }

  #turn(): void {
    const last = Math.floor(machineNow() / TICK_MS);
    while (this.#tick < last) {
      this.#tick += 1;
      const slot = this.#due.get(this.#tick) ?? [];
      this.#due.delete(this.#tick);
      for (const run of slot) {
        this.#lateness.record(machineNow() - this.#tick * TICK_MS);
        run();
      }
    }
    this.#arm();
  }
}
