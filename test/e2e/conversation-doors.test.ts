import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echo, echoing, HeldModel, post, promptOf, questionOf, readEvents, textOf, windowOf } from '../support/chat-kit.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { type ModelServer, openModelServer, speak } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import type { Caller } from '../support/wire.ts';

const MCP_WAIT = 40;

let before: Resources;
let model: ModelServer;
let town: Town;
let ann: Citizen;
let service: Citizen;

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer(echoing);
  town = await openTown({ settings: { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], CHAT_RECALL_TIMEOUT: 20_000, MCP_WAIT } });
  ann = await town.citizen('ann');
  service = await town.citizen('a back end', { scopes: ['chat', 'memory:read', 'memory:write', 'on_behalf'] });
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

interface Said {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function say(caller: Caller, body: unknown, headers: Record<string, string> = {}): Promise<Said> {
  const answer = await post(town, caller, '/api/chat', body, { headers });
  return { status: answer.status, body: (await answer.json()) as Said['body'] };
}

describe('POST /api/chat', () => {
  it('[chat-route-behalf] serves the users of a back end, made on first sight and kept apart', async () => {
    model.behave(echoing);
    const told = await say(service, { userId: 'carol', message: 'My locker is number 4711.' });
    expect(told).toMatchObject({ status: 200, body: { response: echo('My locker is number 4711.'), model: 'tiny' } });
    expect((await say(service, { userId: 7, message: 'Which locker is mine?' })).status).toBe(200);
    expect(JSON.stringify(promptOf(model.calls.at(-1)))).not.toContain('4711');
    expect((await say(service, { userId: 'carol', message: 'Which locker is mine?', conversationId: 'new talk' })).status).toBe(200);
    expect(JSON.stringify(promptOf(model.calls.at(-1)))).toContain('4711');
    const seven: Caller = { key: service.key, onBehalfOf: '7' };
    expect((await town.done(seven, 'list_conversations'))['conversations']).toHaveLength(1);
    expect(await town.done(seven, 'whoami')).toMatchObject({ user: { name: '7' } });
  });

  it('[chat-route-behalf] lets nobody speak for two, nor a usual key for another', async () => {
    const both = (userId: string) => say(service, { userId, message: 'hi' }, { 'x-polymnia-user': 'carol' });
    expect((await both('carol')).status).toBe(200);
    expect(await both('dave')).toMatchObject({ status: 400, body: { code: 'invalid_input', details: { field: 'userId' } } });
    const asked = model.calls.length;
    expect(await say(ann, { userId: 'carol', message: 'hi' })).toMatchObject({
      status: 403,
      body: { code: 'forbidden', error: expect.any(String) as string },
    });
    expect(await say(ann, { userId: ann.id, message: 'hi' })).toMatchObject({ status: 403 });
    expect(await say({ key: 'pmn_none' }, { message: 'hi' })).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(await say(ann, { text: 'hi' })).toMatchObject({ status: 400, body: { error: 'message: message must be a text.' } });
    expect(await say(ann, { message: '  ' })).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(model.calls).toHaveLength(asked);
  });

  it('[chat-route-names] has one standing conversation a user, and as many as a client names, each user’s own', async () => {
    model.behave(echoing);
    const placeOf = async (body: object, caller: Caller = ann): Promise<unknown> =>
      (await say(caller, { message: 'hi', ...body })).body['conversationId'];
    const standing = await placeOf({});
    expect(await placeOf({ conversationId: null })).toBe(standing);
    for (const name of ['room 1', '{}', 'conv_42', 'ä 😀', 5]) {
      const named = await placeOf({ conversationId: name });
      expect(named).toMatch(/^conv_/);
      expect(named).not.toBe(standing);
      expect([await placeOf({ conversation_id: name }), await placeOf({ conversationId: named })]).toEqual([named, named]);
      for (const userId of ['carol', 'dave']) {
        const theirs = await placeOf({ conversationId: name, userId }, service);
        expect(theirs).not.toBe(named);
      }
    }
    expect(await say(service, { userId: 'dave', message: 'hi', conversationId: standing })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
    const { conversations } = (await town.done({ key: service.key, onBehalfOf: 'dave' }, 'list_conversations')) as {
      conversations: { key: string }[];
    };
    expect(conversations.map(({ key }) => key).toSorted()).toEqual(['5', 'conv_42', 'room 1', '{}', 'ä 😀']);
  });

  it('[chat-route-window] puts the last four messages before the model, and all at the other doors', async () => {
    model.behave(echoing);
    const all = ['one', 'two', 'three', 'four'].flatMap((word) => [`talk ${word}`, echo(`talk ${word}`)]);
    for (const word of ['one', 'two', 'three', 'four']) await say(ann, { message: `talk ${word}`, conversationId: 'window' });
    await say(ann, { message: 'and now?', conversationId: 'window' });
    expect(windowOf(model.calls.at(-1))).toEqual(all.slice(-4));
    await town.done(ann, 'chat', { message: 'and here?', conversation: 'window' });
    expect(windowOf(model.calls.at(-1))).toEqual([...all, 'and now?', echo('and now?')]);
    await town.done(ann, 'chat', { message: 'or here?', conversation: 'window', recent: 0 });
    expect(windowOf(model.calls.at(-1))).toEqual([]);
  });

  it('[chat-route-failure] says what such clients look for when the model fails, and keeps the message', async () => {
    model.behave((response) => void response.writeHead(401).end());
    const failed = await say(ann, { message: 'is it lost?', conversationId: 'failing' });
    expect(failed).toMatchObject({ status: 502, body: { error: 'Failed to process message', code: 'upstream_failed' } });
    const { turn, conversation } = failed.body['details'] as { turn: string; conversation: string };
    const kept = { turn, state: 'failed', message: 'is it lost?', text: '', error: { code: 'upstream_failed' } };
    expect(await town.done(ann, 'get_conversation', { id: conversation })).toMatchObject({ key: 'failing', turns: 1, items: [kept] });
    expect(await town.done(ann, 'get_turn', { id: turn })).toMatchObject({ ...kept, conversation });
    model.behave(echoing);
    await say(ann, { message: 'go on', conversationId: 'failing' });
    expect(windowOf(model.calls.at(-1))).toEqual([]);
  });
});

describe('/api/v1/chat', () => {
  it('[conversation-doors] answers with JSON, or with events that end as the JSON does', async () => {
    model.behave(speak('One ', 'two.'));
    const whole = await town.done(ann, 'chat', { message: 'count' });
    expect(whole).toMatchObject({
      state: 'done',
      text: 'One two.',
      model: 'tiny',
      finishReason: 'stop',
      usage: { inputTokens: 11, outputTokens: 7, estimated: false },
      recall: { state: 'done' },
    });
    const response = await post(town, ann, '/api/v1/chat', { message: 'count' }, { headers: { accept: 'text/event-stream' } });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = await readEvents(response);
    expect(events.map(({ event }) => event)).toEqual([
      'turn',
      'start',
      ...events.filter(({ event }) => event === 'text').map(() => 'text'),
      'finish',
      'usage',
      'end',
    ]);
    expect([textOf(events), events.at(-1)?.data]).toEqual(['One two.', { state: 'done' }]);
    expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted((a, b) => a - b));
    const { turn, conversation } = { ...events[0]?.data };
    expect(await town.done(ann, 'get_turn', { id: turn })).toMatchObject({ turn, conversation, state: 'done', message: 'count', text: 'One two.' });
  });

  it('[conversation-doors] need not be waited for: the turn is found, and waited for later', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const begun = await town.done(ann, 'chat', { message: 'take your time', conversation: 'slow', wait: 0 });
    const next = await town.done(ann, 'chat', { message: 'and then', conversation: 'slow', wait: 0 });
    expect([begun['state'], next['state']]).toEqual([expect.stringMatching(/queued|running/), 'queued']);
    await held.holding(1);
    expect(await town.done(ann, 'get_turn', { id: begun['turn'] })).toMatchObject({ state: 'running', number: 1, message: 'take your time' });
    expect(await town.done(ann, 'get_turn', { id: next['turn'], wait: 0.01 })).toMatchObject({ state: 'queued', number: 2, text: '' });
    const waiting = Promise.all([begun, next].map(({ turn }) => town.done(ann, 'get_turn', { id: turn, wait: 30 })));
    held.release();
    expect(await waiting).toMatchObject([
      { state: 'done', text: 'Well, done.' },
      { state: 'done', text: 'Well, done.' },
    ]);
  });

  it('[conversation-idempotency] answers the same key with the same answer, and asks the model once', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const send = (message: string, key = 'k1') => town.rest(ann, 'chat', { message, conversation: 'once' }, { headers: { 'idempotency-key': key } });
    const twins = [send('only once'), send('only once')];
    await held.holding(1);
    held.release();
    const answers = [...(await Promise.all(twins)), await send('only once')];
    const [first] = answers;
    expect(first?.body).toMatchObject({ state: 'done', text: 'Well, done.' });
    for (const { body } of answers)
      expect(body).toMatchObject({ turn: first?.body['turn'], state: 'done', text: 'Well, done.', finishReason: 'stop' });
    expect(model.calls.filter((call) => questionOf(call) === 'only once')).toHaveLength(1);
    expect((await send('something else')).problem).toMatchObject({ status: 409, code: 'conflict' });
    // How long one waits, and at which door, is another matter than what one asks.
    const late = await town.rest(ann, 'chat', { message: 'only once', conversation: 'once', wait: 0 }, { headers: { 'idempotency-key': 'k1' } });
    expect(late.body).toMatchObject({ turn: first?.body['turn'], text: 'Well, done.' });
    const route = () => say(ann, { message: 'by the route', conversationId: 'once' }, { 'idempotency-key': 'k3' });
    const [told, again] = [await route(), await route()];
    expect([told.status, again.body]).toEqual([200, told.body]);

    model.behave((response) => void response.writeHead(401).end());
    const failed = await send('will fail', 'k2');
    expect(failed.status).toBe(502);
    model.behave(echoing);
    expect(await send('will fail', 'k2')).toMatchObject({ status: 502, problem: { code: 'upstream_failed' } });
    expect(await town.done(ann, 'get_conversation', { id: first?.body['conversation'] })).toMatchObject({ turns: 3 });
  });
});

