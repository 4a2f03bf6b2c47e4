import { WorkerDied } from '../../domains/jobs/ports.ts';
import type { ChildTask, ChildTaskHooks, ChildTasks } from '../../domains/jobs/ports.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { GivingWay } from '../../kernel/giving-way.ts';
import type { Logger } from '../../kernel/logger.ts';
import { CpuTurns } from './cpu-turns.ts';
import { FairLine } from './fair-line.ts';
import type { LinePlace } from './fair-line.ts';
import { politePrefix } from './polite-start.ts';
import { HAS_GROUPS } from './process-group.ts';
import { TaskFolders } from './task-folders.ts';
import { TaskProcess } from './task-process.ts';

const DEFAULT_NICENESS = 19;
const DEFAULT_SEARCH_PATH = '/usr/local/bin:/usr/bin:/bin';
const DEFAULT_MAX_WAITING = 1000;
const DEFAULT_MAX_WAITING_PER_USER = 32;
const RETRY_MS = 1000;

export interface ChildPoolOptions {
  /** Module every child runs; see `hostTasks`. */
  readonly entry: URL;
  /** Children that exist at once. */
  readonly maxChildren: number;
  /** Children that use the processor at once, with all that they started; the others are paused in turn. */
  readonly cpus: number;
  /** A child that takes more, with all that it started, is ended. */
  readonly memoryMb: number;
  /** Folder of this pool alone, made if need be (its parent exists): each child has one in it, and what an earlier server left goes. */
  readonly tempFolder: string;
  /** How far the children stand behind everything else, 0 to 19. Default: 19. 0 leaves their disk class alone too. */
  readonly niceness?: number;
  /** PATH of the children. Default: the system's usual folders. */
  readonly searchPath?: string;
  /** Tasks that wait for a child; more are refused. Default: 1,000. */
  readonly maxWaiting?: number;
  /** Of one user. Default: 32. */
  readonly maxWaitingPerUser?: number;
  /** While the server itself has long work, the children leave it one of their places in turn. */
  readonly givingWay?: GivingWay;
  /** Told of each child that ended without a word. */
  readonly onDeath?: (reason: WorkerDied['reason'], task: ChildTask) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The pool at this moment, for metrics. */
export interface ChildPoolReading {
  readonly running: number;
  readonly waiting: number;
  readonly paused: number;
  /** Memory of all children, as of the last look (at most half a second ago). */
  readonly memoryBytes: number;
}

export interface ChildPool extends ChildTasks, AsyncDisposable {
  read(): ChildPoolReading;
}

/**
 * Runs tasks in child processes. Besides what the port promises:
 * - A task that finds no child free waits in a fair line (`FairLine`); a full line refuses with `rate_limited` (the user's own)
 *   or `overloaded`.
 * - Every child serves one task and ends. A start takes 30 ms (28 ms of processor time, measured): too little to make up for
 *   the next user's task finding what the last one's left in memory.
 * - Without tasks there is no child, no timer and no folder.
 * - Disposing it ends all tasks with `overloaded`, and waits until nothing of them is left. More than once does no harm.
 */
export function createChildPool(options: ChildPoolOptions): ChildPool {
  return new ProcessPool(options);
}

interface Waiting {
  readonly task: ChildTask;
  readonly hooks: ChildTaskHooks;
  readonly start: () => void;
  readonly refuse: (error: unknown) => void;
}

interface Running {
  readonly id: number;
  readonly task: ChildTask;
  readonly hooks: ChildTaskHooks;
  readonly process: TaskProcess;
  chargedMs: number;
}

class ProcessPool implements ChildPool {
  readonly #options: ChildPoolOptions;
  readonly #line: FairLine<Waiting>;
  readonly #turns: CpuTurns;
  readonly #folders: TaskFolders;
  readonly #running = new Map<number, Running>();
  readonly #waiting = new Set<Waiting>();
  readonly #active = new Set<Promise<unknown>>();
  readonly #stopping = new AbortController();
  #places = 0;
  #lastId = 0;
  #prepared: Promise<readonly string[]> | undefined;
  #cancelTick: (() => void) | undefined;

  constructor(options: ChildPoolOptions) {
    const { maxWaiting = DEFAULT_MAX_WAITING, maxWaitingPerUser = DEFAULT_MAX_WAITING_PER_USER } = options;
    this.#options = options;
    this.#folders = new TaskFolders(options.tempFolder, options.logger);
    this.#line = new FairLine({ maxWaiting, maxWaitingPerUser });
    this.#turns = new CpuTurns(HAS_GROUPS ? Math.max(1, options.cpus) : Infinity);
  }

