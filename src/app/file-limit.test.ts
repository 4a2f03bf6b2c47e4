import { expect, test } from 'vitest';
import { affordableFiles } from './file-limit.ts';

test.each([
  ['Max open files            1024                 524288               files', 113],
  ['Max open files            20000                20000                files', 2222],
  ['Max open files            unlimited            unlimited            files', Infinity],
  ['', Infinity],
])('under "%s" a reader keeps %d files', (limits, files) => {
  expect(affordableFiles(limits)).toBe(files);
});

test('this process has a limit that leaves room', () => {
  expect(affordableFiles()).toBeGreaterThan(2);
});
