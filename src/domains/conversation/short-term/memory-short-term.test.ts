import { expect, test } from 'vitest';
import { ManualClock } from '../../../kernel/clock.ts';
import { describeShortTerm } from '../../../storage/contract/short-term.contract.ts';
import type { Exchange } from '../model.ts';
import { encodeExchanges } from './kept-exchanges.ts';
import { MemoryShortTerm } from './memory-short-term.ts';

describeShortTerm('in memory', async () => {
  const clock = new ManualClock();
  const shortTerm = new MemoryShortTerm({ clock });
  return {
    shortTerm,
    passTime: async (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => shortTerm[Symbol.asyncDispose](),
  };
});

const SPACE = '00000000000000aa';
const OTHER = '00000000000000bb';
const said: readonly Exchange[] = [{ turn: 1, user: 'x'.repeat(1000), assistant: '', steps: [] }];
/** What one conversation takes, at two bytes a character. */
const BYTES = 2 * (encodeExchanges(said)?.length ?? 0);

const isKept = async (cache: MemoryShortTerm, names: readonly string[]): Promise<readonly boolean[]> =>
  Promise.all(names.map(async (name) => (await cache.read(SPACE, name)) !== undefined));

test('what was not used for longest goes when texts take too much', async () => {
  const cache = new MemoryShortTerm({ clock: new ManualClock(), maxBytes: 3 * BYTES });
  for (const name of ['a', 'b', 'c']) await cache.write(SPACE, name, said);
  await cache.read(SPACE, 'a');
  await cache.write(OTHER, 'd', said);
  expect(await isKept(cache, ['a', 'b', 'c'])).toEqual([true, false, true]);
  await cache.write(SPACE, 'e', [...said, ...said]);
  expect(await isKept(cache, ['a', 'b', 'c', 'e'])).toEqual([false, false, true, true]);
  expect(await cache.read(OTHER, 'd')).toBeUndefined();
});

test('what was not used for longest goes when there are too many', async () => {
  const cache = new MemoryShortTerm({ clock: new ManualClock(), maxConversations: 2 });
  for (const name of ['a', 'b', 'c']) await cache.write(SPACE, name, said);
  expect(await isKept(cache, ['a', 'b', 'c'])).toEqual([false, true, true]);
});

test('room that was given back is there again, in whatever way it was given', async () => {
  const clock = new ManualClock();
  const cache = new MemoryShortTerm({ clock, maxBytes: 3 * BYTES });
  const names = ['a', 'b', 'c'];
  const fill = async (): Promise<void> => {
    for (const name of names) await cache.write(SPACE, name, said);
    expect(await isKept(cache, names)).toEqual([true, true, true]);
  };
  await fill();
  await fill();
  await cache.drop(SPACE, 'b');
  await cache.drop(SPACE, 'b');
  await fill();
  await cache.drop(SPACE);
  await fill();
  clock.advance(3_600_000);
  await fill();
  clock.advance(3_600_000);
  await cache.write(OTHER, 'a', said);
  await cache.drop(SPACE);
  await cache.drop(OTHER);
  await fill();
});
