import { describe, expect, it } from 'vitest';
import { GROW_AFTER_MS, type LaneSize, resized, SHRINK_AFTER_MS, startingSize } from './lane-size.ts';

/** A look every 50 ms for a while, with a job that has waited this long at each. */
function looks(lane: LaneSize, from: number, ms: number, oldestWaitMs: (elapsed: number) => number, max = 3): LaneSize {
  let now = lane;
  for (let elapsed = 0; elapsed <= ms; elapsed += 50) now = resized(now, { oldestWaitMs: oldestWaitMs(elapsed), max, now: from + elapsed });
  return now;
}

describe('a lane', () => {
  it('begins with one, and grows to its maximum while jobs wait, one at a time', () => {
    const start = startingSize(0);
    expect(start.size).toBe(1);
    expect(looks(start, 0, GROW_AFTER_MS, (elapsed) => elapsed).size).toBe(2);
    expect(looks(start, 0, 10_000, (elapsed) => elapsed).size).toBe(3);
  });

  it('does not grow for jobs that start at once', () => {
    expect(looks(startingSize(0), 0, 10_000, () => 10).size).toBe(1);
  });

  it('shrinks to one when nothing has waited for a while, one at a time', () => {
    const grown = looks(startingSize(0), 0, 10_000, (elapsed) => elapsed);
    expect(looks(grown, 10_000, SHRINK_AFTER_MS - 1000, () => 0).size).toBe(3);
    expect(looks(grown, 10_000, SHRINK_AFTER_MS + 1000, () => 0).size).toBe(2);
    expect(looks(grown, 10_000, 10 * SHRINK_AFTER_MS, () => 0).size).toBe(1);
  });

  it('is never above its maximum', () => {
    expect(looks({ size: 8, since: 0 }, 0, 1000, (elapsed) => elapsed, 2).size).toBe(2);
  });
});
