import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../kernel/clock.ts';
import { GivingWay } from './giving-way.ts';

describe('giving way', () => {
  it('rests in proportion after short calls were seen, for a while', () => {
    const clock = new ManualClock();
    const givingWay = new GivingWay(clock);
    expect(givingWay.restMs(8000, 2)).toBe(0);
    givingWay.noteShort();
    expect(givingWay.restMs(8000, 2)).toBe(16);
    clock.advance(100);
    expect(givingWay.restMs(8000, 1)).toBe(8);
    clock.advance(1);
    expect(givingWay.restMs(8000, 1)).toBe(0);
  });

  it('never rests long, however long the work took', () => {
    const givingWay = new GivingWay(new ManualClock());
    givingWay.noteShort();
    expect(givingWay.restMs(10_000_000, 2)).toBe(50);
  });
});
