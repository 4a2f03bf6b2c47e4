import { expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { type ConversationStoreHarness, ConversationSpace, LEASE_MS, newTurn, OWNER, remembered } from './conversation-store-fixture.ts';
import { NOW, uuid } from './memory-store-fixture.ts';

const ODD = 'Zoë said: "naïve" 东京 \u0000 🦉 \u2028\r\n';

/** One turn: where it belongs, whose it is, how it ends. */
export function turnsContract(harness: () => ConversationStoreHarness): void {
  const space = (): ConversationSpace => new ConversationSpace(harness());

  it('gives back a turn as it was begun, saved and ended, to the letter', async () => {
    const s = space();
    const begun = await s.begin({ userText: ODD, title: 'Zoë' });
    expect(begun).toMatchObject({ number: 1, isTemporary: false, lastAnswered: 0, addedBytes: Buffer.byteLength(`${ODD}Zoë`) });
    const { uuid: id, conversation } = begun;
    const queued = {
      uuid: id,
      conversation,
      number: 1,
      userText: ODD,
      answer: '',
      steps: [],
      recalled: [],
      tokens: { input: 0, output: 0 },
      createdAt: NOW,
    };
    expect(await s.store.turn(s.call(), id)).toEqual({ ...queued, state: 'queued' });

    expect(await s.store.saveTurn(s.call({ now: NOW + 5 }), { uuid: id, owner: OWNER, leaseUntil: NOW + LEASE_MS, answer: 'half' })).toBe(true);
    expect(await s.store.turn(s.call(), id)).toEqual({ ...queued, state: 'running', startedAt: NOW + 5, answer: 'half' });
    expect(await s.bytesOff()).toBe(0);

    const end = {
      state: 'failed',
      answer: ODD,
      steps: [{ call: { id: 't1', name: 'retrieve_memory', arguments: '{"query":"tea"}' }, result: ODD }],
      model: 'tiny',
      finishReason: 'length',
      error: { code: 'upstream_failed', message: ODD },
      recalled: ['mem_1', 'mem_2'],
      tokens: { input: 11, output: 7 },
      startedAt: NOW + 3,
    } as const;
    const ended = await s.end(begun, end, { now: NOW + 9 });
    expect(ended?.addedBytes).toBe(Buffer.byteLength(ODD + JSON.stringify(end.steps)));
    expect(await s.store.turn(s.call(), id)).toEqual({ ...queued, ...end, endedAt: NOW + 9 });
    expect(await s.conversations()).toEqual([{ uuid: conversation, title: 'Zoë', createdAt: NOW, lastAt: NOW + 9, turns: 1 }]);
    expect(await s.bytesOff()).toBe(0);
  });

  it('reads an unmade space as empty and makes nothing there', async () => {
    const s = space();
    const id = uuid();
    expect([await s.store.turn(s.call(), id), await s.store.conversation(s.call(), id)]).toEqual([undefined, undefined]);
    expect([await s.conversations(), await s.turns(id), await s.store.exchanges(s.call(), id, 9, 9999)]).toEqual([[], [], []]);
    expect(await s.store.conversationOf(s.call(), 'user_a', '')).toBeUndefined();
    expect(await s.store.tokensSpent(s.call(), 'user_a', 1)).toBe(0);
    expect(await s.store.saveTurn(s.call(), { uuid: id, owner: OWNER, leaseUntil: NOW, answer: '' })).toBe(false);
    expect([await s.end({ uuid: id }), await s.store.removeConversation(s.call(), id, 't')]).toEqual([undefined, undefined]);
    expect(await s.store.sweep(s.call(), { limit: 10 })).toEqual({ interrupted: 0, removed: 0, freedBytes: 0 });
    expect((await s.memories.stats(s.call())).fileBytes).toBe(0);
  });

  it('makes a conversation for each new turn, and one for each key of an author', async () => {
    const s = space();
    const [one, two] = [await s.begin(), await s.begin()];
    expect(one.conversation).not.toBe(two.conversation);
    const key = { kind: 'key', key: ODD } as const;
    const first = await s.begin({ ref: key, title: 'first' });
    const second = await s.begin({ ref: key, title: 'never seen' });
    expect(second).toMatchObject({ conversation: first.conversation, number: 2, addedBytes: Buffer.byteLength('a question') });
    const other = await s.begin({ ref: key, author: 'user_b' });
    const standing = await s.begin({ ref: { kind: 'key', key: '' } });
    expect(new Set([first, other, standing, one].map(({ conversation }) => conversation)).size).toBe(4);
    expect(await s.store.conversationOf(s.call(), 'user_a', ODD)).toMatchObject({
      uuid: first.conversation,
      clientKey: ODD,
      title: 'first',
      turns: 2,
    });
    expect(await s.store.conversationOf(s.call(), 'user_b', ODD)).toMatchObject({ uuid: other.conversation });
    expect(await s.store.conversationOf(s.call(), 'user_b', '')).toBeUndefined();
  });

  it('of many that begin under one key at once makes one conversation, and numbers them without a gap', async () => {
    const s = space();
    const begun = await Promise.all(Array.from({ length: 12 }, () => s.begin({ ref: { kind: 'key', key: 'same' } })));
    expect(new Set(begun.map(({ conversation }) => conversation)).size).toBe(1);
    expect(begun.map(({ number }) => number)).toEqual(begun.map((_, at) => at + 1));
  });

  it('goes on with a conversation by its id, and refuses one that is not there', async () => {
    const s = space();
    const first = await s.begin();
    const again = await s.begin({ ref: { kind: 'id', uuid: first.conversation } });
    expect(again).toMatchObject({ conversation: first.conversation, number: 2 });
    await expect(s.begin({ ref: { kind: 'id', uuid: uuid() } })).rejects.toMatchObject({ code: 'not_found' });
    expect(await s.conversations()).toHaveLength(1);
    const elsewhere = space();
    await elsewhere.begin();
    await expect(elsewhere.begin({ ref: { kind: 'id', uuid: first.conversation } })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('finds a conversation by how it has gone: the latest that went so, and only the author’s own', async () => {
    const s = space();
    const history = 'hash of two messages';
    const first = await s.exchange('hi', 'hello', {}, { history });
    const ref = { kind: 'history', hash: history } as const;
    expect((await s.begin({ ref, author: 'user_b' })).conversation).not.toBe(first.conversation);
    const later = await s.exchange('hi', 'hello', {}, { history });
    expect(await s.begin({ ref })).toMatchObject({ conversation: later.conversation, number: 2 });
    expect((await s.begin({ ref: { kind: 'history', hash: 'another' } })).number).toBe(1);
  });

  it('says which turn before it was answered last', async () => {
    const s = space();
    const ref = { kind: 'key', key: 'k' } as const;
    await s.exchange('one', 'answered', { ref });
    await s.exchange('two', 'stopped', { ref }, { state: 'stopped' });
    await s.exchange('three', '', { ref }, { state: 'failed', error: { code: 'timed_out', message: 'm' } });
    await s.begin({ ref });
    expect(await s.begin({ ref })).toMatchObject({ number: 5, lastAnswered: 2 });
  });

  it('lets only its owner write a turn, and nobody once it has ended', async () => {
    const s = space();
    const begun = await s.begin();
    const save = { uuid: begun.uuid, owner: 'run_2', leaseUntil: NOW + 1, answer: 'stolen' };
    expect(await s.store.saveTurn(s.call(), save)).toBe(false);
    expect(await s.end(begun, { owner: 'run_2', answer: 'stolen', memories: [remembered('t', 1)] })).toBeUndefined();
    expect(await s.store.turn(s.call(), begun.uuid)).toMatchObject({ state: 'queued', answer: '' });
    expect(await s.end(begun, { answer: 'the one' })).toBeDefined();
    expect(await s.end(begun, { answer: 'another', tokens: { input: 5, output: 5 }, memories: [remembered('t', 1)] })).toBeUndefined();
    expect(await s.store.saveTurn(s.call(), { ...save, owner: OWNER })).toBe(false);
    expect(await s.store.turn(s.call(), begun.uuid)).toMatchObject({ state: 'done', answer: 'the one' });
    expect([await s.thread('t'), await s.store.tokensSpent(s.call(), 'user_a', 20_000)]).toEqual([[], 0]);
    expect(await s.bytesOff()).toBe(0);
  });

  it('ends a turn and stores what is remembered of it together', async () => {
    const s = space();
    const begun = await s.begin();
    const before = await s.usedBytes();
    const ended = await s.end(begun, { memories: [remembered('conv', 1, { content: 'the heron sleeps' })], tokens: { input: 3, output: 4 } });
    expect(await s.usedBytes()).toBe(before + (ended?.addedBytes ?? NaN));
    expect(await s.thread('conv')).toEqual(['the heron sleeps']);
    expect((await s.memories.search(s.call(), { query: 'heron', filter: {}, limit: 5 })).hits).toHaveLength(1);
    expect(await s.store.tokensSpent(s.call(), 'user_a', 20_000)).toBe(7);
    expect(await s.bytesOff()).toBe(0);
  });

  it('stores the end of a turn also when somebody has put another memory in its place', async () => {
    const s = space();
    const begun = await s.begin();
    await s.memories.add(s.call(), [remembered('conv', 1, { content: 'was here before' })]);
    expect(await s.end(begun, { answer: 'said', memories: [remembered('conv', 1, { content: 'of the exchange' })] })).toBeDefined();
    expect(await s.store.turn(s.call(), begun.uuid)).toMatchObject({ state: 'done', answer: 'said' });
    expect((await s.thread('conv')).toSorted()).toEqual(['of the exchange', 'was here before']);
    expect(await s.bytesOff()).toBe(0);
  });

  it('writes nothing when aborted before', async () => {
    const s = space();
    const begun = await s.begin();
    const call = s.call({ signal: AbortSignal.abort(new PolymniaError('timed_out', 'too late')) });
    const late = { code: 'timed_out' };
    await expect(s.store.beginTurn(call, newTurn())).rejects.toMatchObject(late);
    await expect(s.end(begun, { memories: [remembered('t', 1)] }, call)).rejects.toMatchObject(late);
    await expect(s.store.removeConversation(call, begun.conversation, 't')).rejects.toMatchObject(late);
    await expect(s.store.spendTokens(call, { author: 'user_a', day: 20_000, tokens: 5 })).rejects.toMatchObject(late);
    expect(await s.turns(begun.conversation)).toMatchObject([{ state: 'queued' }]);
    expect([(await s.conversations()).length, await s.store.tokensSpent(s.call(), 'user_a', 20_000), await s.thread('t')]).toEqual([1, 0, []]);
    expect(await s.bytesOff()).toBe(0);
  });

  it('begins one turn for one idempotency key, and refuses another input under it', async () => {
    const s = space();
    const idempotency = { user: 'user_a', operation: 'chat', key: 'k1', inputHash: 'h1' };
    const first = await s.begin({}, { idempotency });
    expect(await s.begin({ userText: 'never stored' }, { idempotency })).toEqual(first);
    await expect(s.begin({}, { idempotency: { ...idempotency, inputHash: 'h2' } })).rejects.toMatchObject({ code: 'conflict' });
    expect((await s.begin({}, { idempotency: { ...idempotency, user: 'user_b' } })).conversation).not.toBe(first.conversation);
    const twins = { ...idempotency, key: 'k2' };
    const [one, two] = await Promise.all([s.begin({}, { idempotency: twins }), s.begin({}, { idempotency: twins })]);
    expect(two).toEqual(one);
    expect(await s.conversations()).toHaveLength(3);
    expect(await s.bytesOff()).toBe(0);
  });

  it('counts tokens by author and day, those of turns and others, and forgets old days', async () => {
    const s = space();
    await s.exchange('q', 'a', {}, { day: 100, tokens: { input: 10, output: 5 } });
    await Promise.all([1, 2, 3].map((tokens) => s.store.spendTokens(s.call(), { author: 'user_a', day: 100, tokens })));
    await s.store.spendTokens(s.call(), { author: 'user_b', day: 100, tokens: 50 });
    await s.store.spendTokens(s.call(), { author: 'user_a', day: 101, tokens: 7 });
    const spent = (author: string, day: number): Promise<number> => s.store.tokensSpent(s.call(), author, day);
    expect([await spent('user_a', 100), await spent('user_b', 100), await spent('user_a', 101), await spent('user_b', 101)]).toEqual([21, 50, 7, 0]);
    await s.store.spendTokens(s.call(), { author: 'user_a', day: 200, tokens: 1 });
    expect([await spent('user_a', 100), await spent('user_b', 100), await spent('user_a', 200)]).toEqual([0, 50, 1]);
    expect(await s.bytesOff()).toBe(0);
  });
}
