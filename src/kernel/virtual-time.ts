import { PolymniaError } from './errors.ts';
import { IndexedHeap } from './indexed-heap.ts';
import type { HeapItem } from './indexed-heap.ts';

const SHORT_SLOT = 0;
const LONG_SLOT = 1;
const IDLE_SLOT = 2;

/** Each charge forgets this share of the largest cost seen, so that one monster does not set the scale for ever. */
const SCALE_MEMORY = 0.995;

/** One of those who share: a group among groups, or a user inside a group. */
export interface Flow extends HeapItem {
  readonly name: string;
  /** Cost used so far over weight, on the level's scale. */
  vt: number;
  weight: number;
  running: number;
  waiting: number;
  /** Breaks ties of `vt`: who was served or came back least recently goes first. */
  order: number;
}

/** The fields every new flow starts with. */
export function newFlow(name: string): Flow {
  return { name, vt: 0, weight: 1, running: 0, waiting: 0, order: 0, heapAt: [-1, -1, -1] };
}

function goesBefore(a: Flow, b: Flow): boolean {
  return a.vt < b.vt || (a.vt === b.vt && a.order < b.order);
}

/** Refuses weights that would stop or reverse time: a fault of the calling code. */
function checkWeight(weight: number): void {
  if (!(weight > 0 && weight < Infinity)) throw new PolymniaError('internal', `A weight must be a number above 0, not ${weight}.`);
}

/**
 * Flows that share one resource by virtual time (start-time fair queueing; Goyal, Vin, Cheng 1996, and the kernel's CFS):
 * the ready flow with the least virtual time goes next, and its time grows by what it really used over its weight.
 *
 * The level's own time is the largest start any served flow had. It never goes back, and it is where a flow that was idle
 * starts: above it only by what it still owes. Two rules keep this honest and small:
 * - A flow that could not run (it stood at its cap) falls behind the level. What it may catch up is bounded, when it is
 *   next served, by the largest recent cost times `maxRunning`; else it would starve the others for as long as it was held.
 * - An idle flow is forgotten as soon as the level has reached it (it would start there anyway), or when nobody is active.
 *   Beyond `maxIdle` the one that owes least is forgiven.
 */
export class FlowLevel<F extends Flow> {
  readonly #flows = new Map<string, F>();
  readonly #short = new IndexedHeap<F>(SHORT_SLOT, goesBefore);
  readonly #long = new IndexedHeap<F>(LONG_SLOT, goesBefore);
  readonly #idle = new IndexedHeap<F>(IDLE_SLOT, goesBefore);
  readonly #make: (name: string) => F;
  readonly #maxRunning: number;
  readonly #maxIdle: number;
  #time = 0;
  #order = 0;
  #largestCost = 0;
  #waitingFlows = 0;
  #waitingWeight = 0;

  constructor(make: (name: string) => F, maxRunning: number, maxIdle: number) {
    this.#make = make;
    this.#maxRunning = maxRunning;
    this.#maxIdle = maxIdle;
  }

  /** The level's virtual time. */
  get time(): number {
    return this.#time;
  }

  /** Flows known, idle ones that still owe included. */
  get size(): number {
    return this.#flows.size;
  }

  /** Sum of the weights of the flows that have something waiting. */
  get waitingWeight(): number {
    return this.#waitingWeight;
  }

  get(name: string): F | undefined {
    return this.#flows.get(name);
  }

  values(): IterableIterator<F> {
    return this.#flows.values();
  }

  /** The flow of that name, made active and given its weight; one that was idle starts at the level's time or at its own, if later. */
  wake(name: string, weight: number): F {
    checkWeight(weight);
    const known = this.#flows.get(name);
    const flow = known ?? this.#make(name);
    if (known === undefined) this.#flows.set(name, flow);
    if (this.#idle.remove(flow) || known === undefined) {
      flow.vt = Math.max(flow.vt, this.#time);
      flow.order = ++this.#order;
    }
    if (flow.waiting > 0) this.#waitingWeight += weight - flow.weight;
    flow.weight = weight;
    return flow;
  }

  addWaiting(flow: F): void {
    if (flow.waiting++ > 0) return;
    this.#waitingFlows += 1;
    this.#waitingWeight += flow.weight;
  }

  dropWaiting(flow: F): void {
    if (--flow.waiting > 0) return;
    this.#waitingFlows -= 1;
    this.#waitingWeight = this.#waitingFlows === 0 ? 0 : this.#waitingWeight - flow.weight;
  }

  /** Says what the flow has that could start now: something short, something long. To be called after every change of it. */
  setReady(flow: F, short: boolean, long: boolean): void {
    if (short) this.#short.place(flow);
    else this.#short.remove(flow);
    if (long) this.#long.place(flow);
    else this.#long.remove(flow);
  }

  /** Whether any flow has something short (or long) that could start. */
  hasReady(kind: 'short' | 'long'): boolean {
    return (kind === 'short' ? this.#short : this.#long).size > 0;
  }

  /** The ready flow with the least virtual time. */
  least(longAllowed: boolean): F | undefined {
    const short = this.#short.peek();
    const long = longAllowed ? this.#long.peek() : undefined;
    if (short === undefined || long === undefined) return short ?? long;
    return goesBefore(long, short) ? long : short;
  }

  /** The flow is served: the level's time moves to its start (but not when it was served out of turn), and it pays the estimate. */
  charge(flow: F, cost: number, inTurn = true): void {
    this.#largestCost = Math.max(cost, this.#largestCost * SCALE_MEMORY);
    const start = Math.max(flow.vt, this.#time - (this.#largestCost * this.#maxRunning) / flow.weight);
    if (inTurn) this.#time = Math.max(this.#time, start);
    flow.vt = start + cost / flow.weight;
    flow.order = ++this.#order;
    flow.running += 1;
    this.#forgetReached();
  }

  /** The service has ended: the flow pays, or gets back, what the estimate was wrong by. `weight`: the one it was charged with. */
  settle(flow: F, estimate: number, actual: number, weight: number): void {
    this.#largestCost = Math.max(this.#largestCost, actual);
    flow.vt += (actual - estimate) / weight;
    flow.running -= 1;
  }

  /** To be called last, when something of the flow has ended: forgets it, or keeps what it owes, if it is idle now. */
  rest(flow: F): void {
    if (flow.running > 0 || flow.waiting > 0) return;
    this.#idle.place(flow);
    if (this.#idle.size === this.#flows.size) this.#forgetAll();
    this.#forgetReached();
  }

  #forgetAll(): void {
    for (const flow of this.#idle) this.#time = Math.max(this.#time, flow.vt);
  }

  #forgetReached(): void {
    for (let flow = this.#idle.peek(); flow !== undefined; flow = this.#idle.peek()) {
      if (flow.vt > this.#time && this.#idle.size <= this.#maxIdle) return;
      this.#idle.remove(flow);
      this.#flows.delete(flow.name);
    }
  }
}
