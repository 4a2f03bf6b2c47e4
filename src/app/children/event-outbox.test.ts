import { expect, test } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { EventOutbox } from './event-outbox.ts';

function setUp(room: () => boolean = () => true) {
  const clock = new ManualClock();
  const batches: (readonly unknown[])[] = [];
  const send = (events: readonly unknown[]): boolean => {
    batches.push(events);
    return room();
  };
  return { clock, batches, outbox: new EventOutbox({ clock, intervalMs: 50, send }) };
}

const progress = (phase: string, done: number) => ({ kind: 'progress', phase, done });

test('the first event leaves at once, the others in batches, in order', () => {
  const { clock, batches, outbox } = setUp();
  for (const event of ['a', 'b', 'c']) outbox.push(event);
  expect(batches).toEqual([['a']]);
  clock.advance(50);
  expect(batches).toEqual([['a'], ['b', 'c']]);
  expect(clock.pending).toBe(0);
});

test('of waiting progress only the newest of a phase is kept, and nothing moves over another event', () => {
  const { clock, batches, outbox } = setUp();
  outbox.push('start');
  for (const event of [progress('x', 1), progress('x', 2), progress('y', 1), progress('x', 3)]) outbox.push(event);
  outbox.push({ kind: 'text_ready' });
  for (const event of [progress('x', 4), progress('x', 5)]) outbox.push(event);
  clock.advance(50);
  expect(batches[1]).toEqual([progress('y', 1), progress('x', 3), { kind: 'text_ready' }, progress('x', 5)]);
});

test('a full channel gets nothing until it has drained; what waits meanwhile is bounded', () => {
  let room = false;
  const { clock, batches, outbox } = setUp(() => room);
  outbox.push('first');
  for (let done = 0; done < 100_000; done++) outbox.push(progress('x', done));
  clock.advance(1000);
  expect(batches).toHaveLength(1);
  for (let at = 0; at < 999; at++) outbox.push(at);
  expect(() => outbox.push('one too many')).toThrow(/more than 1000 events/);
  room = true;
  outbox.drained();
  expect(batches[1]?.[0]).toEqual(progress('x', 99_999));
  expect(batches[1]).toHaveLength(1000);
});

test('before the last word everything leaves', () => {
  const { clock, batches, outbox } = setUp();
  outbox.push('a');
  outbox.push('b');
  outbox.flush();
  expect(batches).toEqual([['a'], ['b']]);
  expect(clock.pending).toBe(0);
});
