import { constants } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { StoreCall, WriteCall } from '../../domains/memory/store.ts';
import { orAbort } from '../../kernel/abort.ts';
import { BoundedMap } from '../../kernel/bounded-map.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { GivingWay } from '../../kernel/giving-way.ts';
import { isSpaceKey } from '../../kernel/ids.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import type { LockState } from '../../kernel/keyed-lock.ts';
import type { Logger } from '../../kernel/logger.ts';
import { checkArchive } from './archive/check-archive.ts';
import { FileLife } from './archive/file-life.ts';
import type { SpaceBytes } from './archive/packing.ts';
import { SpaceArchive } from './archive/space-archive.ts';
import { namesIn, sizeOf, statOf } from './file-facts.ts';
import { syncFile, syncFolder } from './sync-to-disk.ts';
import type { DispatchHooks, DispatchLimits } from './threads/dispatch-options.ts';
import { MaintenanceThread } from './threads/maintenance-host.ts';
import type { FileSeal } from './threads/maintenance-host.ts';
import { closing, waitedTooLong } from './threads/pending-call.ts';
import type { Answer, CallRequest, PendingCall } from './threads/pending-call.ts';
import { OPEN_METHOD } from './threads/protocol.ts';
import type { BatchDone } from './threads/protocol.ts';
import { ReadDispatcher } from './threads/read-dispatcher.ts';
import { archivePath, draftPath, filesOf, spaceOfFileName, spacePath } from './threads/space-path.ts';
import { createStorageThreads, type StorageThreadsOptions } from './threads/storage-threads.ts';
import type { ThreadHost } from './threads/thread-host.ts';
import { WriteDispatcher } from './threads/write-dispatcher.ts';

/** How space files are kept and served. */
export interface SpaceFilesOptions extends StorageThreadsOptions {
  /** Folder of the packed files of archived spaces, e.g. `DATA/archive`, on the same disk. */
  readonly archive: string;
  readonly logger: Logger;
  /** Waiting calls; more are refused. Default: 256 of one user, 2,048 of one group, 8,192 of one kind (reads; writes of one thread and class). */
  readonly limits?: Partial<DispatchLimits>;
  /** What long work shares with that of child processes. Default: one of its own. */
  readonly givingWay?: GivingWay;
  /** Told of each commit: its duration in seconds and the calls it carried. */
  readonly onCommit?: (seconds: number, calls: number) => void;
  /** Told how long a call waited for the lock on its file's life. */
  readonly onLockWait?: (seconds: number) => void;
}

export interface WriteOptions<R> {
  /** Runs only while no other call waits for the same thread, though never starved. */
  readonly background?: boolean;
  /** In the background and much of it: by a writer that leaves the processor to all others. The space's other writes go there with it. */
  readonly bulk?: boolean;
  /** Given: a space without a file gets none, and this is the answer. */
  readonly absent?: { readonly answer: R };
}

/** How long a change of a file's life may wait for the calls that use it. */
export interface LifecycleRequest {
  /** Who asks, as the list of locks shows it. */
  readonly holder: string;
  readonly signal: AbortSignal;
  /** Default: a minute. */
  readonly timeoutMs?: number;
}

interface ThreadsState {
  readonly threads: number;
  readonly started: number;
  readonly busy: number;
  readonly waiting: number;
  readonly openFiles: number;
}

export interface StorageStats {
  readonly readers: ThreadsState;
  readonly writers: ThreadsState;
  /** Batches that found their file open, and that had to open it. */
  readonly openHits: number;
  readonly openMisses: number;
  readonly commits: number;
  /** Writes those commits carried. */
  readonly committedCalls: number;
  readonly walBytes: number;
  /** Threads that ended unasked. */
  readonly crashes: number;
}

/** A copied file: its path inside the backup, and its seal. */
export interface BackupFile extends FileSeal {
  /** With `/`. */
  readonly path: string;
}

/** What became of a space that was to be archived; `in_use`: somebody had its file, or came for it meanwhile. */
export type Archived = 'absent' | 'archived' | 'in_use' | SpaceBytes;

const DEFAULT_LIMITS: DispatchLimits = { maxWaitingPerUser: 256, maxWaitingPerGroup: 2048, maxWaiting: 8192 };
const LIFECYCLE_TIMEOUT_MS = 60_000;
const PACKER_NICENESS = 10;
/** Dropped keys remembered, so that a write that was on its way makes no new file. Keys are never given out again. */
const MAX_DROPPED = 100_000;

