import { orAbort, startDeadline, throwIfAborted } from '../../../kernel/abort.ts';
import { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import { KeyedLock, type LockState } from '../../../kernel/keyed-lock.ts';
import type { Logger } from '../../../kernel/logger.ts';
import { closing } from '../threads/pending-call.ts';
import { Places } from './places.ts';
import type { SpaceArchive } from './space-archive.ts';

export interface FileLifeDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly archive: Pick<SpaceArchive, 'has' | 'bytes' | 'path' | 'bringBack'>;
  /** Waiting for one file; more are refused. */
  readonly maxWaiters: number;
}

/** Who asks for a file, and for how long. */
export interface FileRequest {
  /** As the list of locks shows it. */
  readonly holder: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** How long work that must not disturb anybody waits for calls that are running. */
const GIVE_UP_MS = 20;
/** How long bringing back waits for whoever has the file, such as a backup that copies it. */
const RETURN_WAIT_MS = 60_000;
/** Packed files larger than this have places of their own, so that nobody else waits for them. */
const LARGE_BYTES = 16 * 1024 * 1024;
const PLACES = { usual: 8, large: 2 };
/** A file that could not be brought back is not tried again sooner: its user's client may. */
const REFUSAL_MS = 10_000;
const MAX_REFUSALS = 1000;

/**
 * Who may do what with a space's file: a fair lock for each. Those who use the file share it; who drops, archives or brings it
 * back has it alone. Use of an archived space brings it back first, once for all who ask; and work that only wants the quiet
 * moment ({@link whileIdle}) gives way to everybody as soon as somebody comes.
 */
export class FileLife implements AsyncDisposable {
  readonly #deps: FileLifeDeps;
  readonly #lock: KeyedLock;
  /** Work of `whileIdle`, by space: at most one each. */
  readonly #quiet = new Map<SpaceKey, AbortController>();
  /** Spaces that are brought back now. */
  readonly #returning = new Map<SpaceKey, Promise<void>>();
  readonly #refused: BoundedMap<SpaceKey, PolymniaError>;
  readonly #places = { usual: new Places(PLACES.usual), large: new Places(PLACES.large) };
  readonly #running = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();

  constructor(deps: FileLifeDeps) {
    const { clock, maxWaiters } = deps;
    this.#deps = deps;
    this.#lock = new KeyedLock(clock, maxWaiters);
    this.#refused = new BoundedMap({ maxSize: MAX_REFUSALS, ttl: { ms: REFUSAL_MS, clock } });
  }

  /** For calls: the file, if there is one, is in place and stays there until the lock is disposed. */
  async use(space: SpaceKey, request: FileRequest): Promise<Disposable> {
    const { clock, archive } = this.#deps;
    const endsAt = clock.monotonic() + request.timeoutMs;
    for (;;) {
      const lock = await this.look(space, { ...request, timeoutMs: endsAt - clock.monotonic() });
      if (!archive.has(space)) return lock;
      lock[Symbol.dispose]();
      using deadline = startDeadline(clock, endsAt - clock.monotonic(), 'its deadline, waiting for its space to be unpacked', request.signal);
      await orAbort(this.#broughtBack(space), deadline.signal);
    }
  }

  /** As {@link use}, for who takes an archived space as it is. */
  look(space: SpaceKey, request: FileRequest): Promise<Disposable> {
    this.#giveWay(space);
    return this.#lock.acquire(space, 'read', request);
  }

  /** Nobody else uses or looks at the file until the lock is disposed. */
  own(space: SpaceKey, request: FileRequest): Promise<Disposable> {
    this.#giveWay(space);
    return this.#lock.acquire(space, 'write', request);
  }

  /**
   * Runs work that has the file alone, and is told to stop as soon as anybody else comes for it. Undefined when somebody had it,
   * or came; what the work had begun it has undone then. Rejects as the work does, or when `signal` aborts.
   */
  async whileIdle<T>(space: SpaceKey, holder: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    throwIfAborted(signal);
    if (this.#stop.signal.aborted) throw closing();
    if (this.#quiet.has(space)) return undefined;
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#quiet.set(space, controller);
    try {
      return await this.#tracked(this.#alone(space, holder, controller.signal, work));
    } catch (error) {
      throwIfAborted(signal);
      if (controller.signal.aborted) return undefined;
      throw error;
    } finally {
      this.#quiet.delete(space);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Locks that are held now, with holders, waiters and ages. */
  locks(): readonly LockState[] {
    return this.#lock.list();
  }

  /** Tells what runs here to stop, and waits for it. Calls that have the file are their owners' to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(closing());
    for (const controller of this.#quiet.values()) controller.abort(closing());
    await Promise.allSettled(this.#running);
  }

  #giveWay(space: SpaceKey): void {
    this.#quiet.get(space)?.abort(new PolymniaError('cancelled', 'The space is in use.'));
  }

  async #alone<T>(space: SpaceKey, holder: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    let lock: Disposable;
    try {
      lock = await this.#lock.acquire(space, 'write', { holder, signal, timeoutMs: GIVE_UP_MS });
    } catch (error) {
      if (toPolymniaError(error).code === 'timed_out') return undefined;
      throw error;
    }
    using _lock = lock;
    throwIfAborted(signal);
    return await work(signal);
  }

  #broughtBack(space: SpaceKey): Promise<void> {
    const refused = this.#refused.get(space);
    if (refused !== undefined) return Promise.reject(refused);
    let returning = this.#returning.get(space);
    if (returning === undefined) {
      returning = this.#tracked(this.#bringBack(space)).finally(() => this.#returning.delete(space));
      this.#returning.set(space, returning);
    }
    return returning;
  }

  async #bringBack(space: SpaceKey): Promise<void> {
    const { archive, clock, logger } = this.#deps;
    const { signal } = this.#stop;
    const startedAt = clock.monotonic();
    const size = (await archive.bytes(space)) > LARGE_BYTES ? 'large' : 'usual';
    using _place = await this.#places[size].take();
    using _lock = await this.#lock.acquire(space, 'write', { holder: 'bring back', signal, timeoutMs: RETURN_WAIT_MS });
    if (!archive.has(space)) return;
    try {
      const bytes = await archive.bringBack(space, signal);
      logger.info('space brought back', { space, ...bytes, ms: Math.round(clock.monotonic() - startedAt) });
    } catch (error) {
      if (!signal.aborted) this.#refuse(space, toPolymniaError(error));
      throw error;
    }
  }

  #refuse(space: SpaceKey, error: PolymniaError): void {
    this.#refused.set(space, error);
    this.#deps.logger.error('An archived space could not be brought back.', { space, file: this.#deps.archive.path(space) }, error);
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }
}
