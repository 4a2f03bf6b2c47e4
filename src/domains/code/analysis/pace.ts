/** What a phase is given to keep its pace by. */
export interface PaceOptions {
  /** Processor time spent so far, ms: time in which the work was paused does not count. */
  readonly spentMs: () => number;
  readonly budgetMs: number;
  /** Lets whatever else waits run. */
  readonly breathe: () => Promise<void>;
  readonly report: (done: number) => void;
}

/** Where a budget ended a phase. */
export interface Cut {
  readonly budget: 'time' | 'memory';
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

/** So long a phase works before it lets others run and tells where it stands, ms. */
const STRIDE_MS = 40;
/** Small steps between two looks at the clock. */
const STEPS = 64;

/** Keeps a long phase within its budget, and its process able to speak. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #end: number;
  #next: number;
  #steps = 0;
  #done = 0;
  #isOver: boolean;
  #isCut = false;
  #memory: Cut | undefined;

  constructor(options: PaceOptions) {
    const now = options.spentMs();
    this.#options = options;
    this.#end = now + options.budgetMs;
    this.#next = now + STRIDE_MS;
    this.#isOver = options.budgetMs <= 0;
  }

  /** Units that were finished. */
  get done(): number {
    return this.#done;
  }

  /** What a budget left out, of so many units; undefined when nothing was. */
  cut(total: number, unit: string): Cut | undefined {
    return this.#isCut ? { budget: 'time', done: Math.min(this.#done, total), total, unit } : this.#memory;
  }

  /** There was no room for all. */
  noteMemory(done: number, total: number, unit: string): void {
    this.#memory = { budget: 'memory', done, total, unit };
  }

  /**
   * Visits the rows until they or the budget end; `visit` answers how many units it finished. `isLarge`: a visit takes ms, so the
   * clock is looked at after each.
   */
  async each<T>(rows: Iterable<T>, visit: (row: T) => number, isLarge = false): Promise<void> {
    for (const row of rows) {
      if (this.#isOver) {
        this.#isCut = true;
        return;
      }
      this.#done += visit(row);
      this.#steps += 1;
      if (!isLarge && this.#steps % STEPS !== 0) continue;
      const now = this.#options.spentMs();
      if (now >= this.#next) await this.#rest(now);
    }
  }

  async #rest(now: number): Promise<void> {
    this.#options.report(this.#done);
    await this.#options.breathe();
    this.#next = now + STRIDE_MS;
    this.#isOver = now >= this.#end;
  }
}
