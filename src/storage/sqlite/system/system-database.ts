import { existsSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { compileCacheEnv } from '../../../kernel/runtime/compile-cache.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { openSystemReader, type SystemFile } from './open-system-file.ts';
import { toWriteError, writeFailureOf } from './write-failure.ts';
import type { FromWriter, ToWriter, WriteOutcome, WriterData } from './writer-protocol.ts';
import type { SystemWriteName, WriteArgs, WriteResult } from './writes/system-writes.ts';

export interface SystemDatabaseOptions {
  /** Path of `system.db`; its folder is made if need be. */
  readonly path: string;
  readonly clock: Clock;
  readonly busyTimeoutMs?: number;
  readonly cacheKiB?: number;
  readonly mmapBytes?: number;
  /** A write not answered by then is given up with `timed_out`; it may still be committed. */
  readonly writeTimeoutMs?: number;
  /** Told of each death of the writer that was not asked for. */
  readonly onCrash?: (cause: unknown) => void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PolymniaError) => void;
  readonly cancelTimer: () => void;
}

/** Writes that may wait; one more is refused. */
const MAX_PENDING = 10_000;
const DEFAULT_TIMEOUT_MS = 30_000;
/** How long opening and closing may take. */
const START_MS = 60_000;
const STOP_MS = 10_000;
/** It holds no more than the writes that wait. */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 3, maxOldGenerationSizeMb: 256 };

/** The thread's entry beside this file, in source and in the built form alike. */
const ENTRY = new URL(`./system-writer.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

/**
 * `system.db` as a resource: one writer thread that commits together what waits together (WAL, FULL: a write resolves when it
 * is on disk), and one read-only connection on the calling thread. Reads stay here on purpose: each is a few indexed rows,
 * about 5 µs, against 60 µs for a trip to a thread and back; nothing that scans may be read this way.
 * A read sees every write that has been acknowledged. When the writer dies, the writes in flight fail with
 * `storage_unavailable` (they may have been committed) and the next one starts it again.
 */
export class SystemDatabase implements AsyncDisposable {
  readonly #options: SystemDatabaseOptions;
  readonly #pending = new Map<number, Pending>();
  #reader: SystemFile | undefined;
  #writer: Promise<Worker> | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #lastId = 0;

  private constructor(options: SystemDatabaseOptions) {
    this.#options = options;
  }

  /** Opens the file, making or migrating it. Rejects with `storage_unavailable` and a sentence for a file that cannot serve. */
  static async open(options: SystemDatabaseOptions): Promise<SystemDatabase> {
    const database = new SystemDatabase(options);
    await database.#ensureWriter();
    try {
      database.#reader = openSystemReader(database.#file());
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw toWriteError(writeFailureOf(error));
    }
    return database;
  }

  /** Writes that wait for their commit. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Runs a read of a few indexed rows. */
  read<Result>(query: (file: SystemFile) => Result): Result {
    if (this.#reader === undefined) throw new PolymniaError('storage_unavailable', 'The server is stopping.');
    try {
      return query(this.#reader);
    } catch (error) {
      throw toWriteError(writeFailureOf(error));
    }
  }

  /** Runs one write of the table; resolves after its commit is on disk. */
  async write<Name extends SystemWriteName>(name: Name, args: WriteArgs<Name>): Promise<WriteResult<Name>> {
    if (this.#stopping !== undefined) throw new PolymniaError('storage_unavailable', 'The server is stopping.');
    if (this.#pending.size >= MAX_PENDING) throw new PolymniaError('overloaded', `${MAX_PENDING} administrative writes wait already.`);
    return (await this.#send(name, args)) as WriteResult<Name>;
  }

  /** Writes a consistent copy to a path where nothing is yet. Other calls go on meanwhile. */
  async backupTo(path: string): Promise<void> {
    if (existsSync(path)) throw new PolymniaError('conflict', `There is a file ${path} already; name another place for the backup.`);
    try {
      // A connection of its own, and all pages in one step: a copy in several steps starts over at each commit between them.
      using source = new DatabaseSync(this.#options.path, { readOnly: true, timeout: this.#file().busyTimeoutMs });
      await backup(source, path, { rate: 2 ** 31 - 1 });
    } catch (error) {
      throw toWriteError(writeFailureOf(error));
    }
  }

  /** Lets waiting writes end, empties the log into the file and closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #file(): WriterData['file'] {
    const { path, busyTimeoutMs = 5000, cacheKiB = 2048, mmapBytes = 0 } = this.#options;
    return { path, busyTimeoutMs, cacheKiB, mmapBytes };
  }

  #send(name: SystemWriteName, args: unknown): Promise<unknown> {
    const { clock, writeTimeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const cancelTimer = clock.after(writeTimeoutMs, () => {
        this.#pending.delete(id);
        reject(new PolymniaError('timed_out', `The disk did not confirm the write within ${writeTimeoutMs} ms; it may have been done.`));
      });
      this.#pending.set(id, { resolve, reject, cancelTimer });
      this.#ensureWriter()
        .then((worker) => worker.postMessage({ kind: 'run', id, name, args } satisfies ToWriter))
        .catch((error: unknown) => this.#settle({ id, ok: false, failure: writeFailureOf(error) }));
    });
  }

  #ensureWriter(): Promise<Worker> {
    this.#writer ??= this.#start();
    return this.#writer;
  }

  #start(): Promise<Worker> {
    const workerData: WriterData = { file: this.#file() };
    const worker = new Worker(ENTRY, { workerData, name: 'system-writer', execArgv: [], env: compileCacheEnv(), resourceLimits: HEAP_LIMITS });
    let cause: unknown;
    let isReady = false;
    worker.on('error', (error) => (cause = error));
    const { promise, resolve, reject } = Promise.withResolvers<Worker>();
    const refuse = (error: PolymniaError): void => {
      this.#writer = undefined;
      reject(error);
    };
    const cancelTimer = this.#options.clock.after(START_MS, () => void worker.terminate());
    worker.on('message', (message: FromWriter) => {
      if (message.kind === 'ready') {
        isReady = true;
        cancelTimer();
        resolve(worker);
      } else if (message.kind === 'refused') refuse(toWriteError(message.failure));
      else for (const outcome of message.outcomes) this.#settle(outcome);
    });
    this.#ended = new Promise((end) => {
      worker.on('exit', () => {
        cancelTimer();
        if (!isReady) refuse(new PolymniaError('storage_unavailable', 'The writer of system.db could not be started.', { cause }));
        else this.#onExit(cause);
        end();
      });
    });
    return promise;
  }

  #settle(outcome: WriteOutcome): void {
    const pending = this.#pending.get(outcome.id);
    if (pending === undefined) return;
    this.#pending.delete(outcome.id);
    pending.cancelTimer();
    if (outcome.ok) pending.resolve(outcome.value);
    else pending.reject(toWriteError(outcome.failure));
  }

  #onExit(cause: unknown): void {
    this.#writer = undefined;
    const message = 'The writer of system.db ended while it ran the call; it starts again.';
    for (const id of this.#pending.keys()) this.#settle({ id, ok: false, failure: { code: 'storage_unavailable', message } });
    if (this.#stopping === undefined) this.#options.onCrash?.(cause);
  }

  async #stop(): Promise<void> {
    this.#reader?.db.close();
    this.#reader = undefined;
    const worker = await this.#writer?.catch(() => undefined);
    if (worker === undefined) return;
    worker.postMessage({ kind: 'stop' } satisfies ToWriter);
    const cancelTimer = this.#options.clock.after(STOP_MS, () => void worker.terminate());
    await this.#ended;
    cancelTimer();
  }
}
