import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settingsWith } from '../../src/config/settings.ts';
import { answering, echo, echoing, HeldModel, post, promptOf, questionOf, windowOf } from '../support/chat-kit.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { type ModelServer, openModelServer } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

/** What a user may have under way: answers that run, and messages that wait for theirs. */
const RUNNING = 10;
const WAITING = 32;

let before: Resources;
let model: ModelServer;
let town: Town;
let people = 0;

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer(echoing);
  const settings = { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], CHAT_RECALL_TIMEOUT: 20_000 };
  // The product's own rate of chats, and rates nobody meets beside it.
  town = await openTown({ settings: { ...settings, RATE_LIMIT_CHAT_PER_MIN: settingsWith({}).RATE_LIMIT_CHAT_PER_MIN } });
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

const someone = (): Promise<Citizen> => town.citizen(`person ${people++}`);

const callsAbout = (word: string) => model.calls.filter((call) => questionOf(call).includes(word));

describe('many messages at once', () => {
  it('[conversation-at-once] of three users are all answered', async () => {
    model.behave(echoing);
    const users = await Promise.all([someone(), someone(), someone()]);
    const answers = await Promise.all(users.map((user) => post(town, user, '/api/chat', { message: `I am ${user.name}.` })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const told = await Promise.all(answers.map((answer) => answer.json() as Promise<{ response: string }>));
    expect(told.map(({ response }) => response)).toEqual(users.map(({ name }) => echo(`I am ${name}.`)));
  });

  it('[conversation-rate] of one user are answered up to the rate of thirty a minute, however early they come', async () => {
    model.behave(echoing);
    const ann = await someone();
    const answers = await Promise.all(Array.from({ length: 31 }, (_, at) => post(town, ann, '/api/chat', { message: `rated ${at}` })));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: 30 }, () => 200), 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect(await refused?.json()).toMatchObject({ error: 'Too many requests', code: 'rate_limited' });
    const pause = Number(refused?.headers.get('retry-after'));
    expect(pause).toBeGreaterThan(0);
    expect(pause).toBeLessThanOrEqual(60);
    expect(callsAbout('rated')).toHaveLength(30);
  });

  it('[conversation-order] in one conversation are answered in their order, each knowing exactly those before it', async () => {
    model.behave(echoing);
    const ann = await someone();
    const early = await Promise.all(
      Array.from({ length: 5 }, (_, at) => town.done(ann, 'chat', { message: `at once ${at}, ordered`, conversation: 'talk', wait: 0 })),
    );
    const turns = [...early];
    for (let at = 0; at < 7; at++) turns.push(await town.done(ann, 'chat', { message: `in turn ${at}, ordered`, conversation: 'talk', wait: 0 }));
    await Promise.all(turns.map(({ turn }) => town.done(ann, 'get_turn', { id: turn, wait: 30 })));

    const page = await town.done(ann, 'get_conversation', { id: early[0]?.['conversation'], limit: 100 });
    const items = page['items'] as readonly { number: number; state: string; message: string; text: string }[];
    expect(items.map(({ number, state }) => [number, state])).toEqual(turns.map((_, at) => [at + 1, 'done']));
    expect(items.slice(5).map(({ message }) => message)).toEqual(Array.from({ length: 7 }, (_, at) => `in turn ${at}, ordered`));
    expect(items.map(({ text }) => text)).toEqual(items.map(({ message }) => echo(message)));
    const asked = callsAbout('ordered');
    expect(asked.map(questionOf)).toEqual(items.map(({ message }) => message));
    for (const [at, call] of asked.entries()) expect(windowOf(call)).toEqual(items.slice(0, at).flatMap(({ message, text }) => [message, text]));
  });
});

