import { Worker } from 'node:worker_threads';
import { compileCacheEnv } from '../../../kernel/runtime/compile-cache.ts';
import { abortError, throwIfAborted } from '../../../kernel/abort.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { closing } from './pending-call.ts';
import type { FileSeal, MaintenanceData, MaintenanceReply, MaintenanceRequest, MaintenanceTask, Packed } from './maintenance.ts';

export type { FileSeal } from './maintenance.ts';

interface Pending {
  readonly resolve: (reply: MaintenanceReply & { ok: true }) => void;
  readonly reject: (error: PolymniaError) => void;
  readonly signal: AbortSignal;
}

const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';

/**
 * A thread of its own for copies, checks and packing of whole files, which take as long as the file is large: neither the event
 * loop nor a storage thread waits for them. Started at first use; one task after the other.
 */
export class MaintenanceThread implements AsyncDisposable {
  readonly #niceness: number;
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #worker: Worker | undefined;
  #ended: Promise<void> = Promise.resolve();
  #pending: (Pending & { readonly id: number }) | undefined;
  #line: Promise<unknown> = Promise.resolve();
  #lastId = 0;
  #closed = false;

  /** @param niceness priority for the operating system: 0 is usual, up to 19 gives way to others. */
  constructor(niceness = 0) {
    this.#niceness = niceness;
  }

  /** Copies a database as it is at one moment, while it is in use; `to` must not exist. */
  async copy(from: string, to: string, signal: AbortSignal): Promise<FileSeal> {
    return sealOf(await this.#run({ kind: 'copy', from, to }, signal));
  }

  async hash(path: string, signal: AbortSignal): Promise<FileSeal> {
    return sealOf(await this.#run({ kind: 'hash', path }, signal));
  }

  /** What SQLite's integrity check finds wrong with a file; empty = sound. */
  async check(path: string, signal: AbortSignal): Promise<readonly string[]> {
    return (await this.#run({ kind: 'check', path }, signal)).problems ?? [];
  }

  /** See `packAway`. */
  async pack(from: string, to: string, signal: AbortSignal): Promise<Packed> {
    return (await this.#run({ kind: 'pack', from, to }, signal)).packed ?? 'absent';
  }

  /** Stops a copy or packing, lets a check end, refuses what waits, and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    Atomics.store(this.#stop, 0, 1);
    await this.#line;
    await this.#worker?.terminate();
    await this.#ended;
  }

  #run(task: MaintenanceTask, signal: AbortSignal): Promise<MaintenanceReply & { ok: true }> {
    const result = this.#line.then(() => this.#ask(task, signal));
    this.#line = result.catch(() => {});
    return result;
  }

  async #ask(task: MaintenanceTask, signal: AbortSignal): Promise<MaintenanceReply & { ok: true }> {
    throwIfAborted(signal);
    if (this.#closed) throw closing();
    Atomics.store(this.#stop, 0, 0);
    const worker = (this.#worker ??= this.#start());
    const onAbort = (): void => void Atomics.store(this.#stop, 0, 1);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        const id = ++this.#lastId;
        this.#pending = { id, resolve, reject, signal };
        worker.postMessage({ id, task } satisfies MaintenanceRequest);
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #start(): Worker {
    const data: MaintenanceData = { stop: this.#stop, niceness: this.#niceness };
    const worker = new Worker(new URL(`./maintenance.${extension}`, import.meta.url), {
      workerData: data,
      name: 'maintenance',
      execArgv: [],
      env: compileCacheEnv(),
    });
    worker.on('message', (reply: MaintenanceReply) => this.#receive(reply));
    let cause: unknown;
    worker.on('error', (error) => (cause = error));
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = undefined;
        this.#pending?.reject(new PolymniaError('storage_unavailable', 'The maintenance thread ended.', { cause }));
        this.#pending = undefined;
        resolve();
      });
    });
    return worker;
  }

  #receive(reply: MaintenanceReply): void {
    const pending = this.#pending;
    if (pending?.id !== reply.id) return;
    this.#pending = undefined;
    if (reply.ok) pending.resolve(reply);
    else if (reply.stopped) pending.reject(pending.signal.aborted ? abortError(pending.signal) : closing());
    else pending.reject(new PolymniaError('storage_unavailable', `A file could not be copied, packed or checked (${reply.code}).`));
  }
}

function sealOf({ seal }: MaintenanceReply & { ok: true }): FileSeal {
  if (seal === undefined) throw new PolymniaError('internal', 'The maintenance thread gave no seal.');
  return seal;
}
