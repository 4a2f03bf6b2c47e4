import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';
import type { QueuePlace } from './bounded-queue.ts';

test('a full queue refuses and stays as it was', () => {
  const queue = new BoundedQueue<string>(2);
  expect(queue.push('a')).not.toBe(false);
  expect(queue.push('b')).not.toBe(false);
  expect(queue.full).toBe(true);
  expect(queue.push('c')).toBe(false);
  expect([...queue]).toEqual(['a', 'b']);
});

test('a place can be left once, and only in its own queue', () => {
  const queue = new BoundedQueue<string>(3);
  const other = new BoundedQueue<string>(3);
  const place = queue.push('a');
  other.push('a');
  if (place === false) throw new Error('the queue had room');
  expect(other.remove(place)).toBe(false);
  expect(queue.remove(place)).toBe(true);
  expect(queue.remove(place)).toBe(false);
  expect(queue.shift()).toBeUndefined();
});

test('clear makes it empty, and places from before are void', () => {
  const queue = new BoundedQueue<number>(3);
  const place = queue.push(1);
  queue.clear();
  queue.push(2);
  expect(place !== false && queue.remove(place)).toBe(false);
  expect([...queue]).toEqual([2]);
});

/** Does the same to queue and model; says whether both gave the same answer. */
function agrees(queue: BoundedQueue<number>, model: QueuePlace<number>[], maxLength: number, action: 'push' | 'shift' | number): boolean {
  if (action === 'shift') return queue.shift() === model.shift()?.value;
  if (action !== 'push') return model.splice(action, 1).every((gone) => queue.remove(gone));
  const hadRoom = model.length < maxLength;
  const place = queue.push((model.at(-1)?.value ?? 0) + 1);
  if (place !== false) model.push(place);
  return hadRoom === (place !== false);
}

test('it behaves as a bounded array, whatever is done', () => {
  const step = fc.oneof(fc.constant('push' as const), fc.constant('shift' as const), fc.nat(20));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 80 }), (maxLength, steps) => {
      const queue = new BoundedQueue<number>(maxLength);
      const model: QueuePlace<number>[] = [];
      for (const action of steps) {
        expect(agrees(queue, model, maxLength, action)).toBe(true);
        expect([...queue]).toEqual(model.map(({ value }) => value));
        expect(queue.length).toBe(model.length);
        expect(queue.peek()).toBe(model[0]?.value);
      }
    }),
  );
});
