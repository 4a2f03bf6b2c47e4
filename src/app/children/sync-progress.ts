import type { SyncReport } from '../../domains/code/model.ts';
import type { SyncEvent } from '../../domains/code/ports.ts';
import type { Clock } from '../../kernel/clock.ts';

/** While a phase runs it is told so often where it stands, whether that changed or not. */
const REPORT_MS = 250;

export type SyncPhase = 'fetch' | 'list' | 'read' | 'parse' | 'write';

/** Tells where a sync stands, and keeps how long its phases took. */
export class SyncProgress implements Disposable {
  readonly #clock: Clock;
  readonly #event: (event: SyncEvent) => void;
  readonly #seconds = new Map<SyncPhase, number>();
  #phase: SyncPhase | undefined;
  #unit = '';
  #total: number | undefined;
  #done = 0;
  #beganAt = 0;
  #cancelTimer: () => void = () => {};

  constructor(clock: Clock, event: (event: SyncEvent) => void) {
    this.#clock = clock;
    this.#event = event;
  }

  /** Ends the phase before. */
  begin(phase: SyncPhase, unit: string, total?: number): void {
    if (this.#phase !== undefined) this.end();
    this.#phase = phase;
    this.#unit = unit;
    this.#total = total;
    this.#done = 0;
    this.#beganAt = this.#clock.monotonic();
    this.#tell();
    this.#keepTelling();
  }

  advance(count: number): void {
    this.#done += count;
  }

  /** As a source tells it: the phase begins with its first word; what is done never goes back. */
  reported(phase: 'fetch' | 'list', done: number, total: number | undefined, unit: string): void {
    if (this.#phase !== phase) this.begin(phase, unit, total);
    this.#unit = unit;
    this.#total = total;
    this.#done = Math.max(this.#done, done);
  }

  /** The running phase is over: told once more, and its time is kept. */
  end(): void {
    if (this.#phase === undefined) return;
    this.#tell();
    this.#cancelTimer();
    const seconds = (this.#clock.monotonic() - this.#beganAt) / 1000;
    this.#seconds.set(this.#phase, (this.#seconds.get(this.#phase) ?? 0) + seconds);
    this.#phase = undefined;
  }

  /** Seconds of the phases that have ended, to the millisecond. */
  phases(): SyncReport['phases'] {
    return [...this.#seconds].map(([phase, seconds]) => ({ phase, seconds: Math.round(seconds * 1000) / 1000 }));
  }

  [Symbol.dispose](): void {
    this.#cancelTimer();
  }

  #keepTelling(): void {
    this.#cancelTimer = this.#clock.after(REPORT_MS, () => {
      this.#tell();
      this.#keepTelling();
    });
  }

  #tell(): void {
    if (this.#phase === undefined) return;
    const total = this.#total === undefined ? {} : { total: Math.max(this.#total, this.#done) };
    this.#event({ kind: 'progress', phase: this.#phase, done: this.#done, unit: this.#unit, ...total });
  }
}
