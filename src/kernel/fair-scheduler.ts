import { BoundedQueue } from './bounded-queue.ts';
import type { QueuePlace } from './bounded-queue.ts';
import { PolymniaError } from './errors.ts';
import { withDefaults } from './fair-options.ts';
import type { FairSchedulerOptions } from './fair-options.ts';
import { IndexedHeap } from './indexed-heap.ts';
import type { HeapItem } from './indexed-heap.ts';
import { FlowLevel, newFlow } from './virtual-time.ts';
import type { Flow } from './virtual-time.ts';

/** Weight of the newest service in the moving mean of service times. */
const MEAN_STEP = 1 / 16;

/** Something that asks to run. */
export interface FairRequest<T> {
  readonly user: string;
  /** The service account the user belongs to; for a user without one, the user itself. */
  readonly group: string;
  /** The user's share inside the group, and the group's too when group and user are the same. Default: 1. */
  readonly weight?: number;
  /** The share of a group of many users. Default: 1. */
  readonly groupWeight?: number;
  /** Estimated cost, in whatever unit the whole scheduler uses; corrected when it has finished. */
  readonly cost: number;
  /** Belongs to the class of which only `maxRunningLong` run at once. Short ones may pass waiting long ones. */
  readonly long?: boolean;
  /** Monotonic milliseconds from which on it must not be started any more. Default: never. */
  readonly deadlineAt?: number;
  readonly payload: T;
}

/** Which bound refused an entry: the user's line, the group's lines, or all lines together. */
export type LineFull = 'user_line' | 'group_lines' | 'all_lines';

export type EnqueueResult = { readonly ok: true; readonly token: number } | { readonly ok: false; readonly full: LineFull };

/** An entry that may start now. It holds its permit until `finish(token)`. */
export interface Dispatch<T> {
  readonly token: number;
  readonly payload: T;
  readonly waitedMs: number;
}

/** One user as it stands; for admins. */
export interface UserState {
  readonly user: string;
  readonly waiting: number;
  readonly running: number;
  readonly weight: number;
  readonly virtualTime: number;
}

export interface GroupState extends Omit<UserState, 'user'> {
  readonly group: string;
  readonly users: readonly UserState[];
}

export interface FairSnapshot {
  readonly capacity: number;
  readonly running: number;
  readonly runningLong: number;
  readonly waiting: number;
  readonly virtualTime: number;
  /** Moving mean of the service times. */
  readonly meanServiceMs: number;
  /** Groups with something waiting or running; at most as many users as were asked for. */
  readonly groups: readonly GroupState[];
  /** True when not all users are listed. */
  readonly truncated: boolean;
}

interface User<T> extends Flow {
  readonly group: Group<T>;
  readonly short: BoundedQueue<Entry<T>>;
  readonly long: BoundedQueue<Entry<T>>;
  meanServiceMs: number;
}

interface Group<T> extends Flow {
  readonly users: FlowLevel<User<T>>;
}

interface Entry<T> extends HeapItem {
  readonly token: number;
  readonly user: User<T>;
  readonly cost: number;
  readonly long: boolean;
  readonly deadlineAt: number;
  readonly enqueuedAt: number;
  readonly payload: T;
  /** Its place in the user's line while it waits. */
  place: QueuePlace<Entry<T>> | undefined;
  startedAt: number;
  /** The weights it was charged with, so that the correction uses the same. */
  userWeight: number;
  groupWeight: number;
}

/**
 * Decides who runs next, fairly by real cost: first among groups, then among the users of the chosen group, then first
 * come first served within the user (short entries pass long ones only while no long one may start).
 *
 * A pure state machine: no timers, no promises; the caller brings the time. Invariants: never more running than
 * `capacity`, the caps of user, group and long class; no line longer than its bound; nothing starts at or after its
 * deadline; what is charged is corrected by the real cost; who was idle gains nothing by it (see `FlowLevel`).
 * Every call is O(log n) in the number of groups, users of one group, and waiting entries.
 */
