import { expect, it } from 'vitest';
import { formatRecordId } from '../../kernel/ids.ts';
import { type ConversationStoreHarness, ConversationSpace, LEASE_MS, OWNER, remembered } from './conversation-store-fixture.ts';
import { NOW } from './memory-store-fixture.ts';

const INTERRUPTED = { state: 'failed', error: { code: 'overloaded', message: expect.stringMatching(/^interrupted/) as string } };

/** What goes: conversations that are deleted or expire, and turns whose owner is gone. */
export function upkeepContract(harness: () => ConversationStoreHarness): void {
  const space = (): ConversationSpace => new ConversationSpace(harness());
  const ref = { kind: 'key', key: 'k' } as const;

  it('deletes a conversation in slices, with its turns and the memories of its thread, and nothing else', async () => {
    const s = space();
    const kept = await s.exchange('kept', 'kept', {}, { memories: [remembered('thread of another', 1)] });
    await s.memories.add(s.call(), [remembered('thread of another', 2)]);
    const before = await s.usedBytes();
    const begun = await Promise.all(Array.from({ length: 130 }, (_, at) => s.begin({ ref, userText: `q${at}` })));
    const ends = begun.map((turn) => s.end(turn, { answer: 'ä', memories: [remembered('t', turn.number, { tags: ['tag'] })] }));
    await Promise.all(ends);
    const { conversation } = begun[0] ?? kept;
    const total = { turns: 0, memories: 0, freedBytes: 0, calls: 0 };
    for (let isDone = false; !isDone;) {
      const slice = await s.store.removeConversation(s.call(), conversation, 't');
      if (slice === undefined) throw new Error('it was gone before it was done');
      isDone = slice.done;
      total.calls++;
      for (const field of ['turns', 'memories', 'freedBytes'] as const) total[field] += slice[field];
      expect(await s.bytesOff()).toBe(0);
    }
    expect(total).toMatchObject({ turns: 130, memories: 130 });
    expect(total.calls).toBeGreaterThan(1);
    expect(await s.usedBytes()).toBe(before);
    expect(await s.store.removeConversation(s.call(), conversation, 't')).toBeUndefined();
    expect([await s.thread('t'), await s.turns(conversation), await s.store.turn(s.call(), begun[0]?.uuid ?? '')]).toEqual([[], [], undefined]);
    expect((await s.conversations()).map(({ uuid }) => uuid)).toEqual([kept.conversation]);
    expect(await s.thread('thread of another')).toHaveLength(2);
    expect(await s.begin({ ref })).toMatchObject({ number: 1 });
    expect(await s.store.turn(s.call(), kept.uuid)).toMatchObject({ answer: 'kept' });
  });

  it('lets a deleted conversation’s turn end nowhere', async () => {
    const s = space();
    const begun = await s.begin();
    expect(await s.store.removeConversation(s.call(), begun.conversation, 't')).toMatchObject({ done: true, turns: 1 });
    expect(await s.end(begun, { memories: [remembered('t', 1)], tokens: { input: 1, output: 1 } })).toBeUndefined();
    expect([await s.usedBytes(), await s.thread('t')]).toEqual([0, []]);
  });

  it('shows an expired conversation to nobody, and its key is free', async () => {
    const s = space();
    const expiresAt = NOW + 1000;
    const old = await s.exchange('q', 'a', { ref, expiresAt, title: 'goes' }, { history: 'h' });
    expect(await s.begin({ ref })).toMatchObject({ conversation: old.conversation });
    const then = { now: expiresAt };
    expect(await s.store.conversation(s.call({ now: expiresAt - 1 }), old.conversation)).toMatchObject({ expiresAt });
    expect(await s.store.conversation(s.call(then), old.conversation)).toBeUndefined();
    expect(await s.store.turn(s.call(then), old.uuid)).toBeUndefined();
    expect([await s.conversations(then), await s.turns(old.conversation, then)]).toEqual([[], []]);
    expect(await s.store.exchanges(s.call(then), old.conversation, 9, 999)).toEqual([]);
    expect(await s.store.conversationOf(s.call(then), 'user_a', 'k')).toBeUndefined();
    expect(await s.store.removeConversation(s.call(then), old.conversation, 't')).toBeUndefined();
    await expect(s.begin({ ref: { kind: 'id', uuid: old.conversation } }, then)).rejects.toMatchObject({ code: 'not_found' });
    expect((await s.begin({ ref: { kind: 'history', hash: 'h' } }, then)).conversation).not.toBe(old.conversation);
    const anew = await s.begin({ ref, title: 'stays' }, then);
    expect(anew).toMatchObject({ number: 1, addedBytes: Buffer.byteLength('a questionstays') - Buffer.byteLength('goesqaa question') });
    expect(anew.conversation).not.toBe(old.conversation);
    expect(await s.store.conversation(s.call(then), anew.conversation)).not.toHaveProperty('expiresAt');
    expect(await s.bytesOff()).toBe(0);
  });

  it('keeps a conversation longer with each message, but a temporary one', async () => {
    const s = space();
    const end = async (turn: { readonly conversation: string }) => (await s.store.conversation(s.call(), turn.conversation))?.expiresAt;
    const usual = await s.begin({ expiresAt: NOW + 1000 });
    const temporary = await s.begin({ isTemporary: true, expiresAt: NOW + 1000 });
    const forEver = await s.begin();
    expect([usual.isTemporary, temporary.isTemporary]).toEqual([false, true]);
    const goOn = (turn: { readonly conversation: string }, keepUntil?: number) =>
      s.begin({ ref: { kind: 'id', uuid: turn.conversation }, isTemporary: true, ...(keepUntil === undefined ? {} : { keepUntil }) });
    for (const turn of [usual, temporary, forEver]) expect((await goOn(turn)).isTemporary).toBe(turn.isTemporary);
    expect([await end(usual), await end(temporary), await end(forEver)]).toEqual([NOW + 1000, NOW + 1000, undefined]);
    for (const turn of [usual, temporary, forEver]) await goOn(turn, NOW + 5000);
    expect([await end(usual), await end(temporary), await end(forEver)]).toEqual([NOW + 5000, NOW + 1000, NOW + 5000]);
  });

  it('keeps what is remembered of a conversation as long as the conversation itself', async () => {
    const s = space();
    const { conversation } = await s.begin();
    const thread = formatRecordId({ kind: 'conv', space: s.key, uuid: conversation });
    const goOn = async (keepUntil: number, place: number) => {
      const turn = await s.begin({ ref: { kind: 'id', uuid: conversation }, keepUntil });
      await s.end(turn, { memories: [remembered(thread, place)] });
    };
    const ends = async () => (await s.memories.list(s.call(), { thread }, { limit: 10 })).map(({ expiresAt }) => expiresAt);
    await goOn(NOW + 1000, 1);
    expect(await ends()).toEqual([NOW + 1000]);
    await goOn(NOW + 5000, 2);
    expect(await ends()).toEqual([NOW + 5000, NOW + 5000]);
  });

  it('sweeps conversations that have expired, a slice at a time, and says when there will be more', async () => {
    const s = space();
    const made = await Promise.all([1, 2, 3].map((at) => s.exchange(`q${at}`, 'a', { expiresAt: NOW + at * 1000 })));
    const kept = await s.exchange('kept', 'a');
    const sweep = (now: number, limit = 10) => s.store.sweep(s.call({ now }), { limit });
    expect(await sweep(NOW)).toEqual({ interrupted: 0, removed: 0, freedBytes: 0, nextAt: NOW + 1000 });
    const each = Buffer.byteLength('q1aa title');
    expect(await sweep(NOW + 2000, 1)).toEqual({ interrupted: 0, removed: 1, freedBytes: each, nextAt: NOW + 2000 });
    expect(await sweep(NOW + 2000, 1)).toEqual({ interrupted: 0, removed: 1, freedBytes: each, nextAt: NOW + 3000 });
    expect(new Set((await s.conversations()).map(({ uuid }) => uuid))).toEqual(new Set([made[2]?.conversation, kept.conversation]));
    expect(await sweep(NOW + 3000)).toEqual({ interrupted: 0, removed: 1, freedBytes: each });
    expect(await s.bytesOff()).toBe(0);
  });

  it('ends turns whose lease has passed, keeping what was saved of them', async () => {
    const s = space();
    const [late, early, ended] = [await s.begin({ ref }), await s.begin({ ref }), await s.exchange('q', 'a', { ref })];
    const half = 'half än answer';
    await s.store.saveTurn(s.call(), { uuid: late.uuid, owner: OWNER, leaseUntil: NOW + 2 * LEASE_MS, answer: half });
    const sweep = (now: number) => s.store.sweep(s.call({ now }), { limit: 10 });
    expect(await sweep(NOW)).toMatchObject({ interrupted: 0, nextAt: NOW + LEASE_MS });
    expect(await sweep(NOW + LEASE_MS)).toMatchObject({ interrupted: 1, freedBytes: 0, nextAt: NOW + 2 * LEASE_MS });
    expect(await s.store.turn(s.call(), early.uuid)).toMatchObject({ ...INTERRUPTED, endedAt: NOW + LEASE_MS, userText: 'a question' });
    expect(await sweep(NOW + 2 * LEASE_MS)).toEqual({ interrupted: 1, removed: 0, freedBytes: -Buffer.byteLength(half) });
    expect(await s.store.turn(s.call(), late.uuid)).toMatchObject({ ...INTERRUPTED, answer: half });
    expect(await s.end(late)).toBeUndefined();
    expect(await s.store.turn(s.call(), ended.uuid)).toMatchObject({ state: 'done' });
    expect(await s.bytesOff()).toBe(0);
  });

  it('ends at once what another owner left running, a slice at a time', async () => {
    const s = space();
    const left = await Promise.all([1, 2, 3].map(() => s.begin({ ref, owner: 'run_0' })));
    const own = await s.begin({ ref });
    const sweep = (limit: number) => s.store.sweep(s.call(), { owner: OWNER, limit });
    expect([(await sweep(2)).interrupted, (await sweep(2)).interrupted, (await sweep(2)).interrupted]).toEqual([2, 1, 0]);
    for (const { uuid } of left) expect(await s.store.turn(s.call(), uuid)).toMatchObject(INTERRUPTED);
    expect(await s.end(own)).toBeDefined();
    expect(await s.end(left[0] ?? own, { owner: 'run_0' })).toBeUndefined();
    expect(await s.bytesOff()).toBe(0);
  });
}
