import { expect, it } from 'vitest';
import type { KeptFor } from '../../domains/conversation/store.ts';
import { formatRecordId } from '../../kernel/ids.ts';
import { type ConversationStoreHarness, ConversationSpace, remembered } from './conversation-store-fixture.ts';
import { NOW } from './memory-store-fixture.ts';

const HOUR = 3_600_000;

/** Until when conversations are kept, and what is remembered of them, when that is said anew for all of a space. */
export function retentionContract(harness: () => ConversationStoreHarness): void {
  const space = (): ConversationSpace => new ConversationSpace(harness());
  const threadOf = (s: ConversationSpace, conversation: string): string => formatRecordId({ kind: 'conv', space: s.key, uuid: conversation });

  /** All slices; how many there were. */
  const keep = async (s: ConversationSpace, keepMs: number | undefined, now = NOW): Promise<number> => {
    const wish = keepMs === undefined ? {} : { keepMs };
    let from: Pick<KeptFor, 'after'> = {};
    for (let slices = 1; ; slices++) {
      const { done, next } = await s.store.keepConversations(s.call({ now }), { ...wish, ...from });
      if (done) return slices;
      from = next === undefined ? {} : { after: next };
    }
  };
  /** A conversation whose turns were said at these times, each remembered. Answers come a second later. */
  const talk = async (s: ConversationSpace, times: readonly number[], keepMs?: number): Promise<string> => {
    let conversation: string | undefined;
    for (const now of times) {
      const until = keepMs === undefined ? {} : { keepUntil: now + keepMs };
      const ref = conversation === undefined ? ({ kind: 'new' } as const) : ({ kind: 'id', uuid: conversation } as const);
      const turn = await s.begin({ ref, ...until }, { now });
      conversation = turn.conversation;
      await s.end(turn, { memories: [remembered(threadOf(s, conversation), turn.number)] }, { now: now + 1000 });
    }
    return conversation ?? '';
  };
  const endOf = async (s: ConversationSpace, conversation: string, now = NOW): Promise<number | 'none' | 'gone'> => {
    const found = await s.store.conversation(s.call({ now }), conversation);
    return found === undefined ? 'gone' : (found.expiresAt ?? 'none');
  };
  const endsOfMemories = async (s: ConversationSpace, conversation: string, now = NOW): Promise<readonly (number | undefined)[]> => {
    const found = await s.memories.list(s.call({ now }), { thread: threadOf(s, conversation) }, { limit: 1000 });
    return found.map(({ expiresAt }) => expiresAt);
  };

  it('counts from the last message, hides at once what is too old by it, and leaves the rest its time', async () => {
    const s = space();
    const old = await talk(s, [NOW - 3 * HOUR, NOW - 2 * HOUR]);
    const fresh = await talk(s, [NOW - 3 * HOUR, NOW - HOUR / 2]);
    await s.memories.add(s.call(), [remembered('a thread of its own', 1)]);
    expect([await endOf(s, old), await endOf(s, fresh)]).toEqual(['none', 'none']);
    await keep(s, HOUR);
    expect([await endOf(s, old), await endOf(s, fresh)]).toEqual(['gone', NOW + HOUR / 2]);
    expect([await endsOfMemories(s, old), await endsOfMemories(s, fresh)]).toEqual([[], [NOW + HOUR / 2, NOW + HOUR / 2]]);
    expect(await s.turns(old)).toEqual([]);
    expect(await s.thread('a thread of its own')).toHaveLength(1);
    expect(await endOf(s, fresh, NOW + HOUR / 2)).toBe('gone');
  });

  it('says of what was kept so already what a turn has said', async () => {
    const s = space();
    const kept = await talk(s, [NOW - HOUR, NOW], 2 * HOUR);
    await keep(s, 2 * HOUR);
    expect([await endOf(s, kept), await endsOfMemories(s, kept)]).toEqual([NOW + 2 * HOUR, [NOW + 2 * HOUR, NOW + 2 * HOUR]]);
  });

  it('keeps longer what is still there, and brings back nothing that had gone', async () => {
    const s = space();
    const [gone, there] = [await talk(s, [NOW - 2 * HOUR], HOUR), await talk(s, [NOW], HOUR)];
    await keep(s, 24 * HOUR);
    expect([await endOf(s, gone), await endsOfMemories(s, gone)]).toEqual(['gone', []]);
    expect([await endOf(s, there), await endsOfMemories(s, there)]).toEqual([NOW + 24 * HOUR, [NOW + 24 * HOUR]]);
    await keep(s, undefined);
    expect([await endOf(s, gone), await endsOfMemories(s, gone)]).toEqual(['gone', []]);
    expect([await endOf(s, there), await endsOfMemories(s, there)]).toEqual(['none', [undefined]]);
  });

  it('leaves temporary conversations as they are', async () => {
    const s = space();
    const { conversation } = await s.begin({ isTemporary: true, expiresAt: NOW + 2 * HOUR });
    for (const keepMs of [HOUR, 24 * HOUR, undefined]) {
      await keep(s, keepMs);
      expect(await endOf(s, conversation)).toBe(NOW + 2 * HOUR);
    }
  });

  it('lets a memory keep an earlier end of its own, and none outlive its conversation', async () => {
    const s = space();
    const conversation = await talk(s, [NOW - 3000, NOW - 2000, NOW - 1000], 24 * HOUR);
    const at = NOW - 1000;
    const [first, second] = await s.memories.list(s.call(), { thread: threadOf(s, conversation) }, { limit: 2 });
    await s.memories.update(s.call(), first?.uuid ?? '', { expiresAt: NOW + HOUR, changedBy: 'user_a' });
    await s.memories.update(s.call(), second?.uuid ?? '', { expiresAt: null, changedBy: 'user_a' });
    await keep(s, 48 * HOUR);
    expect(new Set(await endsOfMemories(s, conversation))).toEqual(new Set([NOW + HOUR, at + 48 * HOUR]));
    await keep(s, undefined);
    expect(await endsOfMemories(s, conversation)).toContain(NOW + HOUR);
    await keep(s, HOUR);
    expect(new Set(await endsOfMemories(s, conversation))).toEqual(new Set([at + HOUR]));
  });

  it('works a slice at a time, through many conversations and through one with many memories, and goes on where it was cut off', async () => {
    const s = space();
    const many = await Promise.all(Array.from({ length: 250 }, () => s.begin({}, { now: NOW - HOUR })));
    const long = await talk(s, [NOW - HOUR]);
    const said = Array.from({ length: 1200 }, (_, at) => remembered(threadOf(s, long), at + 2));
    await s.memories.add(s.call(), said);
    const bytes = await s.usedBytes();
    const first = await s.store.keepConversations(s.call(), { keepMs: 2 * HOUR });
    expect(first.done).toBe(false);
    expect(await keep(s, 2 * HOUR)).toBeGreaterThan(2);
    const ends = (await s.conversations()).map(({ expiresAt }) => expiresAt);
    expect([ends.length, new Set(ends)]).toEqual([many.length + 1, new Set([NOW + HOUR])]);
    expect(await s.memories.count(s.call({ now: NOW + HOUR - 1 }), { thread: threadOf(s, long) })).toBe(said.length + 1);
    expect(await s.memories.count(s.call({ now: NOW + HOUR }), { thread: threadOf(s, long) })).toBe(0);
    // Too old: what a slice has hidden must not hide what is left to do.
    await keep(s, HOUR);
    expect([await s.conversations(), await s.memories.count(s.call(), { thread: threadOf(s, long) })]).toEqual([[], 0]);
    expect(await s.usedBytes()).toBe(bytes);
  });

  it('is done with a space that holds nothing', async () => {
    const s = space();
    expect(await s.store.keepConversations(s.call(), { keepMs: HOUR })).toEqual({ done: true });
    expect(await s.usedBytes()).toBe(0);
  });
}
