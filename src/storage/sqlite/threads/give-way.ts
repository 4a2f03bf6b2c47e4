import { platform, setPriority } from 'node:os';

/** On Linux this is the calling thread's priority alone; where it is not allowed, or would be the process's, it stays. */
export function giveWay(niceness: number): void {
  if (niceness === 0 || platform() !== 'linux') return;
  try {
    setPriority(niceness);
  } catch {
    // A system that forbids it: the thread works all the same, only less politely.
  }
}
