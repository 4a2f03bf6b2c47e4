import { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import type { SpaceWork, SpaceWorkEntry, SpaceWorkKind } from '../ports.ts';

/** Marks remembered; one that was pushed out only costs writing it again. */
const MAX_REMEMBERED = 20_000;

/** Work a write is going to leave behind. `dueAt` in UTC ms. */
export interface ComingWork {
  readonly kind: SpaceWorkKind;
  readonly dueAt: number;
}

interface Activity {
  /** Writes under way that may leave this kind of work. */
  holds: number;
  /** A write was under way since the sweeper began. */
  touched: boolean;
  sweeping: boolean;
}

/**
 * Keeps {@link SpaceWork} ahead of the writes without touching it each time: what is marked already is remembered.
 *
 * A write holds its marks from before it begins until it has ended, and the sweeper removes a mark only if no write held it
 * since the sweeper began to look. So work whose rows were committed behind the sweeper's back keeps its mark.
 */
export class WorkMarks {
  readonly #work: SpaceWork;
  /** Earliest time known to be marked, by `space/kind`. */
  readonly #marked = new BoundedMap<string, number>({ maxSize: MAX_REMEMBERED });
  /** Only keys that are held or swept now, so bounded by the calls in flight. */
  readonly #activity = new Map<string, Activity>();
  readonly #listeners = new Set<(kind: SpaceWorkKind) => void>();

  constructor(work: SpaceWork) {
    this.#work = work;
  }

  /** Is told of each kind newly marked; the returned function ends that. */
  onMark(listener: (kind: SpaceWorkKind) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Marks the work durably and keeps the sweeper from taking the marks away until the hold is disposed. */
  async hold(space: SpaceKey, coming: readonly ComingWork[]): Promise<Disposable> {
    const activities = coming.map(({ kind }) => this.#begin(keyOf(space, kind)));
    const hold = { [Symbol.dispose]: () => activities.splice(0).forEach(({ key, activity }) => this.#end(key, activity)) };
    try {
      for (const { kind, dueAt } of coming) await this.#mark(space, kind, dueAt);
      return hold;
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
  }

  /** The sweeper begins to look at an entry: from here on, writes mark anew. Only one sweep an entry at a time. */
  beginSweep(entry: SpaceWorkEntry): void {
    const key = keyOf(entry.space, entry.kind);
    this.#marked.delete(key);
    const activity = this.#activityOf(key);
    activity.sweeping = true;
    activity.touched = activity.holds > 0;
  }

  /**
   * The sweeper has finished with an entry. `done`: nothing was left to do when it looked; `nextDueAt`: when there will be.
   * The mark goes, or moves to that time, unless a write may have left new work meanwhile: then the answer is false, look again.
   */
  async endSweep(entry: SpaceWorkEntry, result: { readonly done: boolean; readonly nextDueAt?: number }): Promise<boolean> {
    const key = keyOf(entry.space, entry.kind);
    try {
      // The sweep counts as going on while the row is being removed: what is marked meanwhile must not be forgotten.
      if (!result.done || this.#activityOf(key).touched) return false;
      await this.#work.clear(entry.space, entry.kind, entry.dueAt, result.nextDueAt);
      return true;
    } finally {
      this.#marked.delete(key);
      const activity = this.#activityOf(key);
      activity.sweeping = false;
      if (activity.holds === 0) this.#activity.delete(key);
    }
  }

  async #mark(space: SpaceKey, kind: SpaceWorkKind, dueAt: number): Promise<void> {
    const key = keyOf(space, kind);
    const known = this.#marked.get(key);
    if (known !== undefined && known <= dueAt) return;
    await this.#work.mark(space, kind, dueAt);
    // During a sweep the row may be about to go, so nothing may rely on it.
    if (!this.#activityOf(key).sweeping) this.#marked.set(key, dueAt);
    for (const listener of this.#listeners) listener(kind);
  }

  #begin(key: string): { readonly key: string; readonly activity: Activity } {
    const activity = this.#activityOf(key);
    activity.holds += 1;
    activity.touched = true;
    return { key, activity };
  }

  #end(key: string, activity: Activity): void {
    activity.holds -= 1;
    if (activity.holds === 0 && !activity.sweeping) this.#activity.delete(key);
  }

  #activityOf(key: string): Activity {
    let activity = this.#activity.get(key);
    if (activity === undefined) this.#activity.set(key, (activity = { holds: 0, touched: false, sweeping: false }));
    return activity;
  }
}

function keyOf(space: SpaceKey, kind: SpaceWorkKind): string {
  return `${space}/${kind}`;
}
