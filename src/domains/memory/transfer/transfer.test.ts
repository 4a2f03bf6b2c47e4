import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type MemoryHarness, openMemoryHarness, personalSpace } from '../../../../test/support/memory-harness.ts';
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

const spoolFiles = async (harness: MemoryHarness) => (await readdir(join(harness.folder, 'imports'))).length;
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
    expect(await spoolFiles(harness)).toBe(0);
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

  it('takes lines inside the call, and says how they are to be given', async () => {
    await using harness = await openMemoryHarness();
    const ctx = harness.as('ann');
    const answer = await harness.service.import({ data: '{"content":"a"}\n{"content":"b"}', name: 'inline' }, ctx);
    expect(answer).toMatchObject({ status: 'succeeded', created: 2, lines: 2 });
    expect((await exported(harness, ctx))[1]).toMatchObject({ source: { origin: 'inline' } });
    await expect(harness.service.import({}, ctx)).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await harness.service.import({ data: '' }, ctx)).toMatchObject({ status: 'succeeded', created: 0 });
    expect(await harness.service.import({ data: 'x\ny' }, ctx)).toMatchObject({ status: 'failed', badLines: 2 });
  });

  it('under one idempotency key happens once', async () => {
    await using harness = await openMemoryHarness();
    const ctx = harness.as('ann', { idempotencyKey: 'k' });
    const lines = [
      { content: 'a', thread: 't' },
      { content: 'a', thread: 't' },
    ];
    const first = await imported(harness, ctx, lines);
    expect(await imported(harness, ctx, lines)).toEqual(first);
    expect(await everything(harness, ctx)).toBe(2);
    expect(await spoolFiles(harness)).toBe(0);
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
    expect(await spoolFiles(harness)).toBe(0);
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

  it('goes on from its last slice, doubles nothing, and leaves no file and no mark', async () => {
    const clock = new ManualClock(START);
    const { state, wrap } = fragile();
    await using harness = await openMemoryHarness({ clock, wrap });
    const ctx = harness.as('ann');
    state.slicesLeft = 3;
    const lines = many(2400).map(({ content }) => ({ content, thread: 'ordered' }));
    await expect(imported(harness, ctx, lines)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await everything(harness, ctx)).toBe(150);
    expect(await spoolFiles(harness)).toBe(1);
    expect(await harness.sweeper.recoverImports(ctx.signal)).toBe(0);

    state.slicesLeft = Infinity;
    clock.advance(60_001);
    expect(await harness.sweeper.sweepOnce(ctx.signal)).toBe(true);
    while (await harness.sweeper.sweepOnce(ctx.signal));
    expect(await everything(harness, ctx)).toBe(2400);
    const turns = await harness.service.search(inputs.searchInput.parse({ thread: 'ordered', limit: 3 }), ctx);
    expect(turns.results).toHaveLength(3);
    expect((await harness.service.exportPage(inputs.exportInput.parse({ limit: 100 }), ctx)).lines.map((line) => line['place'])).toEqual(
      Array.from({ length: 100 }, (_, at) => at + 1),
    );
    expect(await spoolFiles(harness)).toBe(0);
    await harness.sweeper.sweepOnce(ctx.signal);
    expect(await harness.work.due(Number.MAX_SAFE_INTEGER, 10, 'import')).toEqual([]);
    expect(await harness.quota.used('usr_ann')).toBe((await harness.service.stats({}, ctx)).bytes);
  });

  it('stays open when the sweeper that goes on with it is stopped, and when the server stops', async () => {
    const clock = new ManualClock(START);
    const { state, wrap } = fragile();
    const controller = new AbortController();
    let slices = 0;
    await using harness = await openMemoryHarness({
      clock,
      wrap: (store) => {
        const inner = wrap(store);
        return { ...inner, importSlice: (call, slice) => ((slices += 1) === 4 && controller.abort(), inner.importSlice(call, slice)) };
      },
    });
    const ctx = harness.as('ann');
    const stopping = new AbortController();
    const draining = harness.as('ann', {
      signal: stopping.signal,
      progress: ({ done }) => done > 4000 && stopping.abort(new PolymniaError('overloaded', 'The server is stopping.')),
    });
    await expect(imported(harness, draining, many(500))).rejects.toMatchObject({ code: 'overloaded' });
    clock.advance(60_001);
    await expect(harness.sweeper.sweepOnce(controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await spoolFiles(harness)).toBe(1);
    expect(state.slicesLeft).toBeGreaterThan(0);
    while (await harness.sweeper.sweepOnce(ctx.signal));
    expect(await everything(harness, ctx)).toBe(500);
    expect(await spoolFiles(harness)).toBe(0);
  });

  it('ends where it stands when its user has lost the right', async () => {
    const clock = new ManualClock(START);
    const { state, wrap } = fragile();
    await using harness = await openMemoryHarness({ clock, wrap });
    const ctx = harness.as('ann');
    state.slicesLeft = 1;
    await expect(imported(harness, ctx, many(200))).rejects.toMatchObject({ code: 'storage_unavailable' });
    state.slicesLeft = Infinity;
    harness.gone.add('usr_ann');
    clock.advance(60_001);
    await harness.sweeper.sweepOnce(ctx.signal);
    expect(await everything(harness, ctx)).toBe(50);
    expect(await spoolFiles(harness)).toBe(0);
    const call = {
      space: personalSpace('ann').key,
      flow: { user: 'u', group: 'u', weight: 1 },
      signal: ctx.signal,
      deadlineAt: Infinity,
      meter: ctx.meter,
      now: clock.now(),
    };
    expect(await harness.store.importsOpen(call)).toEqual([]);
  });

  it('stops between two slices when its user loses the right while the sweeper goes on with it', async () => {
    const clock = new ManualClock(START);
    const { state, wrap } = fragile();
    let slices = 0;
    const lose = { after: Infinity, now: (): void => {} };
    await using harness = await openMemoryHarness({
      clock,
      wrap: (store) => {
        const inner = wrap(store);
        return { ...inner, importSlice: (call, slice) => ((slices += 1) === lose.after && lose.now(), inner.importSlice(call, slice)) };
      },
    });
    const ctx = harness.as('ann');
    state.slicesLeft = 1;
    await expect(imported(harness, ctx, many(500))).rejects.toMatchObject({ code: 'storage_unavailable' });
    const oneSlice = await everything(harness, ctx);
    state.slicesLeft = Infinity;
    Object.assign(lose, { after: slices + 2, now: () => harness.gone.add('usr_ann') });
    clock.advance(60_001);
    while (await harness.sweeper.sweepOnce(ctx.signal));
    expect(await everything(harness, ctx)).toBe(3 * oneSlice);
    expect(await spoolFiles(harness)).toBe(0);
  });
});
