import { expect, test } from 'vitest';
import { RunningParts } from './running-parts.ts';

test('parts end in reverse order, all of them, once', async () => {
  const parts = new RunningParts();
  const ended: string[] = [];
  parts.onEnd('store', () => void ended.push('store'));
  parts.onEnd('worker', () => {
    ended.push('worker');
    throw new Error('stuck');
  });
  parts.onEnd('users', async () => void ended.push('users'));
  await expect(parts[Symbol.asyncDispose]()).rejects.toThrow('ending worker failed');
  await expect(parts[Symbol.asyncDispose]()).rejects.toThrow('ending worker failed');
  expect(ended).toEqual(['users', 'worker', 'store']);
});