  read(): ChildPoolReading {
    let memoryBytes = 0;
    for (const { process } of this.#running.values()) memoryBytes += process.memoryBytes;
    return { running: this.#places, waiting: this.#line.waiting, paused: this.#turns.paused, memoryBytes };
  }

  run(task: ChildTask, hooks: ChildTaskHooks): Promise<unknown> {
    const work = this.#runInTurn(task, hooks);
    const tracked = work.catch(() => {}).finally(() => this.#active.delete(tracked));
    this.#active.add(tracked);
    return work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    for (const waiting of this.#waiting) waiting.refuse(stopError());
    for (const { process } of this.#running.values()) process.end(stopError());
    await Promise.all(this.#active);
  }

  async #runInTurn(task: ChildTask, hooks: ChildTaskHooks): Promise<unknown> {
    await this.#turn(task, hooks);
    try {
      return await this.#runNow(task, hooks);
    } finally {
      this.#places -= 1;
      this.#line.finish(task.userId);
      this.#admit();
    }
  }

  /** Waits for a place; whoever it resolves for holds one. */
  #turn(task: ChildTask, hooks: ChildTaskHooks): Promise<void> {
    this.#throwIfOver(hooks.signal);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        hooks.signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiting);
      };
      const start = (): void => {
        leave();
        resolve();
      };
      const refuse = (error: unknown): void => {
        leave();
        this.#line.remove(place);
        reject(error);
      };
      const onAbort = (): void => refuse(hooks.signal.reason);
      const waiting: Waiting = { task, hooks, start, refuse };
      const place = this.#enter(waiting);
      this.#waiting.add(waiting);
      hooks.signal.addEventListener('abort', onAbort, { once: true });
      this.#admit();
    });
  }

  #enter(waiting: Waiting): LinePlace<Waiting> {
    const place = this.#line.add(waiting.task.userId, waiting.task.weight, waiting);
    if (typeof place !== 'string') return place;
    const facts = { retryAfterMs: RETRY_MS, details: { limit: place } };
    if (place === 'user_line') throw new PolymniaError('rate_limited', 'You already have too many tasks waiting for a worker.', facts);
    throw new PolymniaError('overloaded', 'Too many tasks wait for a worker.', facts);
  }

  #admit(): void {
    while (this.#places < this.#options.maxChildren) {
      const next = this.#line.next();
      if (next === undefined) return;
      this.#places += 1;
      next.start();
    }
  }

  async #runNow(task: ChildTask, hooks: ChildTaskHooks): Promise<unknown> {
    const prefix = await this.#prepareOnce();
    const folder = await this.#folders.make();
    try {
      this.#throwIfOver(hooks.signal);
      return await this.#runChild(task, hooks, prefix, folder);
    } finally {
      await this.#folders.remove(folder);
    }
  }

  async #runChild(task: ChildTask, hooks: ChildTaskHooks, prefix: readonly string[], folder: string): Promise<unknown> {
    const { entry, memoryMb, clock, logger, searchPath = DEFAULT_SEARCH_PATH, niceness = DEFAULT_NICENESS } = this.#options;
    const onEvent = (event: unknown): void => hooks.onEvent(event);
    const process = new TaskProcess(task, { entry, niceness, prefix, folder, searchPath, memoryMb, clock, logger, onEvent });
    const running: Running = { id: ++this.#lastId, task, hooks, process, chargedMs: 0 };
    const onAbort = (): void => process.end(hooks.signal.reason);
    hooks.signal.addEventListener('abort', onAbort, { once: true });
    this.#begin(running);
    const outcome = await process.ended;
    hooks.signal.removeEventListener('abort', onAbort);
    this.#finish(running);
    if ('result' in outcome) return outcome.result;
    if (outcome.error instanceof WorkerDied) this.#options.onDeath?.(outcome.error.reason, task);
    throw outcome.error;
  }

  #begin(running: Running): void {
    this.#running.set(running.id, running);
    this.#turns.add(running.id, running.task.userId, running.task.weight, this.#options.clock.monotonic());
    const holdsMs = this.#takeTurns();
    this.#cancelTick ??= this.#nextTick(holdsMs);
  }

  #finish(running: Running): void {
    this.#running.delete(running.id);
    this.#turns.remove(running.id);
    this.#charge(running);
    this.#takeTurns();
    if (this.#running.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  #nextTick(withinMs: number): () => void {
    return this.#options.clock.after(Math.max(1, Math.min(this.#turns.turnMs, withinMs)), () => this.#tick());
  }

  /** Looks at every child, then gives out the processor anew. */
  #tick(): void {
    for (const running of this.#running.values()) {
      const { id, process } = running;
      process.measure();
      this.#turns.measure(id, process.cpuMs, this.#options.clock.monotonic(), () => process.isRunnable());
      this.#charge(running);
    }
    this.#cancelTick = this.#nextTick(this.#takeTurns());
  }

  /** How long the turns hold at most, ms. */
  #takeTurns(): number {
    const { givingWay, clock, cpus } = this.#options;
    const span = HAS_GROUPS ? givingWay?.childSpan() : undefined;
    const { pause, resume } = this.#turns.choose(clock.monotonic(), span?.mayRun === false ? Math.max(0, cpus - 1) : undefined);
    for (const id of pause) this.#running.get(id)?.process.pause();
    for (const id of resume) this.#running.get(id)?.process.resume();
    return span?.forMs ?? Infinity;
  }

  #charge(running: Running): void {
    const ms = running.process.cpuMs - running.chargedMs;
    if (ms <= 0) return;
    running.chargedMs += ms;
    this.#line.charge(running.task.userId, ms);
    try {
      running.hooks.onCpu(ms);
    } catch (error) {
      running.process.end(error);
    }
  }

  /** A preparation that failed is tried again by the next task. */
  #prepareOnce(): Promise<readonly string[]> {
    this.#prepared ??= this.#prepare().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #prepare(): Promise<readonly string[]> {
    await this.#folders.prepare();
    return politePrefix(this.#options.niceness ?? DEFAULT_NICENESS, this.#options.searchPath ?? DEFAULT_SEARCH_PATH);
  }

  #throwIfOver(signal: AbortSignal): void {
    if (signal.aborted) throw signal.reason;
    if (this.#stopping.signal.aborted) throw stopError();
  }
}

function stopError(): PolymniaError {
  return new PolymniaError('overloaded', 'The server is stopping.', { retryAfterMs: RETRY_MS });
}