export class FairScheduler<T> {
  readonly #options: Required<FairSchedulerOptions>;
  readonly #onExpired: (payload: T) => void;
  readonly #groups: FlowLevel<Group<T>>;
  readonly #waiting = new Map<number, Entry<T>>();
  readonly #running = new Map<number, Entry<T>>();
  readonly #deadlines = new IndexedHeap<Entry<T>>(0, (a, b) => a.deadlineAt < b.deadlineAt);
  #lastToken = 0;
  #runningLong = 0;
  #meanServiceMs = 0;
  #meanLongServiceMs = 0;

  /** @param onExpired told of each waiting entry that was dropped because its deadline had come; must not call back into the scheduler. */
  constructor(options: FairSchedulerOptions, onExpired: (payload: T) => void = () => {}) {
    this.#options = withDefaults(options);
    this.#onExpired = onExpired;
    const { maxRunningPerGroup, maxIdle } = this.#options;
    this.#groups = new FlowLevel((name) => this.#newGroup(name), maxRunningPerGroup, maxIdle);
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The options in force, defaults filled in. */
  get limits(): Readonly<Required<FairSchedulerOptions>> {
    return this.#options;
  }

  /** Groups the scheduler remembers, idle ones that still owe included. */
  get knownGroups(): number {
    return this.#groups.size;
  }

  /** Puts the request at the end of its user's line, or says which line is full. It never starts anything: see `next`. */
  enqueue(request: FairRequest<T>, now: number): EnqueueResult {
    checkCost(request.cost);
    this.#dropExpired(now);
    const full = this.#fullLine(request);
    if (full !== undefined) return { ok: false, full };
    const user = this.#wake(request);
    const { cost, long = false, deadlineAt = Infinity, payload } = request;
    const token = ++this.#lastToken;
    const times = { enqueuedAt: now, startedAt: now, deadlineAt };
    const entry: Entry<T> = { token, user, cost, long, ...times, payload, place: undefined, userWeight: 1, groupWeight: 1, heapAt: [-1] };
    entry.place = (long ? user.long : user.short).push(entry) || undefined;
    this.#waiting.set(token, entry);
    if (deadlineAt < Infinity) this.#deadlines.place(entry);
    user.group.users.addWaiting(user);
    this.#groups.addWaiting(user.group);
    this.#reindex(user);
    return { ok: true, token };
  }

  /** Starts the entry whose turn it is; undefined when nothing may start now. Call it until then, after every enqueue and finish. */
  next(now: number): Dispatch<T> | undefined {
    this.#dropExpired(now);
    if (this.#running.size >= this.#options.capacity) return undefined;
    const longAllowed = this.#runningLong < this.#options.maxRunningLong;
    const user = this.#groups.least(longAllowed)?.users.least(longAllowed);
    const entry = user && firstInLine(user, longAllowed);
    if (entry === undefined) return undefined;
    this.#start(entry, now, true);
    return { token: entry.token, payload: entry.payload, waitedMs: now - entry.enqueuedAt };
  }

  /**
   * Starts a waiting entry out of turn, whatever the caps say: for work that costs less when done together with what was just
   * started. Its user and group pay for it like for any other. False when the token is not waiting or its deadline has come.
   */
  take(token: number, now: number): boolean {
    const entry = this.#waiting.get(token);
    if (entry === undefined || entry.deadlineAt <= now) return false;
    this.#start(entry, now, false);
    return true;
  }

  /** Gives the permit back and settles the real cost. False when the token is not running: a second call does nothing. */
  finish(token: number, actualCost: number, now: number): boolean {
    checkCost(actualCost);
    const entry = this.#running.get(token);
    if (entry === undefined) return false;
    this.#running.delete(token);
    if (entry.long) this.#runningLong -= 1;
    const { user } = entry;
    this.#learn(entry, now - entry.startedAt);
    user.group.users.settle(user, entry.cost, actualCost, entry.userWeight);
    this.#groups.settle(user.group, entry.cost, actualCost, entry.groupWeight);
    this.#afterEnd(user);
    return true;
  }

  /** Takes a waiting entry out of its line; it costs nothing. False when the token is not waiting. */
  cancel(token: number): boolean {
    const entry = this.#waiting.get(token);
    if (entry === undefined) return false;
    this.#leaveLine(entry);
    this.#afterEnd(entry.user);
    return true;
  }

  /**
   * How long one more entry of this user would wait, by what the services took lately: 0 while nothing is known.
   * An estimate: it takes every other waiting user's entries to cost the mean.
   */
  expectedWaitMs(user: string, group: string, long = false): number {
    const own = this.ownWaitMs(user, group, long);
    const slots = long ? Math.min(this.#options.capacity, this.#options.maxRunningLong) : this.#options.capacity;
    if (this.#running.size < this.#options.capacity && (!long || this.#runningLong < slots)) return own;
    const ahead = this.#dispatchesAhead(user, group);
    return Math.max(own, ((ahead + 1) * this.#meanMs(long)) / slots);
  }

  /** The part of {@link expectedWaitMs} that the caller's own user and group cause: their wait if they were alone on the server. */
  ownWaitMs(user: string, group: string, long = false): number {
    const { capacity, maxRunningPerUser, maxRunningPerGroup, maxRunningLong } = this.#options;
    const knownGroup = this.#groups.get(group);
    const knownUser = knownGroup?.users.get(user);
    if (knownGroup === undefined) return 0;
    const slots = long ? Math.min(capacity, maxRunningLong) : capacity;
    const userMeanMs = knownUser?.meanServiceMs || this.#meanMs(long);
    const ofUser = knownUser === undefined ? 0 : aloneMs(knownUser, knownUser.waiting, Math.min(slots, maxRunningPerUser), userMeanMs);
    const ahead = this.#aheadInGroup(knownGroup, knownUser);
    return Math.max(ofUser, aloneMs(knownGroup, ahead, Math.min(slots, maxRunningPerGroup), this.#meanMs(long)));
  }

  /** The lanes as they stand, for admins: active groups and users, at most `maxUsers` of them. */
  snapshot(maxUsers = 1000): FairSnapshot {
    const groups: GroupState[] = [];
    let left = maxUsers;
    let truncated = false;
    for (const group of this.#groups.values()) {
      if (group.waiting + group.running === 0) continue;
      const users = Array.from(group.users.values()).filter((user) => user.waiting + user.running > 0);
      const shown = users.slice(0, left);
      left -= shown.length;
      truncated ||= shown.length < users.length;
      if (shown.length > 0)
        groups.push({ group: group.name, ...stateOf(group), users: shown.map((user) => ({ user: user.name, ...stateOf(user) })) });
    }
    const totals = { running: this.running, runningLong: this.#runningLong, waiting: this.waiting, virtualTime: this.#groups.time };
    return { capacity: this.#options.capacity, ...totals, meanServiceMs: this.#meanServiceMs, groups, truncated };
  }

  #newGroup(name: string): Group<T> {
    const { maxRunningPerUser, maxIdle, maxWaitingPerUser } = this.#options;
    const newUser = (user: string): User<T> => ({
      ...newFlow(user),
      group,
      short: new BoundedQueue(maxWaitingPerUser),
      long: new BoundedQueue(maxWaitingPerUser),
      meanServiceMs: 0,
    });
    const group: Group<T> = { ...newFlow(name), users: new FlowLevel(newUser, maxRunningPerUser, maxIdle) };
    return group;
  }

  #wake({ user, group, weight = 1, groupWeight = user === group ? weight : 1 }: FairRequest<T>): User<T> {
    return this.#groups.wake(group, groupWeight).users.wake(user, weight);
  }

  #fullLine({ user, group }: FairRequest<T>): LineFull | undefined {
    const { maxWaiting, maxWaitingPerGroup, maxWaitingPerUser } = this.#options;
    const known = this.#groups.get(group);
    if ((known?.users.get(user)?.waiting ?? 0) >= maxWaitingPerUser) return 'user_line';
    if ((known?.waiting ?? 0) >= maxWaitingPerGroup) return 'group_lines';
    return this.#waiting.size >= maxWaiting ? 'all_lines' : undefined;
  }

  #start(entry: Entry<T>, now: number, inTurn: boolean): void {
    const { user } = entry;
    this.#leaveLine(entry);
    this.#running.set(entry.token, entry);
    if (entry.long) this.#runningLong += 1;
    entry.startedAt = now;
    entry.userWeight = user.weight;
    entry.groupWeight = user.group.weight;
    user.group.users.charge(user, entry.cost, inTurn);
    this.#groups.charge(user.group, entry.cost, inTurn);
    this.#reindex(user);
  }

  #leaveLine(entry: Entry<T>): void {
    const { user, place } = entry;
    if (place !== undefined) (entry.long ? user.long : user.short).remove(place);
    entry.place = undefined;
    this.#waiting.delete(entry.token);
    this.#deadlines.remove(entry);
    user.group.users.dropWaiting(user);
    this.#groups.dropWaiting(user.group);
  }

  #dropExpired(now: number): void {
    for (let entry = this.#deadlines.peek(); entry !== undefined && entry.deadlineAt <= now; entry = this.#deadlines.peek()) {
      this.cancel(entry.token);
      this.#onExpired(entry.payload);
    }
  }

  #afterEnd(user: User<T>): void {
    this.#reindex(user);
    user.group.users.rest(user);
    this.#groups.rest(user.group);
  }

  /** A user is ready when below its cap with something in line; a group when below its cap with a ready user. */
  #reindex(user: User<T>): void {
    const { group } = user;
    const userMay = user.running < this.#options.maxRunningPerUser;
    group.users.setReady(user, userMay && user.short.length > 0, userMay && user.long.length > 0);
    const groupMay = group.running < this.#options.maxRunningPerGroup;
    this.#groups.setReady(group, groupMay && group.users.hasReady('short'), groupMay && group.users.hasReady('long'));
  }

  #learn(entry: Entry<T>, serviceMs: number): void {
    this.#meanServiceMs = movingMean(this.#meanServiceMs, serviceMs);
    if (entry.long) this.#meanLongServiceMs = movingMean(this.#meanLongServiceMs, serviceMs);
    entry.user.meanServiceMs = movingMean(entry.user.meanServiceMs, serviceMs);
  }

  #meanMs(long: boolean): number {
    return long && this.#meanLongServiceMs > 0 ? this.#meanLongServiceMs : this.#meanServiceMs;
  }

