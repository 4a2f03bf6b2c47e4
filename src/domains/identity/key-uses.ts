import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { IdentityStore } from './store.ts';

/** How often uses are written down. */
const FLUSH_MS = 5000;
/** Different keys noted before a flush is made early. */
const MAX_NOTED = 5000;

export interface KeyUsesDeps {
  readonly store: Pick<IdentityStore, 'touchKeys'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Gathers when keys were last used, so that a call does not cost a write. A lost batch is a lost hint, nothing more. */
export class KeyUses {
  readonly #deps: KeyUsesDeps;
  #noted = new Map<string, number>();
  #cancelTimer: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(deps: KeyUsesDeps) {
    this.#deps = deps;
  }

  note(keyId: string): void {
    this.#noted.set(keyId, this.#deps.clock.now());
    if (this.#noted.size >= MAX_NOTED) void this.flush();
    else this.#cancelTimer ??= this.#deps.clock.after(FLUSH_MS, () => void this.flush());
  }

  /** Writes down what was noted; never rejects. */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const uses = Array.from(this.#noted, ([keyId, at]) => ({ keyId, at }));
    if (uses.length === 0) return;
    this.#noted = new Map();
    try {
      await this.#deps.store.touchKeys(uses);
    } catch (error) {
      this.#deps.logger.warn('last use of keys could not be written down', { keys: uses.length }, error);
    }
  }
}
