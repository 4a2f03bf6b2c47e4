import { readFileSync } from 'node:fs';

/** An open space file takes three descriptors: itself, its log, its shared memory. */
const PER_SPACE_FILE = 3;
/** Of all descriptors, what the reader for short reads may take, and as much again all writers together: the rest is for sockets. */
const SHARE = 1 / 3;

/** How many space files each of so many threads may keep open under this process's limit of open files. Infinity where it cannot be told. */
export function affordableFiles(threads: number, limitsText = readLimits()): number {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limitsText)?.[1] ?? Infinity);
  return Math.max(2, Math.floor((limit * SHARE) / PER_SPACE_FILE / threads));
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
