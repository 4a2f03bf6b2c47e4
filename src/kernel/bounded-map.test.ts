import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedMap } from './bounded-map.ts';
import { ManualClock } from './clock.ts';

describe('size', () => {
  test('the least recently used entry goes first, and onEvict hears of it', () => {
    const evicted: [string, number][] = [];
    const map = new BoundedMap<string, number>({ maxSize: 2, onEvict: (key, value) => evicted.push([key, value]) });
    map.set('a', 1);
    map.set('b', 2);
    expect(map.get('a')).toBe(1);
    map.set('c', 3);
    expect(evicted).toEqual([['b', 2]]);
    expect([...map]).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
  });

  test('delete, clear and replacing a value are not evictions', () => {
    const evicted: string[] = [];
    const map = new BoundedMap<string, number>({ maxSize: 2, onEvict: (key) => evicted.push(key) });
    map.set('a', 1);
    map.set('a', 2);
    expect(map.delete('a')).toBe(true);
    expect(map.delete('a')).toBe(false);
    map.set('b', 1);
    map.clear();
    expect(map.size).toBe(0);
    expect(evicted).toEqual([]);
  });

  test('a size below one is refused', () => {
    expect(() => new BoundedMap({ maxSize: 0 })).toThrow(/at least 1/);
  });

  test('it behaves as a list of the most recently used, whatever is done', () => {
    const step = fc.record({ set: fc.boolean(), key: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 80 }), (maxSize, steps) => {
        const map = new BoundedMap<number, number>({ maxSize });
        let model: number[] = [];
        for (const { set, key } of steps) {
          const had = model.includes(key) ? key : undefined;
          const found = set ? had : map.get(key);
          if (set) map.set(key, key);
          expect(found).toBe(had);
          if (set || model.includes(key)) model = [...model.filter((other) => other !== key), key].slice(-maxSize);
          expect([...map].map(([each]) => each)).toEqual(model);
        }
      }),
    );
  });
});

describe('time to live', () => {
  test('counts from the set, not from the last use, and is exact', () => {
    const clock = new ManualClock();
    const evicted: string[] = [];
    const map = new BoundedMap<string, number>({ maxSize: 9, ttl: { ms: 100, clock }, onEvict: (key) => evicted.push(key) });
    map.set('a', 1);
    clock.advance(60);
    map.set('b', 2);
    clock.advance(39);
    expect(map.get('a')).toBe(1);
    clock.advance(1);
    expect(map.has('a')).toBe(false);
    expect([...map]).toEqual([['b', 2]]);
    expect(evicted).toEqual(['a']);
  });

  test('a step of the wall clock changes nothing', () => {
    const clock = new ManualClock();
    const map = new BoundedMap<string, number>({ maxSize: 9, ttl: { ms: 100, clock } });
    map.set('a', 1);
    clock.stepWall(7_200_000);
    expect(map.get('a')).toBe(1);
  });
});
