import { extname } from 'node:path';
import type {
  CodeHits,
  CodeIndex,
  CodeQuery,
  FillVectors,
  IndexCall,
  IndexSource,
  ReadAnswer,
  ReadRequest,
  SymbolHits,
  SymbolQuery,
  VectorIndex,
  VectorsFilled,
} from '../../../domains/code/search/code-index.ts';
import { abortError } from '../../../kernel/abort.ts';
import { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import { type Dispatch, FairScheduler } from '../../../kernel/fair-scheduler.ts';
import { type SearchDone, SearchHost } from './search-host.ts';
import type { SearchTask, SearchValue } from './search-protocol.ts';

/** Cost of a look-up of which nothing is known, µs. */
const USUAL_COST_US = 3_000;
const MAX_RETIRED = 10_000;
const LINE = { maxWaitingPerUser: 128, maxWaitingPerGroup: 512, maxWaiting: 2_048 } as const;
const MAX_OPEN = { openGenerations: 32, openBytes: 256 * 1024 * 1024 } as const;

export interface SearchThreadsOptions {
  /** CODE_READERS. */
  readonly threads: number;
  readonly clock: Clock;
  /** 0 is usual; up to 19 gives way to others. */
  readonly niceness?: number;
  /** Told when a thread died that nobody ended. */
  readonly onCrash?: (name: string, cause: unknown) => void;
  /** For tests: another entry module. */
  readonly entry?: URL;
}

interface Waiting {
  readonly task: SearchTask;
  readonly call: IndexCall;
  readonly settle: (value: SearchValue | undefined) => void;
  readonly fail: (error: PolymniaError) => void;
}

/**
 * The indexes of repositories over threads of their own, started at first use. Look-ups are handed out fairly by the processor time of
 * users; one user has at most all threads but one at work, and at least one.
 */
export class SearchThreads implements CodeIndex, VectorIndex, AsyncDisposable {
  readonly #clock: Clock;
  readonly #hosts: readonly SearchHost[];
  readonly #idle: Set<SearchHost>;
  readonly #scheduler: FairScheduler<Waiting>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Set<Promise<void>>();
  readonly #users = new FolderUsers();
  #closed = false;

  constructor({ threads, clock, niceness = 0, onCrash = () => {}, entry = defaultEntry() }: SearchThreadsOptions) {
    const thread = { ...MAX_OPEN, niceness };
    this.#clock = clock;
    this.#hosts = Array.from({ length: threads }, (_, at) => new SearchHost({ entry, name: `code-search-${at + 1}`, clock, thread, onCrash }));
    this.#idle = new Set(this.#hosts);
    this.#scheduler = new FairScheduler({ ...LINE, capacity: threads, maxRunningPerUser: Math.max(1, threads - 1) }, ({ fail, call }) =>
      fail(call.signal.aborted ? abortError(call.signal) : waitedTooLong()),
    );
  }

  search(source: IndexSource, query: CodeQuery, call: IndexCall): Promise<CodeHits | undefined> {
    return this.#ask({ method: 'search', source, query }, call) as Promise<CodeHits | undefined>;
  }

  symbols(source: IndexSource, query: SymbolQuery, call: IndexCall): Promise<SymbolHits | undefined> {
    return this.#ask({ method: 'symbols', source, query }, call) as Promise<SymbolHits | undefined>;
  }

  read(source: IndexSource, query: ReadRequest, call: IndexCall): Promise<ReadAnswer | undefined> {
    return this.#ask({ method: 'read', source, query }, call) as Promise<ReadAnswer | undefined>;
  }

  fillVectors(source: IndexSource, query: FillVectors, call: IndexCall): Promise<VectorsFilled | undefined> {
    return this.#ask({ method: 'fillVectors', source, query }, call) as Promise<VectorsFilled | undefined>;
  }

  async retire(folder: string): Promise<void> {
    this.#users.retire(folder);
    await this.#users.idle(folder);
    await Promise.all(this.#hosts.map((host) => host.release(folder)));
  }

  /** Look-ups that wait for a thread. */
  get waiting(): number {
    return this.#scheduler.waiting;
  }

  /** Refuses what waits, stops what runs and ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const [token, { fail }] of this.#waiting) {
      this.#scheduler.cancel(token);
      fail(stopping());
    }
    for (const host of this.#hosts) host.stop();
    await Promise.all(this.#running);
    await Promise.all(this.#hosts.map((host) => host[Symbol.asyncDispose]()));
  }

  async #ask(task: SearchTask, call: IndexCall): Promise<SearchValue | undefined> {
    if (this.#closed) throw stopping();
    if (call.signal.aborted) throw abortError(call.signal);
    if (this.#users.isRetired(task.source.folder)) return undefined;
    this.#users.enter(task.source.folder);
    try {
      return await this.#wait(task, call);
    } finally {
      this.#users.leave(task.source.folder);
    }
  }

  #wait(task: SearchTask, call: IndexCall): Promise<SearchValue | undefined> {
    return new Promise((resolve, reject) => {
      const { flow, signal, deadlineAt } = call;
      let token = -1;
      const onAbort = (): void => {
        if (!this.#waiting.has(token)) return;
        this.#scheduler.cancel(token);
        waiting.fail(abortError(signal));
      };
      const leave = (): void => {
        this.#waiting.delete(token);
        signal.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting = {
        task,
        call,
        settle: (value) => {
          leave();
          resolve(value);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const entered = this.#scheduler.enqueue({ ...flow, cost: USUAL_COST_US, deadlineAt, payload: waiting }, this.#clock.monotonic());
      if (!entered.ok) return reject(lineFull(entered.full === 'all_lines'));
      token = entered.token;
      this.#waiting.set(token, waiting);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#idle.size > 0 && !this.#closed) {
      const next = this.#scheduler.next(this.#clock.monotonic());
      if (next === undefined) return;
      const host = this.#choose(next.payload.task.source.folder);
      this.#idle.delete(host);
      this.#waiting.delete(next.token);
      const run = this.#run(host, next).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
  }

  /** An idle thread, rather one that has the generation open, that has started. */
  #choose(folder: string): SearchHost {
    const rank = (host: SearchHost): number => (host.has(folder) ? 2 : host.started ? 1 : 0);
    const [best] = [...this.#idle].toSorted((a, b) => rank(b) - rank(a));
    if (best === undefined) throw new PolymniaError('internal', 'No search thread is idle.');
    return best;
  }

  async #run(host: SearchHost, { token, payload }: Dispatch<Waiting>): Promise<void> {
    const { call, task, fail } = payload;
    const started = this.#clock.monotonic();
    const onAbort = (): void => host.stop();
    let busyUs = 0;
    try {
      call.signal.addEventListener('abort', onAbort, { once: true });
      const running = host.run(task);
      if (call.signal.aborted) host.stop();
      const done = await running;
      busyUs = done.busyUs;
      call.meter.add(busyUs);
      this.#end(payload, done);
    } catch (error) {
      busyUs = (this.#clock.monotonic() - started) * 1000;
      fail(toPolymniaError(error));
    }
    call.signal.removeEventListener('abort', onAbort);
    this.#idle.add(host);
    this.#scheduler.finish(token, busyUs, this.#clock.monotonic());
    this.#pump();
  }

  #end({ settle, fail, call }: Waiting, { outcome }: SearchDone): void {
    switch (outcome.status) {
      case 'ok':
        return settle(outcome.value);
      case 'gone':
        return settle(undefined);
      case 'aborted':
        return fail(call.signal.aborted ? abortError(call.signal) : stopping());
      case 'failed': {
        const { code, message, cause } = outcome;
        return fail(new PolymniaError(code, message, cause === undefined ? {} : { cause }));
      }
    }
  }
}

