import { startDeadline, throwIfAborted } from '../../../kernel/abort.ts';
import { toPolymniaError } from '../../../kernel/errors.ts';
import type { Logger } from '../../../kernel/logger.ts';
import { Backoff } from './backoff.ts';
import type { SpaceWork, SpaceWorkEntry, SpaceWorkKind } from '../ports.ts';
import { type SweepDeps, type SweepResult, sweepSpace } from './sweeping.ts';

export interface SweeperDeps extends SweepDeps {
  readonly work: SpaceWork;
  readonly logger: Logger;
  /** `SWEEP_INTERVAL`, ms. */
  readonly intervalMs: number;
}

/** Entries of one kind looked at in one round. */
const ROUND_ENTRIES = 256;
/** One space's turn. */
const TURN_LIMIT_MS = 60_000;
/** Pause between rounds while there is more to do, so that stores gather into batches. */
const BUSY_PAUSE_MS = 200;
/** When to try again what failed. */
const RETRY_MS = 60_000;

/** What has to vanish comes first: it was promised. */
const ORDER: readonly SpaceWorkKind[] = ['retention', 'expire', 'turns', 'vectors', 'scrub', 'reindex'];

/**
 * The background loop over {@link SpaceWork}: one space at a time, a bounded turn each. A failure is logged and its entry put
 * off by a minute; a failing embedder is left alone for up to a minute. Owns its loop: `stop` ends it and waits for it.
 */
export class Sweeper implements AsyncDisposable {
  readonly #deps: SweeperDeps;
  readonly #embedding: Backoff;
  #running: { readonly controller: AbortController; readonly loop: Promise<void>; readonly unsubscribe: () => void } | undefined;
  #wake: (() => void) | undefined;
  #woken = false;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
    this.#embedding = new Backoff(deps.clock);
  }

  /** Starts the loop; does nothing if it runs. */
  start(): void {
    if (this.#running !== undefined) return;
    const controller = new AbortController();
    const unsubscribe = this.#deps.marks.onMark((kind) => kind === 'vectors' && this.wake());
    this.#running = { controller, unsubscribe, loop: this.#run(controller.signal) };
  }

  /** Ends the loop after the slice it is in; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.unsubscribe();
    running.controller.abort();
    this.wake();
    await running.loop;
    if (this.#running === running) this.#running = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Begins the next round now instead of at its time. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** One round over everything that is due. True when there is more to do right away. */
  async sweepOnce(signal: AbortSignal): Promise<boolean> {
    let more = false;
    for (const kind of ORDER) {
      if (kind === 'vectors' && !this.#mayEmbed()) continue;
      const entries = await this.#deps.work.due(this.#deps.clock.now(), ROUND_ENTRIES, kind);
      for (const entry of entries) {
        throwIfAborted(signal);
        if (kind === 'vectors' && !this.#mayEmbed()) break;
        more = (await this.#turn(entry, signal)) || more;
      }
      more ||= entries.length === ROUND_ENTRIES;
    }
    return more;
  }

  #mayEmbed(): boolean {
    return this.#deps.embedder !== undefined && this.#embedding.ready;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let more = false;
      try {
        more = await this.sweepOnce(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.logger.warn('background work could not be looked up', { code: toPolymniaError(error).code }, error);
      }
      const { intervalMs } = this.#deps;
      const busyMs = Math.min(BUSY_PAUSE_MS, intervalMs);
      await this.#pause(busyMs, signal, false);
      if (!more) await this.#pause(intervalMs - busyMs, signal, true);
    }
  }

  /** Waits; `wakeable`: no longer than until {@link wake}, also one that came before. Never rejects. */
  #pause(ms: number, signal: AbortSignal, wakeable: boolean): Promise<void> {
    if (signal.aborted || (wakeable && this.#woken)) {
      this.#woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#wake = undefined;
        if (wakeable) this.#woken = false;
        resolve();
      };
      const cancel = this.#deps.clock.after(ms, end);
      this.#wake = () => (wakeable || signal.aborted) && end();
    });
  }

  /** One space's turn; true when it has more to do. */
  async #turn(entry: SpaceWorkEntry, signal: AbortSignal): Promise<boolean> {
    this.#deps.marks.beginSweep(entry);
    let result: SweepResult = { state: 'more' };
    try {
      result = await this.#sweep(entry, signal);
    } finally {
      const ended = await this.#deps.marks.endSweep(entry, endOf(result));
      if (!ended) result = { state: 'more' };
    }
    throwIfAborted(signal);
    return result.state === 'more';
  }

  async #sweep(entry: SpaceWorkEntry, signal: AbortSignal): Promise<SweepResult> {
    using limit = startDeadline(this.#deps.clock, TURN_LIMIT_MS, 'a turn of background work', signal);
    try {
      const result = await sweepSpace(this.#deps, entry.kind, entry.space, { signal: limit.signal, deadlineAt: limit.at });
      if (entry.kind === 'vectors') this.#embedding.succeeded();
      return result;
    } catch (error) {
      throwIfAborted(signal);
      return this.#failed(entry, error);
    }
  }

  #failed(entry: SpaceWorkEntry, error: unknown): SweepResult {
    const { code } = toPolymniaError(error);
    this.#deps.logger.warn('background work failed', { kind: entry.kind, space: entry.space, code }, error);
    if (entry.kind === 'vectors' && (code === 'upstream_failed' || code === 'timed_out')) this.#embedding.failed();
    return { state: 'done', nextDueAt: this.#deps.clock.now() + this.#retryMs(entry.kind, code) };
  }

  /** An embedder's own back-off says when; the entry only must not be lost. */
  #retryMs(kind: SpaceWorkKind, code: string): number {
    return kind === 'vectors' && code === 'upstream_failed' ? 0 : RETRY_MS;
  }
}

function endOf(result: SweepResult): { readonly done: boolean; readonly nextDueAt?: number } {
  if (result.state === 'more') return { done: false };
  return { done: true, ...(result.nextDueAt === undefined ? {} : { nextDueAt: result.nextDueAt }) };
}