describe('MCP', () => {
  it('[conversation-mcp] answers with the turn when the answer takes longer than a client waits, and finds it later', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const { body } = await town.mcp(ann, 'chat', { message: 'a long one' });
    expect(body).toMatchObject({ turn: expect.stringMatching(/^turn_/) as string, state: expect.stringMatching(/queued|running/) as string });
    const waiting = town.mcp(ann, 'get_turn', { id: body['turn'], wait: 30 });
    held.release();
    expect((await waiting).body).toMatchObject({ state: 'done', text: 'Well, done.', message: 'a long one' });
    expect((await town.mcp(ann, 'chat', { message: 'a long one', wait: 'end' })).body).toMatchObject({ state: 'done' });
  });

  it('[conversation-context] gives any framework the last messages, and what is remembered beside them', async () => {
    model.behave(echoing);
    const ben = await town.citizen('ben');
    await town.done(ben, 'store_memory', { content: 'The heron sleeps on the north pier.' });
    await town.done(ann, 'store_memory', { content: 'The heron of ann sleeps elsewhere.' });
    for (const message of ['Where does the heron sleep?', 'And when?']) await town.done(ben, 'chat', { message, conversation: 'birds' });
    const ask = async (input: object) => (await town.mcp(ben, 'get_context', { query: 'Where does the heron sleep?', ...input })).body;
    const recent = ['Where does the heron sleep?', 'And when?'].flatMap((content) => [
      { role: 'user', content },
      { role: 'assistant', content: echo(content) },
    ]);
    const named = await ask({ conversation: 'birds' });
    expect(named['recent']).toEqual(recent);
    // The exchanges are memories too; those that are shown are not told twice.
    expect(named).toMatchObject({
      recall: 'done',
      history: [{ source: expect.stringMatching(/^mem_/) as string, text: 'The heron sleeps on the north pier.' }],
    });
    expect(await ask({ conversation: 'birds', recent: 2 })).toMatchObject({ recent: recent.slice(2) });
    const alone = (await ask({})) as { recent: unknown; history: { text: string }[] };
    expect(alone.recent).toEqual([]);
    expect(alone.history.map(({ text }) => text)).toContain(`User: Where does the heron sleep?\n\nAssistant: ${echo('Where does the heron sleep?')}`);
    expect((await town.rest(ben, 'get_context', { query: 'x', conversation: 'no such' })).status).toBe(404);
    const { secret } = await town.keyFor(ben.id, { scopes: ['memory:read'] });
    const reader = { ...ben, key: secret };
    expect((await town.rest(reader, 'get_context', { query: 'x', conversation: 'no such' })).body).toMatchObject({ code: 'forbidden' });
    expect((await town.rest(reader, 'get_context', { query: 'x' })).status).toBe(200);
  });
});
