import { sleep } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { JobStore, RunEnd } from './store.ts';

/** Ends written in one transaction at most. */
const MAX_BATCH = 100;
/** Pauses between tries while the storage is not available; after them the lease ends by itself. */
const RETRY_MS: readonly number[] = [100, 400, 1600];

interface Waiting {
  readonly end: RunEnd;
  readonly resolve: (counted: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes the ends of runs: those that come while one batch is being written go into the next. */
export class FinishLine {
  readonly #store: Pick<JobStore, 'finish'>;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(store: Pick<JobStore, 'finish'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** False when the run was not the running one any more. Rejects when the store could not be reached in several tries. */
  finish(end: RunEnd): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ end, resolve, reject });
      if (!this.#writing) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        const counted = await this.#tryAgain(batch.map(({ end }) => end));
        batch.forEach(({ resolve }, at) => resolve(counted[at] === true));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = false;
  }

  async #tryAgain(ends: readonly RunEnd[]): Promise<readonly boolean[]> {
    for (const pause of RETRY_MS) {
      try {
        return await this.#store.finish(ends);
      } catch {
        // Tried again below; the last try's error is the one that counts.
        await sleep(this.#clock, pause, NEVER);
      }
    }
    return this.#store.finish(ends);
  }
}

const NEVER = new AbortController().signal;
