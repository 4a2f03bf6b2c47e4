import { expect, test } from 'vitest';
import { affordableFiles } from './file-limit.ts';

test.each([
  ['Max open files            1024                 524288               files', 1, 113],
  ['Max open files            1024                 524288               files', 8, 14],
  ['Max open files            20000                20000                files', 1, 2222],
  ['Max open files            unlimited            unlimited            files', 8, Infinity],
  ['', 1, Infinity],
])('under "%s" each of %d threads keeps %d files', (limits, threads, files) => {
  expect(affordableFiles(threads, limits)).toBe(files);
});

test('this process has a limit that leaves room', () => {
  expect(affordableFiles(8)).toBeGreaterThan(2);
});
