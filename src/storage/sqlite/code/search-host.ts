import { Worker } from 'node:worker_threads';
import { compileCacheEnv } from '../../../kernel/runtime/compile-cache.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { FromSearchThread, SearchOutcome, SearchTask, SearchThreadData, StopFlag, ToSearchThread } from './search-protocol.ts';

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 1024 };
/** How long a thread may take to notice that it shall stop before another one takes its place. */
const REPLACE_MS = 1_000;
const STOP_MS = 5_000;

export interface SearchHostOptions {
  readonly entry: URL;
  /** As debuggers show it. */
  readonly name: string;
  readonly clock: Clock;
  readonly thread: Omit<SearchThreadData, 'stop'>;
  /** Told of each death that was not asked for. */
  readonly onCrash: (name: string, cause: unknown) => void;
}

export interface SearchDone {
  readonly outcome: SearchOutcome;
  readonly busyUs: number;
}

interface Running {
  readonly resolve: (done: SearchDone) => void;
  readonly reject: (error: PolymniaError) => void;
  cancelReplace?: () => void;
}

/** One thread with its own memory and stop flag. */
interface Life {
  readonly worker: Worker;
  readonly stop: StopFlag;
  readonly ended: Promise<void>;
}

/**
 * One search thread as a resource: started at first use, one task at a time. When it dies only its task fails, with
 * `storage_unavailable`, and the next use starts it again; when it does not stop as told it is ended and replaced.
 */
export class SearchHost implements AsyncDisposable {
  readonly #options: SearchHostOptions;
  readonly #releases = new Map<number, () => void>();
  readonly #endings = new Set<Promise<void>>();
  #open: ReadonlySet<string> = new Set();
  #life: Life | undefined;
  #ready = false;
  #running: Running | undefined;
  #lastRelease = 0;
  #deaths = 0;
  #notBefore = 0;

  constructor(options: SearchHostOptions) {
    this.#options = options;
  }

  get started(): boolean {
    return this.#life !== undefined;
  }

  /** Did its last task leave files of the folder open? */
  has(folder: string): boolean {
    return this.#open.has(folder);
  }

  /** Runs one task; the caller keeps to one at a time. */
  run(task: SearchTask): Promise<SearchDone> {
    const waitMs = this.#notBefore - this.#options.clock.monotonic();
    if (this.#life === undefined && waitMs > 0) {
      return Promise.reject(
        new PolymniaError('storage_unavailable', 'A search thread cannot be started; it is tried again shortly.', { retryAfterMs: waitMs }),
      );
    }
    this.#life ??= this.#start();
    const { worker, stop } = this.#life;
    Atomics.store(stop, 0, 0);
    return new Promise((resolve, reject) => {
      this.#running = { resolve, reject };
      worker.postMessage({ kind: 'run', task } satisfies ToSearchThread);
    });
  }

  /** Tells the running task to stop; it is answered as aborted, at the latest when its thread has been replaced. */
  stop(): void {
    const life = this.#life;
    const running = this.#running;
    if (life === undefined || running === undefined || running.cancelReplace !== undefined) return;
    Atomics.store(life.stop, 0, 1);
    running.cancelReplace = this.#options.clock.after(REPLACE_MS, () => {
      if (this.#running === running) this.#abandon(life);
    });
  }

  /** Resolves once nothing of the folder is open. Waits for the running task. */
  async release(folder: string): Promise<void> {
    await Promise.all(this.#endings);
    if (this.#life === undefined) return;
    const id = ++this.#lastRelease;
    const { worker } = this.#life;
    await new Promise<void>((resolve) => {
      this.#releases.set(id, resolve);
      worker.postMessage({ kind: 'release', id, folder } satisfies ToSearchThread);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const life = this.#life;
    if (life !== undefined) {
      Atomics.store(life.stop, 0, 1);
      life.worker.postMessage({ kind: 'stop' } satisfies ToSearchThread);
      const cancel = this.#options.clock.after(STOP_MS, () => void life.worker.terminate());
      await life.ended;
      cancel();
    }
    await Promise.all(this.#endings);
  }

  #start(): Life {
    const { entry, name, thread } = this.#options;
    const stop: StopFlag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const workerData: SearchThreadData = { ...thread, stop };
    const worker = new Worker(entry, { workerData, name, execArgv: [], env: compileCacheEnv(), resourceLimits: HEAP_LIMITS });
    this.#ready = false;
    let cause: unknown;
    worker.on('error', (error) => (cause = error));
    worker.on('message', (message: FromSearchThread) => {
      if (this.#life?.worker === worker) this.#receive(message);
    });
    const ended = new Promise<void>((resolve) => {
      worker.on('exit', (code) => {
        if (this.#life?.worker === worker) this.#onExit(cause ?? new Error(`exit code ${code}`), code);
        resolve();
      });
    });
    return { worker, stop, ended };
  }

  #receive(message: FromSearchThread): void {
    if (message.kind === 'ready') this.#ready = true;
    else if (message.kind === 'released') this.#released(message.id);
    else {
      this.#deaths = 0;
      this.#open = new Set(message.open);
      this.#finish()?.resolve({ outcome: message.outcome, busyUs: message.busyUs });
    }
  }

  #finish(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    running?.cancelReplace?.();
    return running;
  }

  #released(id: number): void {
    this.#releases.get(id)?.();
    this.#releases.delete(id);
  }

  /** Its files count as open until it has really ended. */
  #abandon({ worker, ended }: Life): void {
    const releases = [...this.#releases.values()];
    this.#releases.clear();
    this.#life = undefined;
    this.#open = new Set();
    const ending = Promise.all([ended, worker.terminate()]).then(() => releases.forEach((resolve) => resolve()));
    void ending.finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
    this.#finish()?.resolve({ outcome: { status: 'aborted' }, busyUs: REPLACE_MS * 1000 });
  }

  #onExit(cause: unknown, code: number): void {
    const running = this.#finish();
    this.#life = undefined;
    this.#open = new Set();
    for (const id of this.#releases.keys()) this.#released(id);
    if (code !== 0 || running !== undefined) {
      this.#backOff();
      this.#options.onCrash(this.#options.name, cause);
    }
    running?.reject(new PolymniaError('storage_unavailable', 'The search thread ended while it ran the call; it starts again.', { cause }));
  }

  /** A death at work costs no wait, one at the start does. */
  #backOff(): void {
    if (this.#ready) return;
    this.#deaths += 1;
    this.#notBefore = this.#options.clock.monotonic() + Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#deaths - 1));
  }
}
