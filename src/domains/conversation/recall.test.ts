import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MemoryHarness, openMemoryHarness } from '../../../test/support/memory-harness.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { recallFor } from './recall.ts';

const clock = new ManualClock();
const ASKED = [{ role: 'user', content: 'Where is the key?' }] as const;
/** What the embedder does with a question. */
let embed = async (): Promise<Float32Array[]> => [Float32Array.of(1, 0)];
let breaks = false;
let harness: MemoryHarness;

beforeAll(async () => {
  harness = await openMemoryHarness({
    clock,
    embedder: { model: 'm', dimensions: 2, embed: () => embed() },
    wrap: (store) => ({
      ...store,
      search: (...call) => (breaks ? Promise.reject(new PolymniaError('storage_unavailable', 'The disk is gone.')) : store.search(...call)),
    }),
  });
});
afterAll(() => harness[Symbol.asyncDispose]());

const recall = (ctx = harness.as('ann')) => recallFor({ memory: harness.service, clock, recallMs: 300 }, ASKED, ctx);

/** Makes the embedder hang; resolves when it does. */
function hang(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  embed = () => {
    resolve();
    return new Promise<never>(() => {});
  };
  return promise;
}

it('goes without memories after 300 ms', async () => {
  const hangs = hang();
  const outcome = recall();
  await hangs;
  clock.advance(300);
  expect(await outcome).toEqual({ state: 'late', passages: [] });
  expect(clock.pending).toBe(0);
});

it('ends with its call', async () => {
  const hangs = hang();
  const controller = new AbortController();
  const outcome = recall(harness.as('ann', { signal: controller.signal }));
  await hangs;
  controller.abort();
  await expect(outcome).rejects.toMatchObject({ code: 'cancelled' });
});

it('goes without memories when they cannot be read, and with them when they can', async () => {
  embed = async () => [Float32Array.of(1, 0)];
  await harness.service.store({ content: 'The key is under the mat.' }, harness.as('ann'));
  breaks = true;
  expect(await recall()).toEqual({ state: 'failed', passages: [] });
  breaks = false;
  expect(await recall()).toMatchObject({ state: 'done', passages: [{ text: 'The key is under the mat.' }] });
  expect(await recall(harness.as('bob'))).toEqual({ state: 'done', passages: [] });
});

it('takes one of the exchanges that began with the same question, so that what answers it has a place', async () => {
  const cid = harness.as('cid');
  await harness.service.store({ content: 'User: I always hide our key under the old mat.\n\nAssistant: I see.' }, cid);
  for (let n = 0; n < 8; n++) await harness.service.store({ content: `User: Where is the key?\n\nAssistant: I see. (${n})` }, cid);
  const { passages } = await recall(cid);
  const questions = passages.map(({ text }) => text.split('\n')[0]);
  expect(questions).toHaveLength(2);
  expect(questions).toEqual(expect.arrayContaining(['User: I always hide our key under the old mat.', 'User: Where is the key?']));
});
