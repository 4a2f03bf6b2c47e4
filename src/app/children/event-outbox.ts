import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';

/** Events other than progress that wait to be sent. */
const MAX_WAITING = 1000;
/** Progress of this many phases is told apart while it waits. */
const MAX_PHASES = 16;

export interface EventOutboxOptions {
  readonly clock: Clock;
  /** No two batches are sent closer than this, ms. */
  readonly intervalMs: number;
  /** Sends a batch; false when the channel has no room left: then nothing is sent until `drained` is called. */
  readonly send: (events: readonly unknown[]) => boolean;
}

/**
 * Events on their way out, in order, in batches. Progress (`kind: 'progress'`) that waits is replaced by newer progress of the
 * same phase, so however often a task reports it costs the parent nothing. The first event leaves at once, also from within a
 * long computation that lets no timer run.
 */
export class EventOutbox {
  readonly #options: EventOutboxOptions;
  #waiting: unknown[] = [];
  #sentAt = -Infinity;
  #full = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: EventOutboxOptions) {
    this.#options = options;
  }

  /** Throws `internal` when the parent has long not taken the events of a task that reports without end. */
  push(event: unknown): void {
    this.#replaceProgress(event);
    if (this.#waiting.length >= MAX_WAITING) throw new PolymniaError('internal', `A task reported more than ${MAX_WAITING} events at once.`);
    this.#waiting.push(event);
    const wait = this.#sentAt + this.#options.intervalMs - this.#options.clock.monotonic();
    if (wait <= 0) this.#send();
    else this.#cancelTimer ??= this.#options.clock.after(wait, () => this.#send());
  }

  /** The channel has room again. */
  drained(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#send();
  }

  /** Sends what waits, room or not: before the last word. */
  flush(): void {
    this.#full = false;
    this.#send();
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#full || this.#waiting.length === 0) return;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#sentAt = this.#options.clock.monotonic();
    this.#full = !this.#options.send(batch);
  }

  /** Takes out older progress of the same phase, unless another kind of event came after it. */
  #replaceProgress(event: unknown): void {
    const phase = phaseOf(event);
    if (phase === undefined) return;
    const end = Math.max(0, this.#waiting.length - MAX_PHASES);
    for (let at = this.#waiting.length - 1; at >= end; at--) {
      const other = phaseOf(this.#waiting[at]);
      if (other === undefined) return;
      if (other === phase) return void this.#waiting.splice(at, 1);
    }
  }
}

/** Undefined for anything that is no progress. */
function phaseOf(event: unknown): string | undefined {
  if (typeof event !== 'object' || event === null || !('kind' in event) || event.kind !== 'progress') return undefined;
  return 'phase' in event ? String(event.phase) : '';
}
