import type { IndexSegment, KnownRow } from './index-state.ts';

/** A segment of which more than this share is dead is written anew. */
const MAX_DEAD_SHARE = 0.4;
/** Above so many small segments some become one. */
const MAX_SMALL_SEGMENTS = 5;
const MERGED_AT_LEAST = 4;
/** A segment of this size, or of a third of all, is merged with no other: it would be written again and again. */
const LARGE_BYTES = 32 * 1024 * 1024;
const LARGE_SHARE = 1 / 3;

/**
 * Which segments are written anew with the next sync: those that are mostly dead, and, when there are too many small ones,
 * the smallest and whatever is no larger than they are together, so that a byte is moved a logarithmic number of times.
 */
export function segmentsToDissolve(segments: readonly IndexSegment[], live: readonly Pick<KnownRow, 'segment' | 'bytes'>[]): ReadonlySet<number> {
  const liveBytes = new Map<number, number>();
  for (const { segment, bytes } of live) liveBytes.set(segment, (liveBytes.get(segment) ?? 0) + bytes);
  const sized = segments.map(({ id, bytes }) => ({ id, bytes, live: liveBytes.get(id) ?? 0 }));
  const dead = sized.filter(({ bytes, live: alive }) => alive === 0 || bytes - alive > bytes * MAX_DEAD_SHARE);
  const dissolved = new Set(dead.map(({ id }) => id));
  for (const id of smallOnes(sized.filter((segment) => !dissolved.has(segment.id)))) dissolved.add(id);
  return dissolved;
}

function smallOnes(segments: readonly { readonly id: number; readonly live: number }[]): number[] {
  const total = segments.reduce((sum, { live }) => sum + live, 0);
  const large = Math.min(LARGE_BYTES, total * LARGE_SHARE);
  const small = segments.filter(({ live }) => live < large).sort((a, b) => a.live - b.live);
  if (small.length <= MAX_SMALL_SEGMENTS) return [];
  const merged: number[] = [];
  let bytes = 0;
  for (const { id, live } of small) {
    if (merged.length >= MERGED_AT_LEAST && live > bytes) break;
    merged.push(id);
    bytes += live;
  }
  return merged;
}