describe('a slow model', () => {
  it('[conversation-side-by-side] answers ten conversations of one key at the same time, and ten of ten keys', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const [ann, ...others] = await Promise.all(Array.from({ length: RUNNING + 1 }, someone));
    if (ann === undefined) throw new Error('nobody is there');
    const asked = [
      ...Array.from({ length: RUNNING }, (_, at) => town.done(ann, 'chat', { message: `ann, ${at}`, conversation: `talk ${at}` })),
      ...others.map((each) => town.done(each, 'chat', { message: `of ${each.name}`, conversation: 'talk' })),
    ];
    await held.holding(2 * RUNNING);
    held.release();
    for (const answer of await Promise.all(asked)) expect(answer).toMatchObject({ state: 'done', text: 'Well, done.' });
  });

  it('[conversation-line] lets a user wait with 32 messages beside the ten that are answered, and stores nothing of one more', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const ann = await someone();
    await town.done(town.admin, 'update_user', { userId: ann.id, limits: { rate: { chat: 1000 } } });
    const all = RUNNING + WAITING;
    const answers = await Promise.all(Array.from({ length: all + 1 }, (_, at) => town.rest(ann, 'chat', { message: `lined up ${at}`, wait: 0 })));
    const refused = answers.filter(({ ok }) => !ok);
    expect(refused.map(({ problem }) => problem)).toMatchObject([{ status: 429, code: 'rate_limited', details: { limit: 'MAX_WAITING_PER_USER' } }]);
    expect(Number(refused[0]?.problem?.retryAfterMs)).toBeGreaterThan(0);
    await held.holding(RUNNING);
    const taken = answers.flatMap(({ ok, body }) => (ok ? [String(body['turn'])] : []));
    const { conversations } = (await town.done(ann, 'list_conversations', { limit: 100 })) as { conversations: readonly unknown[] };
    expect([taken.length, conversations.length, callsAbout('lined up').length]).toEqual([all, all, RUNNING]);

    held.release();
    const ends = await Promise.all(taken.slice(0, WAITING).map((id) => town.done(ann, 'get_turn', { id, wait: 60 })));
    expect(ends.map(({ state }) => state)).toEqual(ends.map(() => 'done'));
    await Promise.all(taken.slice(WAITING).map((id) => town.done(ann, 'get_turn', { id, wait: 60 })));
    expect([callsAbout('lined up').length, held.most]).toEqual([all, RUNNING]);
    await town.done(ann, 'chat', { message: 'and one more' });
  });

  it('[P1-conversation] of one user costs another nothing, nor the other calls of that user', async () => {
    const held = new HeldModel();
    model.behave((response, call) => (questionOf(call).startsWith('slow') ? held.behave(response, call) : echoing(response, call)));
    const [ann, ben] = [await someone(), await someone()];
    const slow = Array.from({ length: RUNNING + 5 }, (_, at) => town.done(ann, 'chat', { message: `slow ${at}` }));
    await held.holding(RUNNING);
    expect(await town.done(ben, 'chat', { message: 'quick' })).toMatchObject({ state: 'done', text: echo('quick') });
    await town.done(ann, 'store_memory', { content: 'The ferry leaves at noon.' });
    expect((await town.done(ann, 'retrieve_memory', { query: 'ferry' }))['results']).toHaveLength(1);
    expect(callsAbout('slow')).toHaveLength(RUNNING);
    held.release();
    await Promise.all(slow);
  });
});

describe('two users at once', () => {
  it('[conversation-interleaving] are each shown only what is theirs, through every door and under the same names', async () => {
    // Says all it was shown, so that whatever reached the model reaches the answer.
    model.behave(answering((_question, call) => JSON.stringify(promptOf(call))));
    const users = await Promise.all(Array.from({ length: 3 }, someone));
    const secretOf = ({ name }: Citizen): string => `keepsake${name.replace(' ', '')}end`;
    const talk = async (user: Citizen): Promise<readonly string[]> => {
      const told: string[] = [];
      for (let at = 0; at < 2; at++) {
        const message = `What do you know of the keepsake ${secretOf(user)}, ${at}?`;
        const completion = { messages: [{ role: 'user', content: message }] };
        const answers = await Promise.all([
          post(town, user, '/api/chat', { message }),
          post(town, user, '/api/chat', { message, conversationId: 'shared name' }),
          post(town, user, '/api/v1/chat', { message, conversation: 'shared name' }, { headers: { accept: 'text/event-stream' } }),
          post(town, user, '/v1/chat/completions', { ...completion, stream: true }, { headers: { 'x-conversation-id': 'shared name' } }),
          post(town, user, '/v1/chat/completions', completion),
          post(town, user, '/api/v1/context', { query: 'keepsake', conversation: at === 0 ? undefined : 'shared name' }),
        ]);
        const texts = await Promise.all(answers.map((answer) => answer.text()));
        expect(answers.map(({ status }, n) => (status === 200 ? 200 : texts[n]))).toEqual(answers.map(() => 200));
        told.push(...texts);
      }
      told.push((await town.rest(user, 'list_conversations', { limit: 100 })).text);
      return told;
    };
    const told = await Promise.all(users.map(talk));
    for (const [at, texts] of told.entries()) {
      for (const [other, user] of users.entries()) {
        const found = texts.filter((text) => text.includes(secretOf(user))).length;
        // Whoever looks for context first may come before the first message.
        if (at === other) expect(found).toBeGreaterThanOrEqual(texts.length - 1);
        else expect(found, `${users[at]?.name} of ${user.name}`).toBe(0);
      }
    }
  });
});
