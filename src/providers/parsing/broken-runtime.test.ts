import { expect, test } from 'vitest';
import { startRuntime } from './grammars.ts';
import { testParser } from './parser-test-kit.ts';

/** In a file of its own: the runtime is the whole thread's, and does not heal. */
test('a runtime that breaks under a text is told, and texts are read by lines from then on', async () => {
  using parser = await testParser();
  const text = 'def f():\n    pass\n';
  expect(parser.parse(text, 'python').method).toBe('grammar');
  expect(parser.shouldRecycle()).toBe(false);
  /** Grown behind its back, the runtime's views of its memory are dead: every access throws, as after running out of memory. */
  (await startRuntime()).memory.grow(1);
  for (const id of ['python', 'go']) {
    expect(parser.parse(text, id)).toMatchObject({ method: 'lines', notParsed: 'too_slow' });
    expect(parser.shouldRecycle()).toBe(true);
  }
  expect(parser.parse(text, 'python').symbols).toMatchObject([{ name: 'f', line: 1, endLine: 2 }]);
});
