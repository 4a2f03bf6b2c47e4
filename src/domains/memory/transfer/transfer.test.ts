import { describe, expect, it } from 'vitest';
import { type MemoryHarness, openMemoryHarness } from '../../../../test/support/memory-harness.ts';
import { ManualClock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { parseRecordId } from '../../../kernel/ids.ts';
import type { OperationContext } from '../../../kernel/operation.ts';
import * as inputs from '../inputs.ts';
import type { MemoryStore } from '../store.ts';

const START = Date.UTC(2026, 4, 13, 12);

async function exported(harness: MemoryHarness, ctx: OperationContext, input: unknown = {}): Promise<Record<string, unknown>[]> {
  return Array.fromAsync(harness.service.exportLines(inputs.exportInput.parse(input), ctx));
}

async function imported(harness: MemoryHarness, ctx: OperationContext, lines: readonly unknown[], name?: string) {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const upload = await harness.spool.write([Buffer.from(text)], 1e9, ctx.signal);
  return harness.service.import(name === undefined ? {} : { name }, { ...ctx, upload });
}

const many = (count: number): { content: string; tags: string[] }[] =>
  Array.from({ length: count }, (_, at) => ({ content: `memory number ${at}`, tags: ['bulk'] }));
const everything = async (harness: MemoryHarness, ctx: OperationContext) => (await harness.service.stats({}, ctx)).memories;

/** Memories with everything a memory can have. */
async function fillRich(harness: MemoryHarness, ctx: OperationContext, clock: ManualClock): Promise<void> {
  const items = [
    { content: 'plain' },
    {
      content: 'hostile \0 \u202e \u2028 "quotes" \\ 👩‍👩‍👧',
      type: "x'; drop table",
      tags: ['a,b'.replace(',', ';'), '漢字'],
      metadata: { __proto__x: 1, deep: { list: [1, null, 'é'] } },
    },
    { content: 'turn', thread: 'chat', origin: 'https://example.org' },
    { content: 'turn', thread: 'chat', expiresIn: 3600, occurredAt: '0500-01-01T00:00:00Z' },
    { content: 'turn', thread: 'chat', place: 9 },
  ];
  const { items: stored } = await harness.service.storeMany(inputs.storeManyInput.parse({ items }), ctx);
  for (const content of ['plain 2', 'plain 3']) {
    clock.advance(1000);
    await harness.service.update({ id: stored[0]?.id ?? '', content, metadata: { content } }, ctx);
  }
}

describe('export and import', () => {
  it('give the same memories again: in the same space after forgetting, and in another', async () => {
    const clock = new ManualClock(START);
    await using harness = await openMemoryHarness({ clock });
    const ctx = harness.as('ann');
    await fillRich(harness, ctx, clock);
    const lines = await exported(harness, ctx);
    expect(lines[0]).toMatchObject({ polymnia: 'memories', version: 1, note: expect.stringContaining('no snapshot') as string });
    expect(lines.at(-1)).toEqual({ polymnia: 'end', memories: 5 });
    const bytes = (await harness.service.stats({}, ctx)).bytes;
    await harness.service.forget(inputs.forgetInput.parse({ all: true }), ctx);
    expect(await imported(harness, ctx, lines)).toMatchObject({ status: 'succeeded', created: 5, duplicates: 0, badLines: 0, lines: 7 });
    expect((await exported(harness, ctx)).slice(1)).toEqual(lines.slice(1));
    expect(await harness.quota.used('usr_ann')).toBe(bytes);

    const bob = harness.as('bob');
    expect(await imported(harness, bob, lines)).toMatchObject({ created: 5 });
    const stripped = (all: readonly Record<string, unknown>[]) =>
      JSON.parse(JSON.stringify(all.slice(1)).replaceAll('usr_bob', 'usr_ann'), (key, value: unknown) =>
        key === 'id' ? parseRecordId('mem', String(value))?.uuid : value,
      ) as unknown;
    expect(stripped(await exported(harness, bob))).toEqual(stripped(lines));
    expect(await imported(harness, bob, lines)).toMatchObject({ created: 0, duplicates: 5 });
  });

  it('pages give the same lines as the stream', async () => {
    await using harness = await openMemoryHarness();
    const ctx = harness.as('ann');
    await imported(harness, ctx, many(130));
    const lines: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await harness.service.exportPage(
        inputs.exportInput.parse({ limit: 50, tagsAny: 'bulk', ...(cursor === undefined ? {} : { cursor }) }),
        ctx,
      );
      expect(page.lines.length).toBeLessThanOrEqual(50);
      lines.push(...page.lines);
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(lines).toEqual((await exported(harness, ctx, { tagsAny: 'bulk' })).slice(1, -1));
    expect(lines).toHaveLength(130);
  });

  it('a page of large memories ends early, not at its number', async () => {
    await using harness = await openMemoryHarness();
    const ctx = harness.as('ann');
    await imported(
      harness,
      ctx,
      Array.from({ length: 40 }, (_, at) => ({ content: `${at}${'x'.repeat(60_000)}` })),
    );
    const page = await harness.service.exportPage(inputs.exportInput.parse({ limit: 100 }), ctx);
    expect(page.lines.length).toBeGreaterThan(10);
    expect(page.lines.length).toBeLessThan(20);
    expect(page.cursor).toBeDefined();
  });
});

describe('import_memories', () => {
  it('takes each line whole or not at all, says which were bad, and can be taken back', async () => {
    await using harness = await openMemoryHarness();
    const ctx = harness.as('ann');
    await harness.service.store({ content: 'mine' }, ctx);
    await harness.service.store({ content: 'turn', thread: 't', place: 1 }, ctx);
    const answer = await imported(
      harness,
      ctx,
      [{ content: 'new' }, '{broken', { content: '' }, { content: 'mine' }, '', { content: 'other', thread: 't', place: 1 }, { content: 'last' }],
      'mix.jsonl',
    );
    expect(answer).toMatchObject({ status: 'partial', lines: 7, created: 2, duplicates: 1, badLines: 3 });
    expect(answer.problems.map(({ line }) => line)).toEqual([2, 3, 6]);
    const forgotten = await harness.service.forget(inputs.forgetInput.parse({ importId: answer.importId }), ctx);
    expect(forgotten.count).toBe(2);
    const left = await harness.service.search(inputs.searchInput.parse({}), ctx);
    expect(left.results.map(({ content }) => content).toSorted()).toEqual(['mine', 'turn']);
  });

  it('says of lines that are all bad that it failed, and takes nothing of an empty one', async () => {
    await using harness = await openMemoryHarness();
    const ctx = harness.as('ann');
    expect(await imported(harness, ctx, [''])).toMatchObject({ status: 'succeeded', created: 0 });
    expect(await imported(harness, ctx, ['x', 'y'])).toMatchObject({ status: 'failed', badLines: 2 });
    expect(await imported(harness, ctx, [{ content: 'a' }], 'inline')).toMatchObject({ status: 'succeeded', created: 1 });
    expect((await exported(harness, ctx))[1]).toMatchObject({ source: { origin: 'inline' } });
  });

  it('cancelled, it keeps and counts what it took', async () => {
    await using harness = await openMemoryHarness();
    const controller = new AbortController();
    const ctx = harness.as('ann', { signal: controller.signal, progress: (progress) => progress.done > 4000 && controller.abort() });
    const answer = await imported(harness, ctx, many(500));
    expect(answer).toMatchObject({ status: 'partial', reason: 'The call was cancelled.' });
    expect(answer.created).toBeGreaterThan(0);
    expect(answer.created).toBeLessThan(500);
    expect(await everything(harness, harness.as('ann'))).toBe(answer.created);
  });

  it('over the quota it ends as partial, or as the error itself when nothing fits', async () => {
    await using harness = await openMemoryHarness({ maxBytes: 5000 });
    const answer = await imported(harness, harness.as('ann'), many(500));
    expect(answer).toMatchObject({ status: 'partial', reason: expect.stringContaining('full') as string });
    await expect(imported(harness, harness.as('ann'), many(1000).slice(500))).rejects.toMatchObject({ code: 'quota_exceeded' });
    expect(await harness.quota.used('usr_ann')).toBeLessThanOrEqual(5000);
  });
});

describe('an import that was cut off', () => {
  /** A store that breaks down after a number of slices, until it is mended. */
  function fragile() {
    const state = { slicesLeft: Infinity };
    const broken = () => Promise.reject(new PolymniaError('storage_unavailable', 'The disk is gone.'));
    const wrap = (store: MemoryStore): MemoryStore => ({
      ...store,
      importSlice: (call, slice) => ((state.slicesLeft -= 1) < 0 ? broken() : store.importSlice(call, slice)),
      importEnd: (call, id, status) => (state.slicesLeft < 0 ? broken() : store.importEnd(call, id, status)),
    });
    return { state, wrap };
  }

  /** Runs of one job with one upload. */
  async function jobOf(harness: MemoryHarness, lines: readonly unknown[]) {
    const upload = await harness.spool.write([Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'))], 1e9, harness.as('ann').signal);
    return (attempt: number, extra: Partial<OperationContext> = {}) => {
      const job = { id: 'job_0123', attempt, askedAt: 0, confirm: async () => {} };
      return harness.service.import({}, harness.as('ann', { upload, job, ...extra }));
    };
  }

  it('goes on from its last slice in the next run of its job, and doubles nothing', async () => {
    const { state, wrap } = fragile();
    await using harness = await openMemoryHarness({ wrap });
    const ctx = harness.as('ann');
    const run = await jobOf(
      harness,
      many(2400).map(({ content }) => ({ content, thread: 'ordered' })),
    );
    state.slicesLeft = 3;
    await expect(run(1)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await everything(harness, ctx)).toBe(150);
    state.slicesLeft = Infinity;
    const done = await run(2);
    expect(done).toMatchObject({ importId: 'imp_0123', status: 'succeeded', lines: 2400, created: 2400, duplicates: 0 });
    expect(await everything(harness, ctx)).toBe(2400);
    expect((await harness.service.exportPage(inputs.exportInput.parse({ limit: 100 }), ctx)).lines.map((line) => line['place'])).toEqual(
      Array.from({ length: 100 }, (_, at) => at + 1),
    );
    expect(await harness.quota.used('usr_ann')).toBe((await harness.service.stats({}, ctx)).bytes);
    expect(await run(3)).toEqual(done);
  });

  it('stays open when the server stops, and when a later run has taken its place', async () => {
    await using harness = await openMemoryHarness();
    const run = await jobOf(harness, many(500));
    for (const [attempt, code] of [
      [1, 'overloaded'],
      [2, 'conflict'],
    ] as const) {
      const stopping = new AbortController();
      const progress = (): void => stopping.abort(new PolymniaError(code, 'Stop.'));
      await expect(run(attempt, { signal: stopping.signal, progress })).rejects.toMatchObject({ code });
    }
    const ctx = harness.as('ann');
    expect(await everything(harness, ctx)).toBe(100);
    expect(await run(3)).toMatchObject({ status: 'succeeded', created: 500 });
  });

  it('driven by two runs at once takes each line once', async () => {
    await using harness = await openMemoryHarness();
    const run = await jobOf(harness, many(500));
    const [first, second] = await Promise.all([run(1), run(2)]);
    expect(first.created).toBe(500);
    expect(second.created).toBe(500);
    expect(await everything(harness, harness.as('ann'))).toBe(500);
  });
});
