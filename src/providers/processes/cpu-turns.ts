/** A turn on the processor, ms. Shorter when so many take part that nobody could be heard of within a second. */
const TURN_MS = 250;
const MIN_TURN_MS = 50;
/** Who was paused for this long goes next, whatever it has used: each reports at least once a second. */
const MAX_PAUSE_MS = 750;
/** Who used less than this share of its turn, and does not want more, waits for disk or network: it stays awake and takes no place. */
const IDLE_SHARE = 0.1;

interface Contender {
  readonly id: number;
  readonly user: string;
  readonly weight: number;
  usedMs: number;
  /** Since when it is paused or awake, and what it had used then or at the last look. */
  since: number;
  usedThen: number;
  paused: boolean;
  idle: boolean;
}

/** Which process groups to stop and which to let go on. */
export interface TurnChange {
  readonly pause: readonly number[];
  readonly resume: readonly number[];
}

/**
 * Who uses the processor when more children run than may use it at once. The places go to those whose user has used least
 * (over weight, by its children that run now), then to the child that has used least itself: a short task passes a long one. A
 * pause has an end, so the long one still moves. A pure state machine; the caller brings times and sends the signals.
 */
export class CpuTurns {
  readonly #cpus: number;
  readonly #contenders = new Map<number, Contender>();

  /** @param cpus groups that use the processor at once; `Infinity` pauses nobody. */
  constructor(cpus: number) {
    this.#cpus = cpus;
  }

  get paused(): number {
    let paused = 0;
    for (const contender of this.#contenders.values()) if (contender.paused) paused += 1;
    return paused;
  }

  /** How long the turns are now, ms. */
  get turnMs(): number {
    const rounds = Math.ceil(this.#contenders.size / this.#cpus);
    return Math.max(MIN_TURN_MS, Math.min(TURN_MS, Math.floor(MAX_PAUSE_MS / Math.max(1, rounds))));
  }

  /** A child has started; it is awake. */
  add(id: number, user: string, weight: number, now: number): void {
    this.#contenders.set(id, { id, user, weight, usedMs: 0, since: now, usedThen: 0, paused: false, idle: false });
  }

  remove(id: number): void {
    this.#contenders.delete(id);
  }

  /**
   * What the child has used since its start, ms.
   * @param wantsMore asked when that is little: would it run if it were let? On a full machine low priority gets little.
   */
  measure(id: number, usedMs: number, now: number, wantsMore: () => boolean): void {
    const contender = this.#contenders.get(id);
    if (contender === undefined) return;
    contender.usedMs = usedMs;
    const elapsed = now - contender.since;
    if (contender.paused || elapsed < MIN_TURN_MS / 2) return;
    const scarce = this.#contenders.size > this.#cpus;
    contender.idle = scarce && usedMs - contender.usedThen < elapsed * IDLE_SHARE && !wantsMore();
    contender.usedThen = usedMs;
    contender.since = now;
  }

  /** Gives out the places anew, all of them or fewer. The changes count as made. */
  choose(now: number, cpus = this.#cpus): TurnChange {
    const busy = [...this.#contenders.values()].filter(({ idle }) => !idle);
    const chosen = busy.length <= cpus ? new Set(busy) : new Set(this.#ranked(busy, now).slice(0, cpus));
    const pause = busy.filter((contender) => !contender.paused && !chosen.has(contender));
    const resume = busy.filter((contender) => contender.paused && chosen.has(contender));
    for (const contender of [...pause, ...resume]) {
      contender.paused = !contender.paused;
      contender.since = now;
      contender.usedThen = contender.usedMs;
    }
    return { pause: pause.map(({ id }) => id), resume: resume.map(({ id }) => id) };
  }

  #ranked(busy: readonly Contender[], now: number): readonly Contender[] {
    const used = new Map<string, number>();
    for (const { user, usedMs, weight } of this.#contenders.values()) used.set(user, (used.get(user) ?? 0) + usedMs / weight);
    const pauseOf = ({ paused, since }: Contender): number => (paused ? now - since : 0);
    const overdue = (contender: Contender): number => (pauseOf(contender) >= MAX_PAUSE_MS - this.turnMs / 2 ? pauseOf(contender) : 0);
    const ofUser = ({ user }: Contender): number => used.get(user) ?? 0;
    return busy.toSorted((a, b) => overdue(b) - overdue(a) || ofUser(a) - ofUser(b) || a.usedMs - b.usedMs || a.id - b.id);
  }
}
