import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { echo, echoing, post, windowOf } from '../support/chat-kit.ts';
import { eventually } from '../support/leaks.ts';
import { type ModelServer, openModelServer } from '../support/model-server.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Citizen, openTown, type Town, type TownOptions } from '../support/town.ts';
import type { Caller } from '../support/wire.ts';

const HOUR = 3_600_000;
const OLD = 'The heron lives on the pier.';
const QUERY = 'Where is the heron?';

let model: ModelServer;
/** Milliseconds by which the server's wall clock is ahead of ours. */
let ahead: number;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };

beforeEach(async () => {
  ahead = 0;
  model = await openModelServer(echoing);
});
afterEach(() => model[Symbol.asyncDispose]());

/** A town whose sweeper comes once an hour of ours, so never, unless it is told otherwise. */
function open(settings: TownOptions['settings'] = {}, dataDir?: string): Promise<Town> {
  const kept = { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], CHAT_RECALL_TIMEOUT: 20_000, SWEEP_INTERVAL: HOUR, ...settings };
  return openTown({ settings: kept, overrides: { clock }, ...(dataDir === undefined ? {} : { dataDir }) });
}

async function statuses(calls: readonly Promise<{ readonly status: number }>[]): Promise<readonly number[]> {
  return (await Promise.all(calls)).map(({ status }) => status);
}

/** How long the conversation is kept after its last message, in whole seconds; undefined = for ever. */
async function keptFor(town: Town, caller: Caller, id: unknown): Promise<number | undefined> {
  const { lastAt, expiresAt } = (await town.done(caller, 'get_conversation', { id })) as { lastAt: string; expiresAt?: string };
  return expiresAt === undefined ? undefined : Math.round((Date.parse(expiresAt) - Date.parse(lastAt)) / 60_000) * 60_000;
}