/** Who uses which folder, and which must not be used any more. */
class FolderUsers {
  readonly #counts = new Map<string, number>();
  readonly #retired = new BoundedMap<string, true>({ maxSize: MAX_RETIRED });
  readonly #idle = new Map<string, (() => void)[]>();

  retire(folder: string): void {
    this.#retired.set(folder, true);
  }

  isRetired(folder: string): boolean {
    return this.#retired.has(folder);
  }

  enter(folder: string): void {
    this.#counts.set(folder, (this.#counts.get(folder) ?? 0) + 1);
  }

  leave(folder: string): void {
    const count = (this.#counts.get(folder) ?? 1) - 1;
    if (count > 0) return void this.#counts.set(folder, count);
    this.#counts.delete(folder);
    for (const resolve of this.#idle.get(folder) ?? []) resolve();
    this.#idle.delete(folder);
  }

  idle(folder: string): Promise<void> {
    if (!this.#counts.has(folder)) return Promise.resolve();
    return new Promise((resolve) => this.#idle.set(folder, [...(this.#idle.get(folder) ?? []), resolve]));
  }
}

/** `tsc` rewrites import specifiers, but not this one. */
function defaultEntry(): URL {
  return new URL(`./search-thread${extname(import.meta.url)}`, import.meta.url);
}

function waitedTooLong(): PolymniaError {
  return new PolymniaError('timed_out', 'The time of the call ended while it waited for a search thread.', { details: { limit: 'deadline' } });
}

function stopping(): PolymniaError {
  return new PolymniaError('overloaded', 'The server is stopping.', { retryAfterMs: 1000 });
}

function lineFull(isEveryones: boolean): PolymniaError {
  return isEveryones
    ? new PolymniaError('overloaded', 'Too many look-ups wait for the code search.', { retryAfterMs: 500, details: { limit: 'code search line' } })
    : new PolymniaError('rate_limited', 'Too many of your look-ups wait for the code search.', {
        retryAfterMs: 500,
        details: { limit: 'code search line of one user' },
      });
}
