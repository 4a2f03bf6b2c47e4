/**
 * What the calling thread has used of a processor, µs: what a call costs, whatever else the machine does meanwhile. By the
 * clock on the wall a short read would count as long just when others crowd it out.
 */
export function processorUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Monotonic time, µs: what a call that waits for the disk keeps from others on its thread. */
export function elapsedUs(): number {
  return performance.now() * 1000;
}
