import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairLine } from './fair-line.ts';

const newLine = (maxWaiting = 100, maxWaitingPerUser = 50) => new FairLine<string>({ maxWaiting, maxWaitingPerUser });

function addAll(line: FairLine<string>, names: string): void {
  for (const name of names) expect(line.add(name, 1, name)).toBeTypeOf('object');
}

test("a user's second goes after everybody's first, whatever they used before", () => {
  const line = newLine();
  addAll(line, 'b');
  line.next();
  line.charge('b', 60_000);
  line.finish('b');
  addAll(line, 'aaabc');
  expect([line.next(), line.next(), line.next(), line.next(), line.next(), line.next()]).toEqual(['a', 'c', 'b', 'a', 'a', undefined]);
});

test('among equals the one that used least over its weight goes first', () => {
  const line = newLine();
  for (const [name, weight] of [
    ['heavy', 1],
    ['light', 1],
    ['entitled', 10],
  ] as const)
    line.add(name, weight, name);
  for (let turn = 0; turn < 3; turn++) line.next();
  line.charge('heavy', 500);
  line.charge('light', 100);
  line.charge('entitled', 600);
  for (const [name, weight] of [
    ['heavy', 1],
    ['light', 1],
    ['entitled', 10],
  ] as const)
    line.add(name, weight, name);
  for (const name of ['heavy', 'light', 'entitled']) line.finish(name);
  expect([line.next(), line.next(), line.next()]).toEqual(['entitled', 'light', 'heavy']);
});

test('who comes from idle gains nothing by it, and a debt is remembered', () => {
  const line = newLine();
  addAll(line, 'a');
  line.next();
  line.charge('a', 1000);
  line.finish('a');
  addAll(line, 'ab');
  expect(line.next()).toBe('b');
});

test('both bounds hold, and who leaves makes room', () => {
  const line = newLine(3, 2);
  const first = line.add('a', 1, '1');
  line.add('a', 1, '2');
  expect(line.add('a', 1, '3')).toBe('user_line');
  line.add('b', 1, '4');
  expect(line.add('c', 1, '5')).toBe('all_lines');
  if (typeof first === 'string') throw new Error('refused');
  expect([line.remove(first), line.remove(first)]).toEqual([true, false]);
  expect(line.waiting).toBe(2);
  line.add('c', 1, '6');
  expect([line.next(), line.next(), line.next()]).toEqual(['2', '4', '6']);
});

test('over any course: nothing is lost, and whoever has fewest running goes next', () => {
  const step = fc.record({ user: fc.constantFrom('a', 'b', 'c', 'd'), act: fc.constantFrom('add', 'next', 'finish'), ms: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const line = newLine(1000, 1000);
      const running = new Map<string, number>();
      const waiting = new Map<string, number>();
      const change = (counts: Map<string, number>, user: string, by: number): void => void counts.set(user, (counts.get(user) ?? 0) + by);
      for (const { user, act, ms } of steps) {
        if (act === 'add') {
          line.add(user, 1, user);
          change(waiting, user, 1);
        } else if (act === 'finish' && (running.get(user) ?? 0) > 0) {
          line.charge(user, ms);
          line.finish(user);
          change(running, user, -1);
        } else if (act === 'next') {
          const next = line.next();
          const least = Math.min(...[...waiting].filter(([, count]) => count > 0).map(([name]) => running.get(name) ?? 0));
          expect(next === undefined ? Infinity : (running.get(next) ?? 0)).toBe(least);
          if (next === undefined) continue;
          change(waiting, next, -1);
          change(running, next, 1);
        }
      }
      expect(line.waiting).toBe([...waiting.values()].reduce((sum, count) => sum + count, 0));
    }),
  );
});