/**
 * One SQLite file per space, served by reader and writer threads: the ground of the embedded stores. A method runs whole in
 * a thread; writes answer after their commit is on disk, and every later read sees them. Calls are handed out fairly by
 * thread time. A file's life (drop, archive) excludes its use: see `FileLife`. An archived space is brought back by its first
 * use, whatever method that is.
 */
export class SpaceFiles implements AsyncDisposable {
  readonly #options: SpaceFilesOptions;
  readonly #readers: readonly ThreadHost[];
  readonly #writers: readonly ThreadHost[];
  readonly #reads: ReadDispatcher;
  readonly #writes: WriteDispatcher;
  readonly #maintenance = new MaintenanceThread();
  readonly #packer = new MaintenanceThread(PACKER_NICENESS);
  readonly #archive: SpaceArchive;
  readonly #life: FileLife;
  readonly #dropped = new BoundedMap<SpaceKey, true>({ maxSize: MAX_DROPPED });
  readonly #counts = { openHits: 0, openMisses: 0, commits: 0, committedCalls: 0, crashes: 0 };
  #scratches = 0;
  #closing: Promise<void> | undefined;

  constructor(options: SpaceFilesOptions) {
    const { clock, logger } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const hooks: DispatchHooks = { onDone: (done, calls) => this.#count(done, calls) };
    this.#options = options;
    this.#archive = new SpaceArchive({ folder: options.archive, spaces: options.folder, packer: this.#packer, logger });
    this.#life = new FileLife({ clock, logger, archive: this.#archive, maxWaiters: limits.maxWaiting });
    const { readers, writers } = createStorageThreads(options, (name, cause) => this.#noteCrash(name, cause));
    this.#readers = readers;
    this.#writers = [...writers.usual, ...writers.bulk];
    const { givingWay = new GivingWay(clock) } = options;
    this.#reads = new ReadDispatcher(readers, clock, limits, hooks, givingWay, (space) => sizeOf(this.#path(space)));
    this.#writes = new WriteDispatcher(writers, clock, limits, hooks, givingWay);
  }

  /** Runs a read method; `absent` is the answer of a space without a file. Reading makes no file. */
  read<R>(method: string, call: StoreCall, args: unknown, absent: R): Promise<R> {
    const request: CallRequest = { space: call.space, method, args, call, effect: 'read', background: false, bulk: false, create: false };
    return this.#inUse(call, method, async () => {
      let answer = await this.#reads.call(request);
      if (answer.status === 'stale') {
        await this.#writes.call({ ...request, method: OPEN_METHOD, args: undefined, effect: 'write' });
        answer = await this.#reads.call(request);
      }
      return valueOf<R>(answer, { answer: absent });
    });
  }

  /** Runs a write method in a transaction; resolves after the commit is on disk. Makes the space's file if need be. */
  write<R>(method: string, call: WriteCall, args: unknown, options: WriteOptions<R> = {}): Promise<R> {
    const { bulk = false, background = bulk, absent } = options;
    const request: CallRequest = { space: call.space, method, args, call, effect: 'write', background, bulk, create: absent === undefined };
    return this.#inUse(call, method, async () => {
      if (this.#dropped.has(call.space)) throw notFound('space');
      return valueOf<R>(await this.#writes.call(request), absent);
    });
  }

