import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MemoryHarness, openMemoryHarness, personalSpace } from '../../../test/support/memory-harness.ts';
import { storeCall } from '../../../test/support/storage.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { SpaceAccess } from '../../kernel/operation.ts';
import { newTurn } from '../../storage/contract/conversation-store-fixture.ts';
import { createSqliteConversationStore } from '../../storage/sqlite/sqlite-conversation-store.ts';
import { Retention } from './retention.ts';
import type { ConversationStore } from './store.ts';

const HOUR = 3_600_000;
const SPACE = personalSpace('ann');
/** Whatever is done to it has time to be done to the first one meanwhile. */
const OTHER = personalSpace('ben');

let harness: MemoryHarness;
let clock: ManualClock;
let store: ConversationStore;
/** What identity says of the space; undefined = there is none. */
let found: SpaceAccess | undefined;
let dropped: string[];

beforeEach(async () => {
  clock = new ManualClock();
  harness = await openMemoryHarness({ clock });
  store = createSqliteConversationStore(harness.files);
  found = SPACE;
  dropped = [];
});
afterEach(() => harness[Symbol.asyncDispose]());

const set = (conversationRetention: number | undefined): void => {
  found = { ...SPACE, ...(conversationRetention === undefined ? {} : { conversationRetention }) };
};

function retentionOf(serverMs: number, keepConversations: ConversationStore['keepConversations'] = store.keepConversations): Retention {
  const shortTerm = { drop: async (space: string) => void dropped.push(space) };
  const account = async (key: string): Promise<SpaceAccess | undefined> => found && { ...found, key };
  return new Retention({ store: { keepConversations }, shortTerm, authority: { account }, marks: harness.marks, clock, serverMs });
}

const call = () => storeCall(SPACE.key, 'usr_ann', { now: clock.now() });

/** A turn's first write, as the retention has it; answers with its conversation. */
async function begin(keepMs: number | undefined): Promise<string> {
  const keepUntil = keepMs === undefined ? {} : { keepUntil: clock.now() + keepMs };
  return (await store.beginTurn(call(), newTurn({ space: SPACE.key, ...keepUntil }))).conversation;
}

/** How long the conversation is kept from now on. */
async function keptFor(conversation: string): Promise<number | undefined> {
  const stored = await store.conversation(call(), conversation);
  return stored?.expiresAt === undefined ? undefined : stored.expiresAt - clock.now();
}

describe('how long a conversation is kept', () => {
  it.each([
    [undefined, 0, undefined],
    [HOUR, 0, HOUR],
    [undefined, 2 * HOUR, 2 * HOUR],
    [HOUR, 2 * HOUR, HOUR],
    [3 * HOUR, 2 * HOUR, 2 * HOUR],
  ])('with %s of the space and %s of the server is %s', async (own, serverMs, expected) => {
    set(own);
    const retention = retentionOf(serverMs);
    expect(await retention.write(SPACE.key, async (keepMs) => keepMs)).toBe(expected);
    const conversation = await begin(undefined);
    await retention.change(SPACE.key);
    expect(await keptFor(conversation)).toBe(expected);
  });

  it('is nothing to say of a space that is gone', async () => {
    found = undefined;
    const retention = retentionOf(0);
    expect(await retention.write(SPACE.key, async (keepMs) => keepMs)).toBeUndefined();
    await retention.change(SPACE.key);
    expect(dropped).toEqual([]);
  });
});

describe('a change', () => {
  it('waits for the turns that knew nothing of it and moves what they wrote; those that come later know', async () => {
    const moved: string[] = [];
    const retention = retentionOf(0, (storeCalled, keep) => {
      moved.push(storeCalled.space);
      return store.keepConversations(storeCalled, keep);
    });
    const asked = Promise.withResolvers<void>();
    const mayWrite = Promise.withResolvers<void>();
    const early = retention.write(SPACE.key, async (keepMs) => {
      asked.resolve();
      await mayWrite.promise;
      return await begin(keepMs);
    });
    await asked.promise;
    set(HOUR);
    const changed = retention.change(SPACE.key);
    const late = retention.write(SPACE.key, begin);
    await retention.change(OTHER.key);
    expect(moved).toEqual([OTHER.key]);
    mayWrite.resolve();
    await changed;
    expect([await keptFor(await early), await keptFor(await late)]).toEqual([HOUR, HOUR]);
  });

  it('is carried out after the one before it, so that the last one counts', async () => {
    const conversation = await begin(undefined);
    const reached = Promise.withResolvers<void>();
    const mayGoOn = Promise.withResolvers<void>();
    const retention = retentionOf(0, async (storeCalled, keep) => {
      reached.resolve();
      if (keep.keepMs === HOUR) await mayGoOn.promise;
      return await store.keepConversations(storeCalled, keep);
    });
    set(HOUR);
    const first = retention.change(SPACE.key);
    await reached.promise;
    set(2 * HOUR);
    const second = retention.change(SPACE.key);
    const background = retention.apply(SPACE.key, { signal: new AbortController().signal, deadlineAt: Infinity });
    await retention.change(OTHER.key);
    mayGoOn.resolve();
    await Promise.all([first, second, background]);
    expect(await keptFor(conversation)).toBe(2 * HOUR);
  });

  it('has background work look for what has to go, and empties what is kept at hand', async () => {
    set(HOUR);
    await retentionOf(0).change(SPACE.key);
    for (const kind of ['turns', 'expire'] as const) expect(await harness.work.due(clock.now(), 10, kind)).toMatchObject([{ space: SPACE.key }]);
    expect(dropped).toEqual([SPACE.key]);
  });

  it('that could not be carried out says that it is set, and why not all follow yet', async () => {
    const failing = retentionOf(0, () => Promise.reject(new PolymniaError('storage_unavailable', 'The disk is full.')));
    await expect(failing.change(SPACE.key)).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringMatching(/^The retention is set, .* The disk is full\.$/) as string,
    });
    const reached = Promise.withResolvers<void>();
    const mayGoOn = Promise.withResolvers<{ readonly done: boolean }>();
    const slow = retentionOf(0, () => {
      reached.resolve();
      return mayGoOn.promise;
    });
    const late = slow.change(SPACE.key);
    await reached.promise;
    clock.advance(20_000);
    mayGoOn.resolve({ done: false });
    await expect(late).rejects.toMatchObject({ code: 'timed_out' });
  });
});
