import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { systemCode } from '../../kernel/errors.ts';

/** Length of a clock tick in `/proc`, ms: USER_HZ is 100 on every machine Node runs on. */
const TICK_MS = 10;
const KIB = 1024;

/** One process as the kernel shows it. */
export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** With the pid it names one process for ever: pids come again. */
  readonly startedAt: string;
  readonly niceness: number;
  /** Own processor time and that of its ended, awaited children, ms. */
  readonly cpuMs: number;
}

/** `/proc/<pid>/stat`; undefined when there is no such process. `proc(5)` numbers the fields; the second may hold anything. */
export function readStat(pid: number): ProcessStat | undefined {
  return statOf(readProc(`${pid}/stat`));
}

/** Does any thread of the process run, or wait for a processor only? */
export function isRunnable(pid: number): boolean {
  return list(`${pid}/task`).some((thread) => statOf(readProc(`${pid}/task/${thread}/stat`))?.state === 'R');
}

function statOf(text: string | undefined): ProcessStat | undefined {
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (field: number): string => fields[field - 3] ?? '';
  const ticks = [14, 15, 16, 17].reduce((sum, field) => sum + Number(at(field)), 0);
  const numbers = { parent: Number(at(4)), group: Number(at(5)), niceness: Number(at(19)), cpuMs: ticks * TICK_MS };
  return { state: at(3), startedAt: at(22), ...numbers };
}

/** Is there such a process, and is it more than the record of one that has ended? */
export function isAlive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** Memory nobody else has and no file stands behind, bytes: what ending the process gives back. Mapped packs of git do not count. */
export function readOwnMemory(pid: number): number {
  const text = readProc(`${pid}/status`) ?? '';
  const kib = (name: string): number | undefined => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  return ((kib('RssAnon') ?? kib('VmRSS') ?? 0) + (kib('RssShmem') ?? 0)) * KIB;
}

/**
 * Sets the niceness of a whole session against the others. Where Linux groups tasks by session (`sched_autogroup_enabled`), the
 * niceness of a process counts only inside its session: at nice 19, but in a session of its own, it took half a processor from
 * one at nice 0 (measured; 1 % with this). False when it is to be tried again: without privilege the kernel takes one change
 * in 100 ms. Where there are no such groups it does nothing.
 */
export function setSessionNiceness(leader: number, niceness: number): boolean {
  try {
    writeFileSync(`/proc/${leader}/autogroup`, String(niceness));
    return true;
  } catch (error) {
    return systemCode(error) !== 'EAGAIN';
  }
}

/** Pids of the living children of all threads of a process. */
export function readChildren(pid: number): readonly number[] {
  return list(`${pid}/task`).flatMap((thread) => (readProc(`${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number));
}

/** Pids of a process group, ended ones left out. Looks at every process of the machine (12 µs each). */
export function readGroup(group: number): readonly number[] {
  return list('')
    .map(Number)
    .filter((pid) => {
      const stat = Number.isNaN(pid) ? undefined : readStat(pid);
      return isAlive(stat) && stat.group === group;
    });
}

/** A process may end at any moment: what cannot be read is not there. Reading these files never waits for a disk. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined;
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(`/proc/${path}`);
  } catch {
    return [];
  }
}
