import { parentPort, workerData } from 'node:worker_threads';
import { PolymniaError } from '../../../kernel/errors.ts';
import { CellCache } from './cell-cache.ts';
import { runReads, runWrites } from './execute.ts';
import type { ExecuteContext, Executed } from './execute.ts';
import { giveWay } from './give-way.ts';
import type { OpenCell } from './open-cell.ts';
import type { FileSchema } from '../migrations.ts';
import type { AnswerForms, BatchDone, FromThread, MethodRegistry, Outcome, RunMessage, ThreadData, ToThread } from './protocol.ts';
import { breaksConnection, CallStopped, failureOf, sqliteFamily } from './translate-error.ts';
import { elapsedUs, processorUs } from './thread-time.ts';

/** A writer that had nothing to do for so long cuts the logs of its files. */
const IDLE_MS = 1000;

/** What a thread entry brings: the methods it can run, and the form of the files. */
export interface Serving {
  readonly methods: MethodRegistry;
  /** How answers are kept under idempotency keys; only writers keep any. */
  readonly answerForms?: AnswerForms;
  readonly schema: FileSchema;
}

/** Runs a storage thread until it is told to stop. To be called once, by the entry module of a worker thread. */
export function serveThread(serving: Serving): void {
  const port = parentPort;
  if (port === null) throw new PolymniaError('internal', 'A storage thread must run as a worker thread.');
  giveWay((workerData as ThreadData).config.niceness);
  const thread = new StorageThread(workerData as ThreadData, serving, (message) => port.postMessage(message));
  port.on('message', (message: ToThread) => {
    if (message.kind !== 'stop') return thread.handle(message);
    thread[Symbol.dispose]();
    port.close();
  });
  port.postMessage({ kind: 'ready' } satisfies FromThread);
}

/** One thread's state: its open files, and which slot of the batch is running. */
class StorageThread implements Disposable {
  readonly #data: ThreadData;
  readonly #cache: CellCache;
  readonly #send: (message: FromThread) => void;
  readonly #execute: ExecuteContext;
  #slot = 0;
  #broken = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(data: ThreadData, { methods, answerForms = {}, schema }: Serving, send: (message: FromThread) => void) {
    this.#data = data;
    this.#send = send;
    const stopped = (slot: number): boolean => Atomics.load(data.stopFlags, slot) !== 0;
    const alive = (): void => {
      if (stopped(this.#slot)) throw new CallStopped();
    };
    this.#cache = new CellCache({ config: data.config, schema, alive });
    this.#execute = {
      methods,
      answerForms,
      idempotencyTtlMs: data.config.idempotencyTtlMs,
      stopped,
      enter: (slot) => (this.#slot = slot),
      onError: (error) => (this.#broken ||= breaksConnection(error)),
    };
  }

  handle(message: Exclude<ToThread, { kind: 'stop' }>): void {
    if (message.kind === 'run') return this.#run(message);
    this.#cache.release(message.space);
    this.#cache.takeClosed();
    this.#send({ kind: 'released', id: message.id });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#idle);
    this.#cache[Symbol.dispose]();
  }

  #run(message: RunMessage): void {
    const { executed, opened, cell } = this.#executeBatch(message);
    const isOpen = cell !== undefined && !this.#broken;
    if (this.#broken) this.#reopen(message.space);
    else if (this.#writes) cell?.measureWal();
    this.#answer({ ...executed, opened, isOpen, closed: this.#cache.takeClosed(), walBytes: this.#writes ? this.#cache.walBytes : 0 });
    this.#cache.coolDown();
    if (!this.#writes) return;
    if (isOpen && cell.walTooLong) this.#truncate(() => cell.truncateWal());
    this.#awaitIdle();
  }

  get #writes(): boolean {
    return this.#data.config.role === 'writer';
  }

  #executeBatch({ space, create, calls }: RunMessage): { executed: Executed; opened: boolean; cell?: OpenCell } {
    let result: Outcome;
    const clockUs = this.#writes ? elapsedUs : processorUs;
    const started = clockUs();
    try {
      const { cell, opened } = this.#cache.get(space, create);
      if (typeof cell !== 'string') {
        const executed = this.#writes ? runWrites(cell.cell, calls, this.#execute) : runReads(cell.cell, calls, this.#execute);
        return { executed: withOpening(executed, clockUs() - started), opened, cell };
      }
      result = { status: cell, busyUs: 0, ownUs: 0 };
    } catch (error) {
      result = { status: 'failed', failure: failureOf(error), busyUs: 0, ownUs: 0 };
    }
    const busyUs = (clockUs() - started) / calls.length;
    return { executed: { outcomes: calls.map(() => ({ ...result, busyUs })), commitsUs: [] }, opened: true };
  }

  /** After an I/O error or damage the connection may hold wrong pages: the next call opens the file anew. */
  #reopen(space: string): void {
    this.#broken = false;
    this.#cache.release(space);
  }

  #answer(done: BatchDone): void {
    try {
      this.#send({ kind: 'done', done });
    } catch (error) {
      const failure = failureOf(error);
      this.#send({
        kind: 'done',
        done: { ...done, outcomes: done.outcomes.map(({ busyUs, ownUs }) => ({ status: 'failed', failure, busyUs, ownUs })) },
      });
    }
  }

  #awaitIdle(): void {
    this.#idle ??= setTimeout(() => this.#truncateOne(), IDLE_MS).unref();
    this.#idle.refresh();
  }

  /** One file a turn, so that a batch that arrives meanwhile waits for one checkpoint at most. */
  #truncateOne(): void {
    let more = false;
    this.#truncate(() => (more = this.#cache.truncateNextWal()));
    if (more) setImmediate(() => this.#truncateOne());
  }

  /** On a full or failing disk the log keeps what is committed, and the next write says what is wrong to its caller. */
  #truncate(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (sqliteFamily(error) === undefined) throw error;
    }
    this.#send({ kind: 'wal', walBytes: this.#cache.walBytes });
  }
}

/** The time it took to open the file is part of what the calls cost. */
function withOpening({ outcomes, commitsUs }: Executed, totalUs: number): Executed {
  const shareUs = Math.max(0, totalUs - outcomes.reduce((sum, { busyUs }) => sum + busyUs, 0)) / outcomes.length;
  return { outcomes: outcomes.map((outcome) => ({ ...outcome, busyUs: outcome.busyUs + shareUs })), commitsUs };
}
