import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { IndexedHeap } from './indexed-heap.ts';

interface Item {
  key: number;
  readonly heapAt: number[];
}

interface Heaps {
  readonly up: IndexedHeap<Item>;
  readonly down: IndexedHeap<Item>;
}

function act(heaps: Heaps, action: string, item: Item, key: number): void {
  if (action === 'up' || action === 'down') {
    item.key = key;
    heaps[action].place(item);
    for (const heap of [heaps.up, heaps.down]) if (heap.has(item)) heap.place(item);
    return;
  }
  const heap = action === 'leave up' ? heaps.up : heaps.down;
  const wasIn = [...heap].includes(item);
  expect(heap.has(item)).toBe(wasIn);
  expect(heap.remove(item)).toBe(wasIn);
  expect([...heap]).not.toContain(item);
}

test('the least item is on top through any adding, moving and removing, in two heaps at once', () => {
  const step = fc.record({ item: fc.nat(15), key: fc.nat(50), action: fc.constantFrom('up', 'down', 'leave up', 'leave down') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const items: Item[] = Array.from({ length: 16 }, () => ({ key: 0, heapAt: [-1, -1] }));
      const heaps = { up: new IndexedHeap<Item>(0, (a, b) => a.key < b.key), down: new IndexedHeap<Item>(1, (a, b) => a.key > b.key) };
      for (const { item: index, key, action } of steps) {
        const item = items[index] ?? { key, heapAt: [-1, -1] };
        act(heaps, action, item, key);
        const keysUp = [...heaps.up].map((each) => each.key);
        const keysDown = [...heaps.down].map((each) => each.key);
        expect(heaps.up.peek()?.key).toBe(keysUp.length === 0 ? undefined : Math.min(...keysUp));
        expect(heaps.down.peek()?.key).toBe(keysDown.length === 0 ? undefined : Math.max(...keysDown));
      }
    }),
  );
});
