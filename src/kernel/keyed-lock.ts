import { abortError } from './abort.ts';
import { BoundedQueue } from './bounded-queue.ts';
import type { QueuePlace } from './bounded-queue.ts';
import type { Clock } from './clock.ts';
import { PolymniaError } from './errors.ts';

export type LockMode = 'read' | 'write';

export interface LockRequest {
  /** Longest wait in milliseconds; the time the lock is held is not limited here. */
  readonly timeoutMs: number;
  /** Who asks, as the list will show it: an operation's name or a job's id, never content. */
  readonly holder: string;
  readonly signal?: AbortSignal;
}

/** One key that is held, for an operator's eyes. */
export interface LockState {
  readonly key: string;
  readonly mode: LockMode;
  readonly holders: readonly { readonly holder: string; readonly ageMs: number }[];
  readonly waiters: number;
  /** How long the first of the waiters has waited; 0 when there is none. */
  readonly oldestWaiterMs: number;
}

interface Holding {
  readonly holder: string;
  readonly since: number;
}

interface Waiter extends Holding {
  readonly mode: LockMode;
  readonly grant: (lock: Disposable) => void;
}

interface Entry {
  readonly key: string;
  mode: LockMode;
  readonly holders: Set<Holding>;
  readonly waiters: BoundedQueue<Waiter>;
}

/**
 * A fair reader/writer lock for each key. First come, first served: readers that stand next to each other share, and
 * no reader overtakes a waiting writer. A key that nobody holds or waits for takes no memory. Not re-entrant.
 */
export class KeyedLock {
  readonly #clock: Clock;
  readonly #maxWaiters: number;
  readonly #entries = new Map<string, Entry>();

  /** @param maxWaitersPerKey one more is refused with `overloaded`. */
  constructor(clock: Clock, maxWaitersPerKey = 1000) {
    this.#clock = clock;
    this.#maxWaiters = maxWaitersPerKey;
  }

  /** Keys that are held now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Waits for the lock; dispose the result to give it back (more than once does no harm).
   * Rejects with `timed_out` after `timeoutMs`, with the signal's error on abort, with `overloaded` when the line is full.
   */
  acquire(key: string, mode: LockMode, request: LockRequest): Promise<Disposable> {
    if (request.signal?.aborted === true) return Promise.reject(abortError(request.signal));
    const entry = this.#entries.get(key) ?? this.#open(key, mode);
    if (entry.waiters.length === 0 && fits(entry, mode)) return Promise.resolve(this.#hold(entry, mode, request.holder));
    if (entry.waiters.full) return Promise.reject(tooManyWaiters(this.#maxWaiters));
    return this.#wait(entry, mode, request);
  }

  /** Every key that is held, as it stands. */
  list(): LockState[] {
    const now = this.#clock.monotonic();
    return Array.from(this.#entries.values(), ({ key, mode, holders, waiters }) => ({
      key,
      mode,
      holders: Array.from(holders, ({ holder, since }) => ({ holder, ageMs: now - since })),
      waiters: waiters.length,
      oldestWaiterMs: now - (waiters.peek()?.since ?? now),
    }));
  }

  #open(key: string, mode: LockMode): Entry {
    const entry: Entry = { key, mode, holders: new Set(), waiters: new BoundedQueue(this.#maxWaiters) };
    this.#entries.set(key, entry);
    return entry;
  }

  #wait(entry: Entry, mode: LockMode, { timeoutMs, holder, signal }: LockRequest): Promise<Disposable> {
    return new Promise((resolve, reject) => {
      let place: QueuePlace<Waiter> | false = false;
      const settle = (): void => {
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
      };
      const giveUp = (error: PolymniaError): void => {
        settle();
        if (place !== false) entry.waiters.remove(place);
        this.#advance(entry);
        reject(error);
      };
      const onAbort = (): void => {
        if (signal !== undefined) giveUp(abortError(signal));
      };
      const cancelTimer = this.#clock.after(timeoutMs, () => giveUp(waitedTooLong(timeoutMs)));
      signal?.addEventListener('abort', onAbort, { once: true });
      const grant = (lock: Disposable): void => {
        settle();
        resolve(lock);
      };
      place = entry.waiters.push({ mode, holder, since: this.#clock.monotonic(), grant });
    });
  }

  #hold(entry: Entry, mode: LockMode, holder: string): Disposable {
    const holding: Holding = { holder, since: this.#clock.monotonic() };
    entry.mode = mode;
    entry.holders.add(holding);
    return {
      [Symbol.dispose]: () => {
        if (entry.holders.delete(holding)) this.#advance(entry);
      },
    };
  }

  /** Hands the lock to as many as may have it now. Also needed when a writer at the head of the line gives up. */
  #advance(entry: Entry): void {
    for (let waiter = entry.waiters.peek(); waiter !== undefined && fits(entry, waiter.mode); waiter = entry.waiters.peek()) {
      entry.waiters.shift();
      waiter.grant(this.#hold(entry, waiter.mode, waiter.holder));
    }
    if (entry.holders.size === 0 && this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }
}

function fits(entry: Entry, mode: LockMode): boolean {
  return entry.holders.size === 0 || (mode === 'read' && entry.mode === 'read');
}

function waitedTooLong(limitMs: number): PolymniaError {
  return new PolymniaError('timed_out', `The wait for a lock took longer than LOCK_TIMEOUT (${limitMs} ms).`, {
    details: { limit: 'LOCK_TIMEOUT', limitMs },
  });
}

function tooManyWaiters(max: number): PolymniaError {
  return new PolymniaError('overloaded', `More than ${max} calls wait for the same lock.`, {
    details: { limit: 'waiters of one lock', max },
    retryAfterMs: 1000,
  });
}
