import { abortError } from '../../kernel/abort.ts';
import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Progress } from '../../kernel/operation.ts';
import type { JobHub } from './job-hub.ts';
import { isFinal, type Job } from './model.ts';
import type { JobStore } from './store.ts';

/** Marks remembered; one that is forgotten is read from the job itself. */
const MAX_MARKED = 10_000;
const STOPPING_RETRY_MS = 5000;

export interface JobWaitsDeps {
  readonly store: JobStore;
  readonly hub: JobHub;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface WaitFor {
  /** Infinity = to the end. */
  readonly ms: number;
  /** Ends the wait, never the job. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Somebody who watches a job, until disposed. */
export interface Watcher extends Disposable {
  /** Nothing needs to be noted of a job that has ended. */
  seenEnd(): void;
}

/**
 * Who waits for which job. When the last one leaves a job that was not asked for in the background, the job is marked as
 * unwatched; who comes back clears the mark.
 */
export class JobWaits {
  readonly #deps: JobWaitsDeps;
  readonly #watchers = new Map<string, number>();
  /** Jobs marked from here that have not ended, as far as is known. */
  readonly #unwatched = new BoundedMap<string, true>({ maxSize: MAX_MARKED });
  /** Writes of marks that are under way. */
  readonly #writing = new Set<Promise<void>>();
  /** By the wait's own end. */
  readonly #waiting = new Map<() => void, string>();
  #mayEnd: ((id: string) => boolean) | undefined;

  constructor(deps: JobWaitsDeps) {
    this.#deps = deps;
  }

  /** The job as it stands when it has ended or the time is over. Rejects with the signal's error, or when the server stops before the job could run. */
  async until(id: string, { ms, signal, onProgress }: WaitFor): Promise<Job> {
    using wait = new DisposableStack();
    const ended = Promise.withResolvers<void>();
    wait.use(
      this.#deps.hub.listen(id, (event) => {
        if (event.kind === 'progress') onProgress?.(event.progress);
        if (event.kind === 'end') ended.resolve();
      }),
    );
    const job = await this.#read(id);
    if (isFinal(job.state)) return job;
    const watcher = wait.use(this.watch(job));
    if (ms > 0) await this.#endOrTime(ended.promise, ms, signal, id);
    const now = await this.#read(id);
    if (isFinal(now.state)) watcher.seenEnd();
    return now;
  }

  /** Counts somebody who watches. */
  watch(job: Job): Watcher {
    const { id, background } = job;
    this.#watchers.set(id, (this.#watchers.get(id) ?? 0) + 1);
    if (!background && (job.unwatchedSince !== undefined || this.#unwatched.has(id))) this.#mark(id, undefined);
    let hasEnded = false;
    return {
      seenEnd: () => void (hasEnded = true),
      [Symbol.dispose]: () => {
        const left = (this.#watchers.get(id) ?? 1) - 1;
        if (left > 0) return void this.#watchers.set(id, left);
        this.#watchers.delete(id);
        if (!background && !hasEnded) this.#mark(id, this.#deps.clock.now());
      },
    };
  }

  /** The server stops: jobs that cannot end before it does stay, and whoever waits for them is told. */
  async stop(mayEnd: (id: string) => boolean): Promise<void> {
    this.#mayEnd = mayEnd;
    for (const [end, id] of this.#waiting) if (!mayEnd(id)) end();
    await Promise.all(this.#writing);
  }

  async #read(id: string): Promise<Job> {
    const job = await this.#deps.store.get(id);
    if (job === undefined) throw notFound('job');
    return job;
  }

  #endOrTime(ended: Promise<void>, ms: number, signal: AbortSignal, id: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(onStop);
        how();
      };
      const onAbort = (): void => settle(() => reject(abortError(signal)));
      const onStop = (): void => settle(() => reject(stopping(id)));
      const cancel = ms === Infinity ? (): void => {} : this.#deps.clock.after(ms, () => settle(resolve));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(onStop, id);
      void ended.then(() => settle(resolve));
      if (signal.aborted) onAbort();
      else if (this.#mayEnd?.(id) === false) onStop();
    });
  }

  /** Marks are written in the order in which they are asked for. */
  #mark(id: string, since: number | undefined): void {
    if (since === undefined) this.#unwatched.delete(id);
    else this.#unwatched.set(id, true);
    const writing = this.#deps.store
      .setUnwatched([id], since)
      .catch((error: unknown) => this.#deps.logger.warn('who watches a job could not be noted', { jobId: id }, error))
      .finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }
}

function stopping(id: string): PolymniaError {
  const message = `The server is stopping. Job ${id} is kept and goes on after the next start; the same call waits for it again.`;
  return new PolymniaError('overloaded', message, { retryAfterMs: STOPPING_RETRY_MS, details: { jobId: id } });
}
