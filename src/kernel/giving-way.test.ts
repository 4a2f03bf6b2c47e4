import { describe, expect, it } from 'vitest';
import { ManualClock } from './clock.ts';
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

  it('lets children run freely while the server itself has no long work', () => {
    const givingWay = new GivingWay(new ManualClock());
    givingWay.noteShort();
    expect(givingWay.childSpan().mayRun).toBe(true);
  });

  it('has the server’s long work and the children take turns that never overlap', () => {
    const clock = new ManualClock();
    const givingWay = new GivingWay(clock);
    let childrenMs = 0;
    for (let ms = 0; ms < 2000; ms++) {
      givingWay.noteShort();
      const { mayRun, forMs } = givingWay.childSpan();
      const restMs = givingWay.restMs(0, 1);
      if (ms > 0) expect(restMs > 0).toBe(mayRun);
      if (mayRun && ms > 0) expect(restMs).toBe(forMs);
      childrenMs += mayRun ? 1 : 0;
      clock.advance(1);
    }
    expect(childrenMs / 2000).toBeCloseTo(1 / 4, 2);
  });

  it('lets everybody go on when the short calls have ended', () => {
    const clock = new ManualClock();
    const givingWay = new GivingWay(clock);
    givingWay.noteShort();
    givingWay.restMs(1000, 1);
    expect(givingWay.childSpan().mayRun).toBe(false);
    clock.advance(101);
    expect(givingWay.childSpan().mayRun).toBe(true);
    expect(givingWay.restMs(1000, 1)).toBe(0);
  });
});
