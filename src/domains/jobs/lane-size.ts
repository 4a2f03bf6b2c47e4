/** How many jobs a lane runs at once: between one and its maximum, by how long the oldest waits. Times monotonic, ms. */
export interface LaneSize {
  readonly size: number;
  /** When it last grew, or a job last waited. */
  readonly since: number;
}

export interface LaneDemand {
  /** Age of the oldest job that is due and waits; 0 when none does. */
  readonly oldestWaitMs: number;
  readonly max: number;
  readonly now: number;
}

/** A job that waits this long is worth one runner more. */
export const GROW_AFTER_MS = 100;
/** Without a waiting job for this long, one runner fewer. */
export const SHRINK_AFTER_MS = 30_000;

export function startingSize(now: number): LaneSize {
  return { size: 1, since: now };
}

/** The size after a look at the line; grows by one at a time, each after its own wait. */
export function resized(lane: LaneSize, { oldestWaitMs, max, now }: LaneDemand): LaneSize {
  const size = Math.min(lane.size, max);
  if (oldestWaitMs >= GROW_AFTER_MS) {
    return size < max && now - lane.since >= GROW_AFTER_MS ? { size: size + 1, since: now } : { size, since: size < max ? lane.since : now };
  }
  if (oldestWaitMs > 0) return { size, since: lane.since };
  if (now - lane.since < SHRINK_AFTER_MS) return { size, since: lane.since };
  return { size: Math.max(1, size - 1), since: now };
}