  /** Deletes a space's file for good: later reads find nothing, later writes are `not_found`. False when there was none. */
  async drop(space: SpaceKey, { holder, signal, timeoutMs = LIFECYCLE_TIMEOUT_MS }: LifecycleRequest): Promise<boolean> {
    const path = this.#path(space);
    if (this.#closing !== undefined) throw closing();
    using _lock = await this.#life.own(space, { holder, signal, timeoutMs });
    await this.#closed(space);
    this.#dropped.set(space, true);
    const hadFile = (await statOf(path)) !== undefined;
    for (const file of filesOf(path)) await rm(file, { force: true });
    const wasArchived = await this.#archive.remove(space);
    // Also of an archived one: archiving leaves it to the system when the removal of the file is durable.
    if ((await statOf(dirname(path))) !== undefined) await syncFolder(dirname(path));
    return hadFile || wasArchived;
  }

  /** Closes a space's file in all threads unless somebody uses it; true when it was open and is not any more. */
  async release(space: SpaceKey, signal: AbortSignal): Promise<boolean> {
    if (![...this.#readers, ...this.#writers].some((thread) => thread.has(space))) return false;
    const released = await this.#life.whileIdle(space, 'release', signal, (idle) => orAbort(this.#closed(space), idle));
    return released !== undefined;
  }

  /**
   * Packs the file of a space nobody uses and moves it to the archive. Whoever comes for the space meanwhile is not kept waiting:
   * the file stays where it is. Its next use brings it back. Rejects on abort and on failures of the disk; the space is whole then.
   */
  async archive(space: SpaceKey, signal: AbortSignal): Promise<Archived> {
    if (!isSpaceKey(space)) throw new PolymniaError('internal', 'A space key must be 16 hex digits.');
    if (this.#closing !== undefined) throw closing();
    if (this.#archive.has(space)) return 'archived';
    await this.release(space, signal);
    const packed = await this.#pack(space, signal);
    if (packed !== 'unfolded') return packed;
    await this.#foldLog(space, signal);
    const again = await this.#pack(space, signal);
    return again === 'unfolded' ? 'in_use' : again;
  }

  isArchived(space: SpaceKey): boolean {
    return this.#archive.has(space);
  }

  async exists(space: SpaceKey): Promise<boolean> {
    return this.#archive.has(space) || (await statOf(this.#path(space))) !== undefined;
  }

  /** Bytes on disk of the space's file and its log, or of its packed file; 0 without a file. */
  async fileBytes(space: SpaceKey): Promise<number> {
    const path = this.#path(space);
    if (this.#archive.has(space)) return this.#archive.bytes(space);
    return (await sizeOf(path)) + (await sizeOf(`${path}-wal`));
  }

  /** Keys of all spaces that have a file or are archived, each once, in no order; one made or dropped meanwhile may be missed or named. */
  async *list(): AsyncIterable<SpaceKey> {
    using archived = this.#archive.follow();
    const listed = new Set<SpaceKey>();
    for await (const folder of namesIn(this.#options.folder)) {
      for await (const name of namesIn(join(this.#options.folder, folder))) {
        const space = spaceOfFileName(name);
        if (space === undefined || archived.spaces.has(space)) continue;
        listed.add(space);
        yield space;
      }
    }
    for (const space of archived.spaces) if (!listed.has(space)) yield space;
  }

  /**
   * Copies a space into `folder`, to `spaces/` or as it is to `archive/`: as it is at one moment, while it is in use. Undefined when
   * there is none. The copy must not exist.
   */
  async backupTo(space: SpaceKey, folder: string, signal: AbortSignal): Promise<BackupFile | undefined> {
    using _lock = await this.#life.look(space, { holder: 'backup', signal, timeoutMs: LIFECYCLE_TIMEOUT_MS });
    if (!(await this.exists(space))) return undefined;
    const path = this.#archive.has(space) ? archivePath('archive', space) : spacePath('spaces', space);
    const to = join(folder, path);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const seal = this.#archive.has(space) ? await this.#copyPacked(space, to, signal) : await this.#maintenance.copy(this.#path(space), to, signal);
    return { path: path.replaceAll(sep, '/'), ...seal };
  }

  /** What SQLite's integrity check finds wrong with a space's file; empty = sound or absent. An archived one is looked at beside. */
  async integrity(space: SpaceKey, signal: AbortSignal): Promise<readonly string[]> {
    using _lock = await this.#life.look(space, { holder: 'integrity check', signal, timeoutMs: LIFECYCLE_TIMEOUT_MS });
    if (!(await this.exists(space))) return [];
    if (!this.#archive.has(space)) return await this.#maintenance.check(this.#path(space), signal);
    const scratch = draftPath(`${this.#archive.path(space)}.${++this.#scratches}`);
    return await checkArchive(this.#archive.path(space), scratch, this.#maintenance, signal);
  }

  stats(): StorageStats {
    const walBytes = this.#writers.reduce((sum, thread) => sum + thread.walBytes, 0);
    return { readers: stateOf(this.#readers, this.#reads), writers: stateOf(this.#writers, this.#writes), ...this.#counts, walBytes };
  }

  /** Locks on files that are held now, with holders, waiters and ages. */
  locks(): readonly LockState[] {
    return this.#life.locks();
  }

  /** Refuses new and waiting calls, lets running ones end, closes all files and ends all threads. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#life, this.#reads, this.#writes, this.#maintenance, this.#packer].map((part) => part[Symbol.asyncDispose]()));
    // Readers first: the last connection to a file then is the writer's, which folds the log into it.
    await Promise.all(this.#readers.map((thread) => thread[Symbol.asyncDispose]()));
    await Promise.all(this.#writers.map((thread) => thread[Symbol.asyncDispose]()));
  }

  /** Resolves once no thread has the file open. */
  async #closed(space: SpaceKey): Promise<true> {
    await Promise.all([...this.#readers, ...this.#writers].map((thread) => thread.release(space)));
    return true;
  }

  async #pack(space: SpaceKey, signal: AbortSignal): Promise<SpaceBytes | 'absent' | 'unfolded' | 'in_use'> {
    const packed = await this.#life.whileIdle(space, 'archive', signal, async (idle) => {
      await orAbort(this.#closed(space), idle);
      return await this.#archive.put(space, idle);
    });
    return packed ?? 'in_use';
  }

  /** What a crash has left in the log is folded in by the writer that opens the file, when it closes it. */
  async #foldLog(space: SpaceKey, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const flow = { user: 'system', group: 'system', weight: 1 };
    const call = { space, flow, signal, deadlineAt: clock.monotonic() + LIFECYCLE_TIMEOUT_MS, meter: { add() {} }, now: clock.now() };
    await this.write(OPEN_METHOD, call, undefined, { background: true, absent: { answer: undefined } });
  }

  async #copyPacked(space: SpaceKey, to: string, signal: AbortSignal): Promise<FileSeal> {
    await copyFile(this.#archive.path(space), to, constants.COPYFILE_EXCL);
    await syncFile(to);
    return await this.#maintenance.hash(to, signal);
  }

  #noteCrash(name: string, cause: unknown): void {
    this.#counts.crashes += 1;
    this.#options.logger.error('A storage thread ended unasked; it starts again at the next call.', { thread: name }, cause);
  }

  #path(space: SpaceKey): string {
    if (!isSpaceKey(space)) throw new PolymniaError('internal', 'A space key must be 16 hex digits.');
    return spacePath(this.#options.folder, space);
  }

  async #inUse<T>(call: StoreCall, holder: string, run: () => Promise<T>): Promise<T> {
    if (!isSpaceKey(call.space)) throw new PolymniaError('internal', 'A space key must be 16 hex digits.');
    if (this.#closing !== undefined) throw closing();
    const timeoutMs = call.deadlineAt - this.#options.clock.monotonic();
    if (timeoutMs <= 0 && !call.signal.aborted) throw waitedTooLong();
    const askedAt = this.#options.clock.monotonic();
    using _lock = await this.#life.use(call.space, { holder, signal: call.signal, timeoutMs });
    this.#options.onLockWait?.((this.#options.clock.monotonic() - askedAt) / 1000);
    return await run();
  }

  #count(done: BatchDone, calls: readonly PendingCall[]): void {
    if (done.opened) this.#counts.openMisses += 1;
    else this.#counts.openHits += 1;
    const carried = done.commitsUs.length === 0 ? 0 : done.outcomes.filter(({ status }) => status === 'ok').length;
    this.#counts.commits += done.commitsUs.length;
    this.#counts.committedCalls += carried;
    for (const us of done.commitsUs) this.#options.onCommit?.(us / 1e6, carried / done.commitsUs.length);
    const serious = done.outcomes.find((outcome) => outcome.status === 'failed' && outcome.failure.serious === true);
    if (serious?.status === 'failed') this.#report(serious.failure.message, calls);
  }

  #report(message: string, calls: readonly PendingCall[]): void {
    this.#options.logger.error(message, { space: calls[0]?.request.space, method: calls[0]?.request.method });
  }
}

function valueOf<R>(answer: Answer, absent: { readonly answer: R } | undefined): R {
  if (answer.status === 'ok') return answer.value as R;
  if (answer.status === 'absent' && absent !== undefined) return absent.answer;
  throw new PolymniaError('storage_unavailable', 'The file of the space could not be brought up to date.');
}

function stateOf(threads: readonly ThreadHost[], dispatcher: { readonly busy: number; readonly waiting: number }): ThreadsState {
  const started = threads.filter((thread) => thread.started).length;
  const openFiles = threads.reduce((sum, thread) => sum + thread.openFiles, 0);
  return { threads: threads.length, started, busy: dispatcher.busy, waiting: dispatcher.waiting, openFiles };
}
