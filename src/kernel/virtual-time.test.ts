import { expect, test } from 'vitest';
import { FlowLevel, newFlow } from './virtual-time.ts';

const setup = (maxRunning = 1, maxIdle = 10) => {
  const level = new FlowLevel(newFlow, maxRunning, maxIdle);
  /** The flow asks for one short service and gets it, at a cost known beforehand. */
  const serve = (name: string, cost: number, weight = 1): void => {
    const flow = level.wake(name, weight);
    level.charge(flow, cost);
    level.settle(flow, cost, cost, weight);
    level.rest(flow);
  };
  return { level, serve };
};

test('an idle flow is remembered only while it owes, and starts at its debt or at the level, whichever is later', () => {
  const { level, serve } = setup();
  const active = level.wake('active', 1);
  serve('debtor', 5);
  expect(level.get('debtor')?.vt).toBe(5);
  level.charge(active, 3);
  level.charge(active, 3);
  expect(level.wake('debtor', 1).vt).toBe(5);
  level.rest(level.wake('debtor', 1));
  level.charge(active, 1);
  expect([level.time, level.get('debtor')]).toEqual([6, undefined]);
  expect(level.wake('debtor', 1).vt).toBe(6);
});

test('when nobody is active all debts end', () => {
  const { level, serve } = setup();
  serve('a', 7);
  serve('b', 9);
  expect(level.size).toBe(0);
});

test('a flow that was held back catches up by no more than it may run at once', () => {
  const { level } = setup(2);
  const held = level.wake('held', 1);
  const other = level.wake('other', 1);
  for (let turn = 0; turn < 100; turn++) level.charge(other, 1);
  level.charge(held, 1);
  expect(level.time).toBe(99);
  expect(held.vt).toBe(99 - 2 + 1);
});

test('weights divide what is paid, and the waiting weight is that of the flows that wait', () => {
  const { level } = setup();
  const heavy = level.wake('heavy', 4);
  const light = level.wake('light', 1);
  level.addWaiting(heavy);
  level.addWaiting(heavy);
  level.addWaiting(light);
  expect(level.waitingWeight).toBe(5);
  level.wake('heavy', 2);
  expect(level.waitingWeight).toBe(3);
  level.dropWaiting(heavy);
  level.dropWaiting(light);
  expect(level.waitingWeight).toBe(2);
  level.charge(heavy, 8);
  expect(heavy.vt).toBe(4);
});

test('the ready flow with the least time is chosen; ties go to who was served least recently', () => {
  const { level } = setup();
  const [a, b, c] = [level.wake('a', 1), level.wake('b', 1), level.wake('c', 1)];
  level.setReady(a, true, false);
  level.setReady(b, false, true);
  level.setReady(c, true, false);
  expect([level.least(true)?.name, level.hasReady('short'), level.hasReady('long')]).toEqual(['a', true, true]);
  level.charge(a, 0);
  level.setReady(a, true, false);
  expect([level.least(true)?.name, level.least(false)?.name]).toEqual(['b', 'c']);
  level.setReady(b, false, false);
  level.setReady(c, false, false);
  expect(level.least(true)?.name).toBe('a');
});