describe('how long a space keeps its conversations', () => {
  it('[conversation-retention] holds for those there are when it is said, at every door, with no sweep between', async () => {
    await using town = await open();
    const ann = await town.citizen('ann');
    const told = [{ role: 'user', content: 'Talk of herons.' }];
    const completion = async (messages: readonly object[]): Promise<string> => {
      const answer = (await (await post(town, ann, '/v1/chat/completions', { messages })).json()) as { polymnia: { conversation: string } };
      return answer.polymnia.conversation;
    };
    const standing = await town.done(ann, 'chat', { message: 'The heron is grey.', standing: true });
    const named = await town.done(ann, 'chat', { message: OLD, conversation: 'birds' }, { headers: { 'idempotency-key': 'k' } });
    const whole = await completion(told);
    await town.done(ann, 'store_memory', { content: 'Herons noted apart.' });
    const [exchange] = (await town.done(ann, 'search_memory', { type: 'conversation', limit: 1 }))['results'] as { id: string }[];
    ahead = 2 * HOUR;
    const fresh = await town.done(ann, 'chat', { message: 'The ferry leaves at nine.', conversation: 'ferries' });
    expect(fresh['recall']).toMatchObject({ state: 'done' });
    expect((await town.done(ann, 'list_conversations'))['conversations']).toHaveLength(4);

    await town.done(ann, 'update_space', { spaceId: ann.personal, conversationRetention: HOUR });

    expect((await town.done(ann, 'list_conversations'))['conversations']).toMatchObject([{ id: fresh['conversation'] }]);
    for (const { conversation, turn } of [standing, named, { conversation: whole, turn: named['turn'] }]) {
      const gone = [
        town.rest(ann, 'get_conversation', { id: conversation }),
        town.rest(ann, 'get_turn', { id: turn }),
        town.rest(ann, 'stop_turn', { id: turn }),
        town.rest(ann, 'chat', { message: QUERY, conversation }),
        town.rest(ann, 'get_context', { query: QUERY, conversation }),
        town.rest(ann, 'delete_conversation', { id: conversation }),
      ];
      expect(await statuses(gone)).toEqual(gone.map(() => 404));
    }
    const more = [
      town.rest(ann, 'get_memory', { id: exchange?.id }),
      town.rest(ann, 'get_context', { query: QUERY, conversation: 'birds' }),
      town.rest(ann, 'chat', { message: OLD, conversation: 'birds' }, { headers: { 'idempotency-key': 'k' } }),
    ];
    expect(await statuses(more)).toEqual([404, 404, 404]);
    const left = [
      await town.done(ann, 'get_context', { query: QUERY }),
      await town.done(ann, 'retrieve_memory', { query: QUERY }),
      await town.done(ann, 'search_memory', { limit: 100 }),
      await town.exported(ann),
    ].map((answer) => JSON.stringify(answer));
    for (const text of left) expect([text.includes('noted apart'), text.includes('pier'), text.includes('grey')]).toEqual([true, false, false]);

    // Under their names, and for a client that tells it whole, others begin, which know nothing of them.
    for (const input of [{ standing: true }, { conversation: 'birds' }]) {
      const { conversation, recall } = await town.done(ann, 'chat', { message: QUERY, ...input });
      expect([standing['conversation'], named['conversation']]).not.toContain(conversation);
      expect((recall as { memories: unknown[] }).memories.length).toBeLessThanOrEqual(2);
      expect(windowOf(model.calls.at(-1))).toEqual([]);
      expect(JSON.stringify(model.calls.at(-1)?.body)).not.toMatch(/pier|grey/);
    }
    const again = [...told, { role: 'assistant', content: echo('Talk of herons.') }, { role: 'user', content: 'And?' }];
    expect(await completion(again)).not.toBe(whole);
    expect(await keptFor(town, ann, fresh['conversation'])).toBe(HOUR);
  });

  it('[conversation-retention] is the server’s where that is shorter, and keeps longer what is still there', async () => {
    await using town = await open({ CONVERSATION_RETENTION: 3 * HOUR });
    const ann = await town.citizen('ann');
    const say = async (conversation: string): Promise<unknown> =>
      (await town.done(ann, 'chat', { message: `Talk of ${conversation}.`, conversation }))['conversation'];
    const keep = async (conversationRetention: number | null): Promise<unknown> =>
      (await town.done(ann, 'update_space', { spaceId: ann.personal, conversationRetention }))['space'];
    const told = async (): Promise<unknown> => (await town.done(ann, 'list_spaces'))['spaces'];
    const memories = async (): Promise<unknown> => (await town.done(ann, 'memory_stats'))['memories'];
    const [old, temporary] = [await say('herons'), (await town.done(ann, 'chat', { message: 'Psst.', temporary: true }))['conversation']];
    ahead = 1.5 * HOUR;
    const fresh = await say('ferries');
    expect([await keptFor(town, ann, old), await keptFor(town, ann, fresh)]).toEqual([3 * HOUR, 3 * HOUR]);
    for (const [own, expected] of [
      [2 * HOUR, 2 * HOUR],
      [100 * HOUR, 3 * HOUR],
      [2 * HOUR, 2 * HOUR],
      [null, 3 * HOUR],
    ] as const) {
      expect(await keep(own)).toMatchObject(own === null ? { id: ann.personal } : { conversationRetention: own });
      expect([await keptFor(town, ann, old), await keptFor(town, ann, fresh), await memories()]).toEqual([expected, expected, 2]);
    }
    expect(await told()).toEqual([expect.not.objectContaining({ conversationRetention: expect.anything() as unknown })]);
    await keep(HOUR);
    expect(await told()).toMatchObject([{ id: ann.personal, conversationRetention: HOUR }]);
    expect(await keptFor(town, ann, await say('piers'))).toBe(HOUR);
    await keep(null);
    expect([(await town.rest(ann, 'get_conversation', { id: old })).status, await memories()]).toEqual([404, 2]);
    expect(await keptFor(town, ann, fresh)).toBe(3 * HOUR);
    expect(await keptFor(town, ann, await say('piers'))).toBe(3 * HOUR);
    expect(await keptFor(town, ann, temporary)).toBe(24 * HOUR);
  });

  it('[conversation-retention] is said by its owner and by administrators, to everybody else the space is a random one', async () => {
    await using town = await open();
    const [ann, bob, eddy] = [await town.citizen('ann'), await town.citizen('bob'), await town.citizen('eddy')];
    const shared = await town.sharedSpace(ann, 'ours', [[eddy, 'editor']]);
    const { conversation: id } = await town.done(ann, 'chat', { message: OLD });
    ahead = 2 * HOUR;
    const keep = (who: Caller, spaceId: string) => town.rest(who, 'update_space', { spaceId, conversationRetention: HOUR });
    const random = `${ann.personal.slice(0, -4)}0000`;
    for (const [who, spaceId] of [
      [bob, ann.personal],
      [bob, shared],
      [eddy, ann.personal],
    ] as const) {
      const [foreign, none] = [await keep(who, spaceId), await keep(who, random)];
      expect([foreign.status, foreign.problem?.detail]).toEqual([404, none.problem?.detail]);
    }
    const { key: chatOnly } = { key: (await town.keyFor(ann.id, { scopes: ['chat', 'memory:write'] })).secret };
    expect(await statuses([keep(eddy, shared), keep({ key: chatOnly }, ann.personal)])).toEqual([403, 403]);
    expect(await keptFor(town, ann, id)).toBeUndefined();
    expect(await statuses([keep(ann, shared), keep(town.admin, shared), keep(town.admin, ann.personal)])).toEqual([200, 200, 200]);
    expect((await town.rest(ann, 'get_conversation', { id })).status).toBe(404);
  });
});

describe('what is too old', () => {
  const used = async (town: Town, ann: Citizen): Promise<number> =>
    ((await town.done(ann, 'whoami'))['limits'] as { storage: { usedBytes: number } }).storage.usedBytes;

  it('[conversation-retention] is removed by the sweep after it', async () => {
    await using town = await open({ SWEEP_INTERVAL: 50 });
    const ann = await town.citizen('ann');
    await town.done(ann, 'chat', { message: OLD });
    expect(await used(town, ann)).toBeGreaterThan(0);
    ahead = 2 * HOUR;
    await town.done(ann, 'update_space', { spaceId: ann.personal, conversationRetention: HOUR });
    await eventually(async () => expect(await used(town, ann)).toBe(0));
  });

  it('[conversation-retention] goes at the next start when the server died before it had said so to the space', async () => {
    await using folder = await temporaryFolder();
    const town = await open({}, folder.path);
    const ann = await town.citizen('ann');
    const { conversation } = await town.done(ann, 'chat', { message: OLD });
    await town.stop(0);
    {
      // What update_space commits first.
      using database = new DatabaseSync(join(folder.path, 'system.db'));
      database.prepare('update spaces set conversation_retention = ? where id = ?').run(HOUR, ann.personal);
      database.prepare("insert into space_work (space, kind, due_at) select key, 'retention', 0 from spaces where id = ?").run(ann.personal);
    }
    ahead = 2 * HOUR;
    await using after = await open({}, folder.path);
    await eventually(async () => expect((await after.rest(ann, 'get_conversation', { id: conversation })).status).toBe(404));
    await eventually(async () => expect(await used(after, ann)).toBe(0));
  });
});
