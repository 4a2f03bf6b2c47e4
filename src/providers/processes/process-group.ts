import { platform } from 'node:os';
import type { Clock } from '../../kernel/clock.ts';
import { isAlive, isRunnable, readChildren, readGroup, readOwnMemory, readStat, setSessionNiceness } from './proc-files.ts';
import type { ProcessStat } from './proc-files.ts';
import { systemCode } from '../../kernel/errors.ts';

/** A task has a few; what is beyond this is not measured (60 µs each), but killed with the group. */
const MAX_MEMBERS = 64;
/** Between two looks at memory and for new members, which cost more than one at the time used; ms. */
const THOROUGH_MS = 400;
const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 50;

/** Whether the system shows processes in `/proc`. */
const HAS_PROC = platform() === 'linux';
/** Whether whole groups of processes can be signalled. */
export const HAS_GROUPS = platform() !== 'win32';

export interface GroupUsage {
  /** Processor time since the start, ms, of all members and their ended children. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/**
 * A process that leads a group of its own, with all that it has started. Members are found by walking down from the leader
 * and remembered, so that one whose parent has died, or that left the group, is still measured and killed.
 */
export class ProcessGroup {
  readonly leader: number;
  /** Pid → when that process started. */
  readonly #members = new Map<number, string>();
  #usage: GroupUsage = { cpuMs: 0, memoryBytes: 0 };
  #lookedAt = -Infinity;
  #over = false;

  constructor(leader: number) {
    this.leader = leader;
  }

  /** What the group uses: time as of now, memory as of half a second ago at most. Where there is no `/proc`: nothing. */
  measure(now: number): GroupUsage {
    if (!HAS_PROC || this.#over) return this.#usage;
    const thorough = now - this.#lookedAt >= THOROUGH_MS;
    if (thorough) this.#lookedAt = now;
    const { cpuMs, memoryBytes } = this.#walk(thorough);
    this.#usage = { cpuMs: Math.max(this.#usage.cpuMs, cpuMs), memoryBytes: thorough ? memoryBytes : this.#usage.memoryBytes };
    return this.#usage;
  }

  /** Adds up the members; a thorough walk also finds new ones, and asks for memory. */
  #walk(thorough: boolean): GroupUsage {
    const sum = { cpuMs: 0, memoryBytes: 0 };
    const look = [this.leader, ...this.#members.keys()];
    const seen = new Set<number>();
    for (let pid = look.pop(); pid !== undefined && seen.size < MAX_MEMBERS; pid = look.pop()) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      const stat = this.#member(pid);
      if (stat === undefined) continue;
      sum.cpuMs += stat.cpuMs;
      if (!thorough) continue;
      sum.memoryBytes += readOwnMemory(pid);
      look.push(...readChildren(pid));
    }
    return sum;
  }

  /** The member as it stands, remembered from now on; undefined, and forgotten, when it has gone and its pid may be another's. */
  #member(pid: number): ProcessStat | undefined {
    const stat = readStat(pid);
    const known = this.#members.get(pid);
    if (stat === undefined || (known !== undefined && known !== stat.startedAt)) {
      this.#members.delete(pid);
      return undefined;
    }
    this.#members.set(pid, stat.startedAt);
    return stat;
  }

  /** Would any of them use the processor now? */
  isRunnable(): boolean {
    return HAS_PROC && [...this.#members.keys()].some((pid) => isRunnable(pid));
  }

  isStopped(): boolean {
    return HAS_PROC && readStat(this.leader)?.state === 'T';
  }

  /** Takes a place behind (19) or beside (0) everything else; false when it is to be tried again. */
  setNiceness(niceness: number): boolean {
    return !HAS_PROC || this.#over || setSessionNiceness(this.leader, niceness);
  }

  /** Ends all of them, those included that were started since the last look. */
  kill(): GroupUsage {
    this.#lookedAt = -Infinity;
    const usage = this.measure(0);
    this.signal('SIGKILL');
    // To die takes processor time too, the more the larger it is.
    this.setNiceness(0);
    return usage;
  }

  /** Sends the signal to all of the group, and to members that left it. None left is no error. */
  signal(name: NodeJS.Signals): void {
    if (this.#over) return;
    send(HAS_GROUPS ? -this.leader : this.leader, name);
    for (const pid of this.#leavers()) send(pid, name);
  }

  /** Waits until nothing of the group lives any more; false when something still does after `ms`. */
  async gone(clock: Clock, ms: number): Promise<boolean> {
    const end = clock.monotonic() + ms;
    for (let look = FIRST_LOOK_MS; this.#alive(); look = Math.min(MAX_LOOK_MS, look * 2)) {
      if (clock.monotonic() >= end) return false;
      await new Promise<void>((resolve) => void clock.after(look, resolve));
    }
    this.#over = true;
    return true;
  }

  /** Ended members whose parent does not ask after them stay in the process table; they count as gone. */
  #alive(): boolean {
    const inGroup = HAS_GROUPS && send(-this.leader, 0) && (!HAS_PROC || readGroup(this.leader).length > 0);
    return inGroup || this.#leavers().length > 0;
  }

  #leavers(): readonly number[] {
    return [...this.#members].flatMap(([pid, startedAt]) => {
      const stat = readStat(pid);
      return isAlive(stat) && stat.startedAt === startedAt && stat.group !== this.leader ? [pid] : [];
    });
  }
}

/** False when there is nobody to receive it. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (['ESRCH', 'EPERM'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}
