import type { Clock } from '../../kernel/clock.ts';
import { FairGate } from '../../kernel/fair-gate.ts';
import type { FairSnapshot } from '../../kernel/fair-scheduler.ts';
import { type Effect, type Lane, LANES } from '../../kernel/operation.ts';

/** Limits of one lane. */
export interface LaneLimits {
  /** Permits of this node: one number for all calls, or apart for reads and writes. */
  readonly permits: number;
  readonly separateWrites: boolean;
  readonly timeoutMs: number;
  /** The option that sets the time-out, as messages will name it. */
  readonly timeoutName: string;
  readonly rateLimit: number;
  readonly windowMs: number;
}

export type LaneTable = Readonly<Record<Lane, LaneLimits>>;

interface LaneDeps {
  readonly lanes: LaneTable;
  readonly clock: Clock;
  readonly random: () => number;
  readonly maxOpsPerUser: number;
  readonly maxWaitingPerUser: number;
}

/** A lane's waiting room as it stands. */
export interface LaneState extends FairSnapshot {
  readonly name: string;
}

/** The waiting rooms of all lanes. Reads and writes of a lane with separate permits never wait for each other. */
export class Lanes implements Disposable {
  readonly #gates = new Map<string, FairGate>();
  readonly #table: LaneTable;

  constructor(deps: LaneDeps) {
    this.#table = deps.lanes;
    for (const lane of LANES) {
      for (const name of roomsOf(lane, deps.lanes[lane])) this.#gates.set(name, openGate(name, deps.lanes[lane], deps));
    }
  }

  limits(lane: Lane): LaneLimits {
    return this.#table[lane];
  }

  gate(lane: Lane, effect: Effect): FairGate {
    const name = this.#table[lane].separateWrites ? roomName(lane, effect) : lane;
    const gate = this.#gates.get(name);
    if (gate === undefined) throw new Error(`lane ${name} has no waiting room`);
    return gate;
  }

  snapshot(maxUsers: number): readonly LaneState[] {
    return [...this.#gates].map(([name, gate]) => ({ name, ...gate.snapshot(maxUsers) }));
  }

  /** In flight and waiting, by waiting room: for metrics. */
  load(): readonly { readonly name: string; readonly running: number; readonly waiting: number }[] {
    return [...this.#gates].map(([name, gate]) => ({ name, running: gate.running, waiting: gate.waiting }));
  }

  [Symbol.dispose](): void {
    for (const gate of this.#gates.values()) gate.close();
  }
}

function roomName(lane: Lane, effect: Effect): string {
  return `${lane} ${effect === 'read' ? 'reads' : 'writes'}`;
}

function roomsOf(lane: Lane, limits: LaneLimits): readonly string[] {
  return limits.separateWrites ? [roomName(lane, 'read'), roomName(lane, 'write')] : [lane];
}

/** One user, and one service, always leaves at least one permit of a lane to others. */
function openGate(name: string, limits: LaneLimits, deps: LaneDeps): FairGate {
  const others = Math.max(1, limits.permits - 1);
  return new FairGate({
    name,
    clock: deps.clock,
    random: deps.random,
    capacity: limits.permits,
    maxRunningPerUser: Math.min(deps.maxOpsPerUser, others),
    maxRunningPerGroup: others,
    maxWaitingPerUser: deps.maxWaitingPerUser,
  });
}
