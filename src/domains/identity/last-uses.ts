import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';

/** Different ones noted before a flush is made early. */
const MAX_NOTED = 5000;

/** Something was used. */
export interface Use {
  readonly id: string;
  /** UTC ms. */
  readonly at: number;
}

export interface LastUsesDeps {
  /** What is noted, as the log calls it. */
  readonly what: string;
  /** How often uses are written down, ms. */
  readonly everyMs: number;
  write(uses: readonly Use[]): Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Gathers when things were last used, so that a call does not cost a write. A lost batch is a lost hint, nothing more. */
export class LastUses {
  readonly #deps: LastUsesDeps;
  #noted = new Map<string, number>();
  #writing: ReadonlyMap<string, number> = new Map();
  #cancelTimer: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(deps: LastUsesDeps) {
    this.#deps = deps;
  }

  note(id: string): void {
    const { clock, everyMs } = this.#deps;
    this.#noted.set(id, clock.now());
    if (this.#noted.size >= MAX_NOTED) void this.flush();
    else this.#cancelTimer ??= clock.after(everyMs, () => void this.flush());
  }

  /** The last use that is noted and may not be written down yet. */
  latest(id: string): number | undefined {
    return this.#noted.get(id) ?? this.#writing.get(id);
  }

  /** Writes down what was noted; never rejects. */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const { what, logger } = this.#deps;
    const uses = Array.from(this.#noted, ([id, at]) => ({ id, at }));
    if (uses.length === 0) return;
    this.#writing = this.#noted;
    this.#noted = new Map();
    try {
      await this.#deps.write(uses);
    } catch (error) {
      logger.warn(`${what} could not be written down`, { uses: uses.length }, error);
    } finally {
      this.#writing = new Map();
    }
  }
}
