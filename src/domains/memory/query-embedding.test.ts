import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { Backoff } from './upkeep/backoff.ts';
import { embedTexts } from './upkeep/embedding.ts';
import type { Embedder } from './ports.ts';
import { QueryEmbedding } from './query-embedding.ts';

function embedder(embed: Embedder['embed']): Embedder & { calls: number } {
  const made = { model: 'm', calls: 0, embed: (texts: readonly string[], signal: AbortSignal) => ((made.calls += 1), embed(texts, signal)) };
  return made;
}

const never = (): Promise<never> => new Promise(() => {});
const vector = Float32Array.of(1, 0);
const live = new AbortController().signal;

describe('QueryEmbedding', () => {
  it('gives the vector with its model', async () => {
    const embedding = new QueryEmbedding(
      embedder(async () => [vector]),
      new ManualClock(),
      1000,
    );
    expect(await embedding.vectorOf('q', live)).toEqual({ model: 'm', values: vector });
  });

  it('gives up a slow embedder after its limit, leaves it alone for a while, then tries again', async () => {
    const clock = new ManualClock();
    const slow = embedder(never);
    const embedding = new QueryEmbedding(slow, clock, 1000);
    const waiting = embedding.vectorOf('q', live);
    clock.advance(1000);
    expect(await waiting).toBeUndefined();
    expect(await embedding.vectorOf('q', live)).toBeUndefined();
    expect(slow.calls).toBe(1);
    clock.advance(1000);
    void embedding.vectorOf('q', live).catch(() => {});
    expect(slow.calls).toBe(2);
    clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  it("rejects with the caller's abort, which is no failure of the embedder", async () => {
    const slow = embedder(never);
    const embedding = new QueryEmbedding(slow, new ManualClock(), 1000);
    const controller = new AbortController();
    const waiting = embedding.vectorOf('q', controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    void embedding.vectorOf('q', live);
    expect(slow.calls).toBe(2);
  });
});

describe('Backoff', () => {
  it('doubles from a second to a minute and forgets after a success', () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock);
    const waits = [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => {
      backoff.failed();
      clock.advance(seconds * 1000 - 1);
      const early = backoff.ready;
      clock.advance(1);
      return !early && backoff.ready;
    });
    expect(waits).toEqual(waits.map(() => true));
    backoff.failed();
    backoff.succeeded();
    expect(backoff.ready).toBe(true);
  });
});

describe('embedTexts', () => {
  const refusal = new PolymniaError('upstream_failed', 'no', { details: { status: 413 } });

  it('tries a refused batch one by one, shorter each time, and never holds up the others', async () => {
    const picky = embedder(async (texts) => {
      if (texts.some((text) => text.length > 1000 || text.includes('bad'))) throw refusal;
      return texts.map((text) => Float32Array.of(text.length));
    });
    const vectors = await embedTexts(picky, ['short', 'long '.repeat(900), 'bad', ' '], live);
    expect(vectors.map(([length]) => length)).toEqual([5, 562, 4, 4]);
  });

  it('passes every other failure on', async () => {
    const dead = new PolymniaError('upstream_failed', 'dead', { details: { status: 500 } });
    await expect(
      embedTexts(
        embedder(() => Promise.reject(dead)),
        ['a'],
        live,
      ),
    ).rejects.toBe(dead);
  });
});
