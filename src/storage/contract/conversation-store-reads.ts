import { expect, it } from 'vitest';
import { type ConversationStoreHarness, ConversationSpace } from './conversation-store-fixture.ts';
import { NOW } from './memory-store-fixture.ts';

/** Many turns and conversations: windows and pages. */
export function readsContract(harness: () => ConversationStoreHarness): void {
  const space = (): ConversationSpace => new ConversationSpace(harness());
  const ref = { kind: 'key', key: 'k' } as const;

  it('shows the newest finished exchanges before a turn, oldest first, as many as fit', async () => {
    const s = space();
    const step = { call: { id: 't', name: 'store_memory', arguments: '{}' }, result: '{}' };
    const { conversation } = await s.exchange('q1', 'a1', { ref });
    await s.exchange('q2', '', { ref }, { state: 'failed', error: { code: 'internal', message: 'm' } });
    await s.exchange('q3', 'ä3', { ref }, { state: 'stopped', steps: [step] });
    await s.begin({ ref });
    await s.exchange('q5', 'a5', { ref });
    await s.exchange('elsewhere', 'no', { ref: { kind: 'new' } });
    const [one, three, five] = [
      { turn: 1, user: 'q1', assistant: 'a1', steps: [] },
      { turn: 3, user: 'q3', assistant: 'ä3', steps: [step] },
      { turn: 5, user: 'q5', assistant: 'a5', steps: [] },
    ];
    const window = (before: number, maxBytes: number) => s.store.exchanges(s.call(), conversation, before, maxBytes);
    expect(await window(6, 10_000)).toEqual([one, three, five]);
    expect(await window(5, 10_000)).toEqual([one, three]);
    expect(await window(1, 10_000)).toEqual([]);
    const bytesOfThree = Buffer.byteLength(`q3ä3${JSON.stringify([step])}`);
    expect(await window(6, 4 + bytesOfThree)).toEqual([three, five]);
    expect(await window(6, 3 + bytesOfThree)).toEqual([five]);
    expect(await window(6, 3)).toEqual([]);
  });

  it('pages turns in order after a number', async () => {
    const s = space();
    const [first] = await Promise.all(Array.from({ length: 5 }, (_, at) => s.begin({ ref, userText: `q${at + 1}` })));
    const page = async (after: number, limit: number) =>
      (await s.store.turns(s.call(), first?.conversation ?? '', { after, limit })).map(({ number, userText }) => [number, userText]);
    expect([await page(0, 2), await page(2, 2), await page(4, 2), await page(5, 2)]).toEqual([
      [
        [1, 'q1'],
        [2, 'q2'],
      ],
      [
        [3, 'q3'],
        [4, 'q4'],
      ],
      [[5, 'q5']],
      [],
    ]);
  });

  it('pages conversations, latest first, equal times too; a new message moves its conversation to the front', async () => {
    const s = space();
    const made = [];
    for (const at of [3, 1, 1, 1, 2]) made.push((await s.begin({}, { now: NOW + at })).conversation);
    const walk = async (): Promise<readonly string[]> => {
      const found: string[] = [];
      for (let after: { lastAt: number; uuid: string } | undefined; ;) {
        const page = await s.store.conversations(s.call(), { limit: 2, ...(after === undefined ? {} : { after }) });
        found.push(...page.map(({ uuid }) => uuid));
        const last = page.at(-1);
        if (page.length < 2 || last === undefined) return found;
        after = { lastAt: last.lastAt, uuid: last.uuid };
      }
    };
    const order = (await s.conversations()).map(({ uuid }) => uuid);
    expect([order[0], order[1], new Set(order.slice(2))]).toEqual([made[0], made[4], new Set([made[1], made[2], made[3]])]);
    expect(await walk()).toEqual(order);
    const moved = made[2] ?? '';
    await s.begin({ ref: { kind: 'id', uuid: moved } }, { now: NOW + 4 });
    expect(await walk()).toEqual([moved, ...order.filter((uuid) => uuid !== moved)]);
    // A clock that was set back takes nothing from its place.
    await s.begin({ ref: { kind: 'id', uuid: moved } }, { now: NOW - 9 });
    expect((await s.conversations())[0]).toMatchObject({ uuid: moved, lastAt: NOW + 4, turns: 3 });
  });

  it('keeps spaces apart on every path', async () => {
    const [mine, theirs] = [space(), space()];
    const { uuid, conversation } = await theirs.exchange('q', 'a', { ref }, { history: 'h' });
    await mine.exchange('mine', 'mine', { ref: { kind: 'key', key: 'another' } });
    expect(await mine.store.turn(mine.call(), uuid)).toBeUndefined();
    expect(await mine.store.conversation(mine.call(), conversation)).toBeUndefined();
    expect(await mine.store.conversationOf(mine.call(), 'user_a', 'k')).toBeUndefined();
    expect([await mine.turns(conversation), await mine.store.exchanges(mine.call(), conversation, 9, 999)]).toEqual([[], []]);
    expect((await mine.begin({ ref: { kind: 'history', hash: 'h' } })).number).toBe(1);
    expect(await mine.store.removeConversation(mine.call(), conversation, 't')).toBeUndefined();
    expect(await theirs.turns(conversation)).toMatchObject([{ userText: 'q', answer: 'a' }]);
  });
}
