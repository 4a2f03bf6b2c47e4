import { BoundedMap } from '../../kernel/bounded-map.ts';
import { BoundedQueue } from '../../kernel/bounded-queue.ts';
import type { QueuePlace } from '../../kernel/bounded-queue.ts';

export interface FairLineOptions {
  /** All who wait, together. */
  readonly maxWaiting: number;
  readonly maxWaitingPerUser: number;
}

/** A place in the line, as `add` gave it. */
export interface LinePlace<T> {
  readonly user: LineUser<T>;
  readonly place: QueuePlace<T>;
}

interface LineUser<T> {
  readonly name: string;
  readonly line: BoundedQueue<T>;
  weight: number;
  running: number;
  /** Processor time used over weight. */
  virtualTime: number;
  /** Who was served or came less recently goes first among equals. */
  order: number;
}

/** Idle users whose debt is remembered. */
const MAX_REMEMBERED = 1000;

/**
 * The line before the child processes. Next is the user with the fewest children running, then the one with the least
 * virtual time (processor time over weight), then first come first served: so nobody's second goes before another's first.
 * (The kernel's `FairScheduler` orders by virtual time alone, and charges an estimate; here the real time is charged while it
 * is spent.) Who comes from idle starts at the line's time, later if still in debt. Pure; a pick looks at each waiting user once.
 */
export class FairLine<T> {
  readonly #options: FairLineOptions;
  readonly #users = new Map<string, LineUser<T>>();
  readonly #debts = new BoundedMap<string, number>({ maxSize: MAX_REMEMBERED });
  #time = 0;
  #order = 0;
  #waiting = 0;

  constructor(options: FairLineOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Puts it at the end of its user's line, or says which line is full. */
  add(name: string, weight: number, value: T): LinePlace<T> | 'user_line' | 'all_lines' {
    if (this.#waiting >= this.#options.maxWaiting) return 'all_lines';
    const user = this.#users.get(name) ?? this.#wake(name);
    const place = user.line.push(value);
    if (place === false) return 'user_line';
    user.weight = weight;
    this.#waiting += 1;
    return { user, place };
  }

  /** Takes it out of the line; false when it is not waiting any more. */
  remove({ user, place }: LinePlace<T>): boolean {
    if (!user.line.remove(place)) return false;
    this.#waiting -= 1;
    this.#rest(user);
    return true;
  }

  /** Whose turn it is. It counts as running until `finish`. */
  next(): T | undefined {
    let best: LineUser<T> | undefined;
    for (const user of this.#users.values()) if (user.line.length > 0 && (best === undefined || goesBefore(user, best))) best = user;
    const value = best?.line.shift();
    if (best === undefined || value === undefined) return undefined;
    this.#waiting -= 1;
    this.#time = Math.max(this.#time, best.virtualTime);
    best.running += 1;
    best.order = ++this.#order;
    return value;
  }

  /** Processor time a running one has spent, ms. */
  charge(name: string, ms: number): void {
    const user = this.#users.get(name);
    if (user !== undefined) user.virtualTime += ms / user.weight;
  }

  /** One of the user's has ended. */
  finish(name: string): void {
    const user = this.#users.get(name);
    if (user === undefined) return;
    user.running -= 1;
    this.#rest(user);
  }

  #wake(name: string): LineUser<T> {
    const virtualTime = Math.max(this.#time, this.#debts.get(name) ?? 0);
    this.#debts.delete(name);
    const line = new BoundedQueue<T>(this.#options.maxWaitingPerUser);
    const user: LineUser<T> = { name, line, weight: 1, running: 0, virtualTime, order: ++this.#order };
    this.#users.set(name, user);
    return user;
  }

  #rest(user: LineUser<T>): void {
    if (user.running > 0 || user.line.length > 0) return;
    this.#users.delete(user.name);
    if (user.virtualTime > this.#time) this.#debts.set(user.name, user.virtualTime);
  }
}

function goesBefore<T>(a: LineUser<T>, b: LineUser<T>): boolean {
  if (a.running !== b.running) return a.running < b.running;
  return a.virtualTime < b.virtualTime || (a.virtualTime === b.virtualTime && a.order < b.order);
}
