import { Worker } from 'node:worker_threads';
import { compileCacheEnv } from '../../../kernel/runtime/compile-cache.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { MAX_BATCH_CALLS } from './protocol.ts';
import type { BatchDone, FromThread, RunMessage, StopFlags, ThreadConfig, ThreadData, ToThread } from './protocol.ts';

/** A thread that died before it was ready is started again no sooner than this, doubled for each further death. */
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/**
 * Heap of a thread, MB. Little of what it makes lives on, and ten threads that collect lazily are most of the server's
 * memory; one that needs more than the old part dies alone, not the process.
 */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 6, maxOldGenerationSizeMb: 512 };
/** How long a thread may take to close its files when it is told to stop. */
const STOP_MS = 10_000;

export interface ThreadHostOptions {
  /** Entry module of the thread. */
  readonly entry: URL;
  /** As debuggers show it. */
  readonly name: string;
  readonly config: ThreadConfig;
  readonly clock: Clock;
  /** Told of each death that was not asked for. */
  readonly onCrash?: (name: string, cause: unknown) => void;
}

interface Pending<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: PolymniaError) => void;
}

/**
 * One storage thread as a resource: started at first use, at most one batch in flight. When it dies only the batch in
 * flight fails, with `storage_unavailable`, and the next use starts it again.
 */
export class ThreadHost implements AsyncDisposable {
  readonly #options: ThreadHostOptions;
  readonly #flags: StopFlags = new Int32Array(new SharedArrayBuffer(MAX_BATCH_CALLS * Int32Array.BYTES_PER_ELEMENT));
  readonly #open = new Set<string>();
  /** Asked for and not answered, by number. */
  readonly #releases = new Map<number, PromiseWithResolvers<void> & { readonly space: string }>();
  #worker: Worker | undefined;
  #ready = false;
  #running: (Pending<BatchDone> & { readonly space: string }) | undefined;
  #ended: Promise<void> = Promise.resolve();
  #lastRelease = 0;
  #deaths = 0;
  #notBefore = 0;
  #walBytes = 0;

  constructor(options: ThreadHostOptions) {
    this.#options = options;
  }

  /** Does the thread leave the processor to others first? */
  get givesWay(): boolean {
    return this.#options.config.niceness > 0;
  }

  get started(): boolean {
    return this.#worker !== undefined;
  }

  /** Whether this thread has the space's file open. */
  has(space: string): boolean {
    return this.#open.has(space);
  }

  get openFiles(): number {
    return this.#open.size;
  }

  get walBytes(): number {
    return this.#walBytes;
  }

  /** False while a thread that keeps dying at its start is left alone. */
  get usable(): boolean {
    return this.#worker !== undefined || this.#options.clock.monotonic() >= this.#notBefore;
  }

  /** Runs one batch; the caller keeps to one at a time. Rejects with `storage_unavailable` when the thread dies over it. */
  run(space: string, create: boolean, calls: RunMessage['calls']): Promise<BatchDone> {
    if (!this.usable) return Promise.reject(this.#resting());
    this.#flags.fill(0);
    return new Promise((resolve, reject) => {
      this.#running = { space, resolve: (done) => resolve(this.#noted(space, done)), reject };
      try {
        this.#post({ kind: 'run', space, create, calls });
      } catch (error) {
        this.#running = undefined;
        reject(new PolymniaError('internal', 'The call could not be handed to a storage thread.', { cause: error }));
      }
    });
  }

  /** Tells the call in this slot of the running batch to stop. */
  stop(slot: number): void {
    Atomics.store(this.#flags, slot, 1);
  }

  /** Resolves once the thread has the space's file closed. A thread that has ended has nothing open; one that runs may be opening it. */
  release(space: string): Promise<void> {
    const mayBeOpen = this.#open.delete(space) || this.#running?.space === space;
    if (this.#worker === undefined) return Promise.resolve();
    if (!mayBeOpen) return [...this.#releases.values()].findLast((release) => release.space === space)?.promise ?? Promise.resolve();
    const id = ++this.#lastRelease;
    const release = { ...Promise.withResolvers<void>(), space };
    this.#releases.set(id, release);
    this.#post({ kind: 'release', id, space });
    return release.promise;
  }

  /** Lets the running batch end, closes the files and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return this.#ended;
    worker.postMessage({ kind: 'stop' } satisfies ToThread);
    const cancel = this.#options.clock.after(STOP_MS, () => void worker.terminate());
    await this.#ended;
    cancel();
  }

  #post(message: ToThread): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const { entry, name, config } = this.#options;
    const data: ThreadData = { config, stopFlags: this.#flags };
    const worker = new Worker(entry, { workerData: data, name, execArgv: [], env: compileCacheEnv(), resourceLimits: HEAP_LIMITS });
    let cause: unknown;
    this.#ready = false;
    worker.on('message', (message: FromThread) => this.#receive(message));
    worker.on('error', (error) => (cause = error));
    worker.on('messageerror', (error) => {
      cause = error;
      void worker.terminate();
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#onExit(cause ?? new Error(`exit code ${code}`), code);
        resolve();
      });
    });
    return worker;
  }

  #receive(message: FromThread): void {
    if (message.kind === 'ready') this.#ready = true;
    else if (message.kind === 'wal') this.#walBytes = message.walBytes;
    else if (message.kind === 'released') this.#settleRelease(message.id);
    else {
      const running = this.#running;
      this.#running = undefined;
      this.#deaths = 0;
      running?.resolve(message.done);
    }
  }

  #noted(space: string, done: BatchDone): BatchDone {
    for (const closed of done.closed) this.#open.delete(closed);
    if (done.isOpen) this.#open.add(space);
    this.#walBytes = done.walBytes;
    return done;
  }

  #settleRelease(id: number): void {
    this.#releases.get(id)?.resolve();
    this.#releases.delete(id);
  }

  #onExit(cause: unknown, code: number): void {
    const running = this.#running;
    const expected = code === 0 && running === undefined;
    this.#worker = undefined;
    this.#running = undefined;
    this.#open.clear();
    this.#walBytes = 0;
    for (const id of this.#releases.keys()) this.#settleRelease(id);
    if (!expected) {
      this.#backOff();
      this.#options.onCrash?.(this.#options.name, cause);
    }
    running?.reject(new PolymniaError('storage_unavailable', 'The storage thread ended while it ran the call; it starts again.', { cause }));
  }

  /** A death at work costs no wait, one at the start does. */
  #backOff(): void {
    if (this.#ready) return;
    this.#deaths += 1;
    const waitMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#deaths - 1));
    this.#notBefore = this.#options.clock.monotonic() + waitMs;
  }

  #resting(): PolymniaError {
    const retryAfterMs = Math.max(1, this.#notBefore - this.#options.clock.monotonic());
    return new PolymniaError('storage_unavailable', 'A storage thread cannot be started; it is tried again shortly.', { retryAfterMs });
  }
}
