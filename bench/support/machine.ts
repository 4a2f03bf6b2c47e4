import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

/** Clock ticks a second in `/proc`; 100 on every Linux Node runs on. */
const TICKS_PER_SECOND = 100;
const FSYNC_ROUNDS = 200;

/** CPU time a process and its threads have used so far, in ms; user and system. Resolution 10 ms. */
export function cpuMsOf(pid: number): number {
  return readStat(pid)?.ownMs ?? Number.NaN;
}

/** CPU time the processes a process has started have used so far, in ms: those that have ended and those that run, with theirs. */
export function childCpuMsOf(pid: number): number {
  const running = descendantsOf(pid).reduce((sum, { ownMs, endedMs }) => sum + ownMs + endedMs, 0);
  return running + (readStat(pid)?.endedMs ?? Number.NaN);
}

/** How many processes run below a process. */
export function childCountOf(pid: number): number {
  return descendantsOf(pid).length;
}

/** How many of them are at a job; beside each stands one that guards it. */
export function workerCountOf(pid: number): number {
  return descendantsOf(pid).filter((child) => commandOf(child.pid).includes('children/child-main')).length;
}

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** CPU of its own threads. */
  readonly ownMs: number;
  /** CPU of the children it has seen end. */
  readonly endedMs: number;
}

function descendantsOf(pid: number): readonly ProcessStat[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  const byParent = Map.groupBy(all, ({ parent }) => parent);
  const below = (parent: number): readonly ProcessStat[] => (byParent.get(parent) ?? []).flatMap((child) => [child, ...below(child.pid)]);
  return below(pid);
}

/** Undefined when there is no such process. */
function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(`${pid}/stat`);
  if (text === '') return undefined;
  // The second field is the name in parentheses and may hold blanks; `proc(5)` numbers from 1.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ms = (field: number): number => (Number(fields[field - 3]) * 1000) / TICKS_PER_SECOND;
  return { pid, parent: Number(fields[1]), ownMs: ms(14) + ms(15), endedMs: ms(16) + ms(17) };
}

function commandOf(pid: number): string {
  return readProc(`${pid}/cmdline`);
}

/** Empty when the process is gone. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

/** Memory of a process that is in RAM, in MB. */
export function rssMbOf(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}

/** Median time of writing 4 KB and `fdatasync`, in ms: what a durable commit costs this disk at least. */
export function fsyncP50Ms(): number {
  const path = join(tmpdir(), `polymnia-fsync-${process.pid}`);
  const file = openSync(path, 'w');
  const block = Buffer.alloc(4096, 1);
  const times: number[] = [];
  try {
    for (let round = 0; round < FSYNC_ROUNDS; round++) {
      const startedAt = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      times.push(performance.now() - startedAt);
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  return median(times);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly fsyncP50Ms: number;
  /** Over the minute before: well above 0, and other work disturbed the figures. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    fsyncP50Ms: Math.round(fsyncP50Ms() * 1000) / 1000,
  };
}

/** The commit of the working tree, with `+` when it holds changes; `unknown` outside a repository. */
export function gitCommit(): string {
  try {
    const git = (...args: readonly string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no', '--', 'src') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

/** What a folder's files take on disk, in bytes. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  let sum = 0;
  for (const entry of entries) if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  return sum;
}
