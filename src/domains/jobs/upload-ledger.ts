import { PolymniaError } from '../../kernel/errors.ts';

/** Disk that uploads of unfinished jobs may hold, bytes. */
export interface UploadLimits {
  readonly perUser: number;
  readonly total: number;
}

interface Held {
  readonly userId: string;
  readonly bytes: number;
}

/** Bytes on disk that wait for their jobs, per user and in all: a job in the background holds them long after its call. */
export class UploadLedger {
  readonly #limits: UploadLimits;
  readonly #heldByJob = new Map<string, Held>();

  constructor(limits: UploadLimits) {
    this.#limits = limits;
  }

  /** Counts an upload until {@link release}. Throws `rate_limited` or `overloaded` when there is no room, counting nothing. */
  take(jobId: string, held: Held): void {
    const others = [...this.#heldByJob.values()];
    const own = sum(others.filter(({ userId }) => userId === held.userId));
    if (own + held.bytes > this.#limits.perUser) {
      throw new PolymniaError('rate_limited', `Your unfinished jobs hold ${own} bytes of uploads, of ${this.#limits.perUser}; wait for one to end.`, {
        retryAfterMs: RETRY_MS,
      });
    }
    if (sum(others) + held.bytes > this.#limits.total) {
      throw new PolymniaError('overloaded', 'Uploads that wait for their jobs fill the room there is for them.', { retryAfterMs: RETRY_MS });
    }
    this.#heldByJob.set(jobId, held);
  }

  /** Counts what a job of an earlier start holds, whatever the limits say. */
  keep(jobId: string, held: Held): void {
    this.#heldByJob.set(jobId, held);
  }

  release(jobId: string): void {
    this.#heldByJob.delete(jobId);
  }
}

const RETRY_MS = 10_000;

function sum(all: readonly Held[]): number {
  return all.reduce((bytes, held) => bytes + held.bytes, 0);
}
