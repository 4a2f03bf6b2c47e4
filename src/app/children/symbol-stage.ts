import type { IndexSegment } from '../../domains/code/index/index-state.ts';
import type { SegmentMaker, SymbolsMade } from './segment-maker.ts';
import type { TextSegment } from './text-stage.ts';

/**
 * Makes the symbols of text segments, the largest first, each by the next maker that is free. `take` gets what was found in one
 * segment. Answers with the segments as they are now.
 */
export async function makeAllSymbols(
  makers: readonly SegmentMaker[],
  segments: readonly TextSegment[],
  onFiles: (count: number) => void,
  take: (segment: TextSegment, made: SymbolsMade) => void,
): Promise<readonly IndexSegment[]> {
  const line = [...segments].sort((a, b) => b.summary.bytes - a.summary.bytes);
  const done: IndexSegment[] = [];
  const work = async (maker: SegmentMaker): Promise<void> => {
    for (let segment = line.shift(); segment !== undefined; segment = line.shift()) {
      const made = await maker.makeSymbols(segment.summary.name, segment.files, onFiles);
      take(segment, made);
      done.push({ ...segment.summary, ...made.totals, hasSymbols: true });
    }
  };
  await Promise.all(makers.map(work));
  return done;
}
