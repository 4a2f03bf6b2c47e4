import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { echoing, promptOf, questionOf, windowOf } from '../support/chat-kit.ts';
import { openModelServer } from '../support/model-server.ts';
import { openTown } from '../support/town.ts';

const HOUR = 3_600_000;

describe('a conversation that has expired', () => {
  it('[conversation-expired] is seen by no read, long before it is swept', async () => {
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    await using model = await openModelServer(echoing);
    const settings = { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], CHAT_RECALL_TIMEOUT: 20_000, SWEEP_INTERVAL: HOUR };
    const kept = { TEMPORARY_CHAT_AGE: HOUR, CONVERSATION_RETENTION: HOUR };
    await using town = await openTown({ settings: { ...settings, ...kept }, overrides: { clock } });
    const ann = await town.citizen('ann');
    const temporary = await town.done(ann, 'chat', { message: 'The heron is grey.', temporary: true });
    const named = await town.done(ann, 'chat', { message: 'The heron lives on the pier.', conversation: 'birds' });
    const query = 'Where is the heron?';
    const contexts = [{ query }, { query, conversation: temporary['conversation'] }, { query, conversation: 'birds' }];
    expect((await Promise.all(contexts.map((input) => town.rest(ann, 'get_context', input)))).map(({ status }) => status)).toEqual([200, 200, 200]);

    ahead = HOUR;
    expect(await town.done(ann, 'list_conversations')).toEqual({ conversations: [] });
    const found = await Promise.all(contexts.map((input) => town.rest(ann, 'get_context', input)));
    expect(found.map(({ status }) => status)).toEqual([200, 404, 404]);
    expect(found[0]?.body).toEqual({ recent: [], history: [], recall: 'done' });
    for (const { conversation, turn } of [temporary, named]) {
      const gone = [
        town.rest(ann, 'get_conversation', { id: conversation }),
        town.rest(ann, 'get_turn', { id: turn }),
        town.rest(ann, 'stop_turn', { id: turn }),
        town.rest(ann, 'chat', { message: query, conversation }),
        town.rest(ann, 'delete_conversation', { id: conversation }),
      ];
      expect((await Promise.all(gone)).map(({ status }) => status)).toEqual(gone.map(() => 404));
    }
    // Under its name another one begins, which knows nothing of it.
    expect(await town.done(ann, 'chat', { message: query, conversation: 'birds' })).toMatchObject({ recall: { state: 'done', memories: [] } });
    const asked = model.calls.at(-1);
    expect([windowOf(asked), questionOf(asked), promptOf(asked).at(-1)?.content]).toEqual([[], query, query]);
  });
});
