import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import { repeat } from '../../kernel/repeat.ts';
import type { Job } from './model.ts';
import type { JobUploads } from './ports.ts';
import type { JobStore } from './store.ts';
import type { UploadLedger } from './upload-ledger.ts';

export interface JobUpkeepDeps {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly uploads: JobUploads;
  readonly ledger: UploadLedger;
  readonly detachGraceMs: number;
  readonly queueTimeoutMs: number;
  /** Told of each job whose cancel is stored. */
  stopped(job: Job, reason: string): void;
}

/** How often jobs nobody wants are looked for, at most; a short grace is looked at as often as it is long. */
const LOOK_MS = 5000;
const SHORTEST_LOOK_MS = 50;
const BATCH = 200;
const MAX_AT_START = 100_000;

/** Ends jobs that nobody waits for any more, and those that waited too long for their start. */
export class JobUpkeep implements AsyncDisposable {
  readonly #deps: JobUpkeepDeps;
  #end: () => Promise<void> = async () => {};

  constructor(deps: JobUpkeepDeps) {
    this.#deps = deps;
  }

  /**
   * Before calls are taken: whoever waited before the start is gone, so the grace of their jobs begins now, and uploads that belong
   * to no unfinished job are removed.
   */
  async recover(): Promise<void> {
    const { store, clock, uploads, ledger } = this.#deps;
    const keep = new Set<string>();
    let isAll = false;
    let after: Job | undefined;
    for (let seen = 0; seen < MAX_AT_START && !isAll; seen += BATCH) {
      const rows = await store.list({ states: ['queued', 'running'] }, BATCH, after);
      const left = rows.filter(({ background, unwatchedSince }) => !background && unwatchedSince === undefined).map(({ id }) => id);
      if (left.length > 0) await store.setUnwatched(left, clock.now());
      for (const { id, userId, upload } of rows) {
        if (upload === undefined) continue;
        keep.add(upload.spoolId);
        ledger.keep(id, { userId, bytes: upload.bytes });
      }
      after = rows.at(-1);
      isAll = rows.length < BATCH;
    }
    if (isAll) await uploads.sweepOrphans(keep);
  }

  start(): void {
    const { clock, logger, detachGraceMs } = this.#deps;
    const ms = Math.max(SHORTEST_LOOK_MS, Math.min(LOOK_MS, detachGraceMs));
    this.#end = repeat(clock, ms, () => this.#look().catch((error: unknown) => logger.warn('unwanted jobs could not be looked for', {}, error)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }

  async #look(): Promise<void> {
    const { store, clock, detachGraceMs, queueTimeoutMs } = this.#deps;
    const now = clock.now();
    const abandoned = await store.abandoned(now - detachGraceMs, BATCH);
    await this.#cancel(abandoned, `Nobody has waited for it for ${seconds(detachGraceMs)} (JOB_DETACH_GRACE).`);
    const late = await store.waitedTooLong(now - queueTimeoutMs, BATCH);
    await this.#cancel(late, `It has waited for its start for ${seconds(queueTimeoutMs)} (JOB_QUEUE_TIMEOUT).`);
  }

  async #cancel(jobs: readonly Job[], reason: string): Promise<void> {
    const { store, clock } = this.#deps;
    for (const { id } of jobs) {
      const job = await store.cancel(id, undefined, reason, clock.now());
      if (job !== undefined) this.#deps.stopped(job, reason);
    }
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