  /** Turns the group must have before one more entry of this user has its own. */
  #aheadInGroup(group: Group<T>, user: User<T> | undefined): number {
    return turnsAhead(group.waiting, user, group.users.waitingWeight);
  }

  #dispatchesAhead(userName: string, groupName: string): number {
    const group = this.#groups.get(groupName);
    const inGroup = group === undefined ? 0 : this.#aheadInGroup(group, group.users.get(userName));
    const weight = group?.weight ?? 1;
    const others = this.#groups.waitingWeight - (group !== undefined && group.waiting > 0 ? weight : 0);
    return Math.min(this.#waiting.size, inGroup + ((inGroup + 1) * others) / weight);
  }
}

/** For each turn of this user (those in its line and the new one) the others have theirs, in proportion to their weights. */
function turnsAhead(waiting: number, user: Flow | undefined, waitingWeight: number): number {
  const own = user?.waiting ?? 0;
  const weight = user?.weight ?? 1;
  const others = waitingWeight - (own > 0 ? weight : 0);
  return Math.min(waiting, own + ((own + 1) * others) / weight);
}

function aloneMs(flow: Flow, ahead: number, slots: number, meanMs: number): number {
  return (Math.max(0, ahead + flow.running + 1 - slots) * meanMs) / slots;
}

function firstInLine<T>(user: User<T>, longAllowed: boolean): Entry<T> | undefined {
  const short = user.short.peek();
  const long = longAllowed ? user.long.peek() : undefined;
  if (short === undefined || long === undefined) return short ?? long;
  return long.token < short.token ? long : short;
}

function movingMean(mean: number, value: number): number {
  return mean === 0 ? value : mean + (value - mean) * MEAN_STEP;
}

function stateOf({ waiting, running, weight, vt }: Flow): Omit<UserState, 'user'> {
  return { waiting, running, weight, virtualTime: vt };
}

function checkCost(cost: number): void {
  if (!(cost >= 0 && cost < Infinity)) throw new PolymniaError('internal', `A cost must be a number from 0, not ${cost}.`);
}
