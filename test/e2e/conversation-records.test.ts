import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { echo, echoing, post, promptOf, toolCallChunk, windowOf } from '../support/chat-kit.ts';
import { eventually, expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { END_CHUNKS, type ModelServer, openModelServer, sendEvents, speak, textChunk } from '../support/model-server.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';

const DAY = 86_400_000;
const CITY = { city: 'Oslo' };

let before: Resources;
let model: ModelServer;
let town: Town;
let people = 0;
/** Milliseconds by which the server's wall clock is ahead of ours. */
let ahead = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer(echoing);
  const settings = { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], CHAT_RECALL_TIMEOUT: 20_000, SWEEP_INTERVAL: 50 };
  town = await openTown({ settings, overrides: { clock } });
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

const someone = (): Promise<Citizen> => town.citizen(`person ${people++}`);

interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly tool_calls?: unknown;
  readonly tool_call_id?: string;
}

/** A client of the OpenAI API that sends what was said with each message; answers with where it is kept. */
class Client {
  readonly messages: Message[] = [];
  readonly #user: Citizen;
  readonly #more: object;

  constructor(user: Citizen, more: object = {}) {
    this.#user = user;
    this.#more = more;
  }

  async say(...said: readonly Message[]): Promise<string | undefined> {
    this.messages.push(...said);
    const answer = await post(town, this.#user, '/v1/chat/completions', { messages: this.messages, ...this.#more });
    const { choices, polymnia } = (await answer.json()) as { choices: { message: Message }[]; polymnia: { conversation?: string } };
    const [choice] = choices;
    if (choice !== undefined) this.messages.push(choice.message);
    return polymnia.conversation;
  }

  ask(content: string): Promise<string | undefined> {
    return this.say({ role: 'user', content });
  }
}

async function conversationsOf(user: Citizen): Promise<readonly { id: string; title: string; turns: number }[]> {
  return (await town.done(user, 'list_conversations', { limit: 100 }))['conversations'] as { id: string; title: string; turns: number }[];
}

async function memoriesOf(user: Citizen): Promise<readonly string[]> {
  return ((await town.done(user, 'search_memory', { limit: 100 }))['results'] as { content: string }[]).map(({ content }) => content);
}

describe('clients that send the conversation whole', () => {
  it('[conversation-recognised] go on with the conversation that has gone just so, each with its own', async () => {
    model.behave(echoing);
    const ann = await someone();
    const [one, two] = [new Client(ann), new Client(ann)];
    one.messages.push({ role: 'system', content: `It is ${Date.now()}.` });
    const first = await one.ask('Talk of ferries.');
    const other = await two.ask('Talk of herons.');
    expect(other).not.toBe(first);
    one.messages[0] = { role: 'system', content: 'It is later.' };
    expect([await one.ask('When?'), await two.ask('Where?'), await one.ask('And back?')]).toEqual([first, other, first]);
    expect(await conversationsOf(ann)).toMatchObject([
      { id: first, title: 'Talk of ferries.', turns: 3 },
      { id: other, turns: 2 },
    ]);
    // What is kept goes on at any door; what others say alike goes elsewhere.
    await town.done(ann, 'chat', { message: 'And now?', conversation: first });
    expect(windowOf(model.calls.at(-1))).toEqual(['Talk of ferries.', 'When?', 'And back?'].flatMap((said) => [said, echo(said)]));
    const ben = await someone();
    const same = new Client(ben);
    expect(await same.ask('Talk of ferries.')).not.toBe(first);
    expect(await same.ask('When?')).toBe((await conversationsOf(ben))[0]?.id);
  });

  it.each([
    ['says nothing beside', []],
    ['talks beside', [textChunk('Let me see. ')]],
  ])('[conversation-recognised] stay in it through calls of their own tools, when the model %s', async (_name, texts) => {
    const ann = await someone();
    const client = new Client(ann, { tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }] });
    model.behave((response, call) => {
      const isTold = promptOf(call).at(-1)?.role === 'tool';
      sendEvents(response, ...(isTold ? [textChunk('It rains.')] : [...texts, toolCallChunk('weather', CITY)]), ...END_CHUNKS);
      response.end();
    });
    const asked = await client.ask('Weather in Oslo?');
    expect(client.messages.at(-1)).toMatchObject({ tool_calls: [{ id: 't1', function: { name: 'weather', arguments: JSON.stringify(CITY) } }] });
    expect(await client.say({ role: 'tool', tool_call_id: 't1', content: 'rain' })).toBe(asked);
    model.behave(echoing);
    expect(await client.ask('Thanks.')).toBe(asked);
    expect(await conversationsOf(ann)).toMatchObject([{ id: asked, turns: 3 }]);
    const { items } = (await town.done(ann, 'get_conversation', { id: asked })) as { items: { message: string; text: string }[] };
    expect(items.map(({ message, text }) => [message, text])).toEqual([
      ['Weather in Oslo?', texts.length === 0 ? '' : 'Let me see. '],
      ['', 'It rains.'],
      ['Thanks.', echo('Thanks.')],
    ]);
  });

  it.each([
    [
      'Open WebUI, title',
      '### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Chat History:\nUSER: the secret plan',
    ],
    [
      'Open WebUI, tags',
      '### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history.\n### Chat History:\nUSER: the secret plan',
    ],
    [
      'Open WebUI, follow-up',
      '### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next in this conversation.',
    ],
    [
      'LibreChat',
      'Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title itself.\n\nConversation:\nUser: the secret plan',
    ],
    [
      'LibreChat, older',
      'Write in the detected language a concise title for this conversation. Title in 5 Words or Less. No Punctuation or Quotation.\n\n||>User:\n"the secret plan"',
    ],
  ])('[conversation-tasks] that ask on their own (%s) get an answer without memories, of which nothing is stored', async (_name, prompt) => {
    model.behave(speak('Ferry plans'));
    const ann = await someone();
    await town.done(ann, 'store_memory', { content: 'The secret plan of the chat history is a title.' });
    const client = new Client(ann);
    expect(await client.ask(prompt)).toBeUndefined();
    expect(client.messages.at(-1)?.content).toBe('Ferry plans');
    expect(promptOf(model.calls.at(-1))).toEqual([{ role: 'user', content: prompt }]);
    expect([await conversationsOf(ann), (await memoriesOf(ann)).length]).toEqual([[], 1]);
  });

  it('[conversation-tasks] are taken at their word when they want nothing kept', async () => {
    model.behave(echoing);
    const ann = await someone();
    expect(await new Client(ann, { store: false }).ask('Do not keep this.')).toBeUndefined();
    expect([await conversationsOf(ann), await memoriesOf(ann)]).toEqual([[], []]);
  });
});

describe('what is remembered', () => {
  it('[conversation-remembered] is each exchange, and comes back in other conversations but not beside itself', async () => {
    model.behave(echoing);
    const ann = await someone();
    await town.done(ann, 'chat', { message: 'The heron lives on the pier.', conversation: 'birds' });
    const text = `User: The heron lives on the pier.\n\nAssistant: ${echo('The heron lives on the pier.')}`;
    expect(await memoriesOf(ann)).toEqual([text]);
    const { recall } = await town.done(ann, 'chat', { message: 'Where does the heron live?', conversation: 'birds' });
    expect(recall).toEqual({ state: 'done', memories: [] });
    expect(await town.done(ann, 'chat', { message: 'Where does the heron live?', conversation: 'another' })).toMatchObject({
      recall: { memories: [expect.stringMatching(/^mem_/) as string, expect.stringMatching(/^mem_/) as string] },
    });
    expect(promptOf(model.calls.at(-1)).at(-1)?.content).toContain(JSON.stringify(text).slice(1, -1));
  });

  it('[conversation-temporary] is nothing of a temporary conversation, which goes after a day', async () => {
    model.behave(echoing);
    const ann = await someone();
    const begun = await town.done(ann, 'chat', { message: 'Between us: the heron.', temporary: true });
    const { conversation } = begun as { conversation: string };
    await town.done(ann, 'chat', { message: 'What did I say?', conversation });
    expect(windowOf(model.calls.at(-1))).toEqual(['Between us: the heron.', echo('Between us: the heron.')]);
    expect(await memoriesOf(ann)).toEqual([]);
    const found = (await town.done(ann, 'get_conversation', { id: conversation })) as { expiresAt: string };
    expect(Math.abs(Date.parse(found.expiresAt) - (clock.now() + DAY))).toBeLessThan(60_000);
    expect((await town.rest(ann, 'chat', { message: 'x', temporary: true, conversation })).status).toBe(400);
    const used = async (): Promise<unknown> => ((await town.done(ann, 'whoami'))['limits'] as { storage: { usedBytes: number } }).storage.usedBytes;
    expect(await used()).toBeGreaterThan(0);
    ahead += DAY;
    expect((await town.rest(ann, 'get_conversation', { id: conversation })).status).toBe(404);
    expect((await town.rest(ann, 'get_turn', { id: begun['turn'] })).status).toBe(404);
    expect((await town.rest(ann, 'chat', { message: 'x', conversation })).status).toBe(404);
    expect(await conversationsOf(ann)).toEqual([]);
    await eventually(async () => expect(await used()).toBe(0));
  });
});

describe('stored conversations', () => {
  it('[conversation-pages] are listed latest first and read in order, a page at a time', async () => {
    model.behave(echoing);
    const ann = await someone();
    for (const at of [1, 2, 3, 4, 5]) await town.done(ann, 'chat', { message: `talk ${at}`, conversation: `c${at}` });
    await town.done(ann, 'chat', { message: 'again', conversation: 'c2' });
    const listed: unknown[] = [];
    for (let cursor: unknown; ;) {
      const page = await town.done(ann, 'list_conversations', { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      listed.push(...(page['conversations'] as object[]));
      cursor = page['cursor'];
      if (cursor === undefined) break;
    }
    expect(listed).toMatchObject(['c2', 'c5', 'c4', 'c3', 'c1'].map((key) => ({ key, title: `talk ${key.slice(1)}`, turns: key === 'c2' ? 2 : 1 })));
    const { id } = listed[0] as { id: string };
    const page = await town.done(ann, 'get_conversation', { id, limit: 1 });
    expect(page).toMatchObject({ key: 'c2', next: 1, items: [{ number: 1, message: 'talk 2' }] });
    const rest = await town.done(ann, 'get_conversation', { id, after: page['next'], limit: 1 });
    expect(rest).toMatchObject({ items: [{ number: 2, message: 'again' }] });
    expect(rest).not.toHaveProperty('next');
  });

  it('[conversation-deletion] go with all that was said and remembered of them, and no byte stays on disk', async () => {
    const [ann, secret] = [await someone(), canary()];
    model.behave(speak(`Noted: ${secret}.`));
    await town.done(ann, 'store_memory', { content: 'Noted apart.' });
    const kept = await town.done(ann, 'chat', { message: 'Another talk.', conversation: 'kept', tools: false });
    const message = `Listen: ${secret}.`;
    const told = await town.done(ann, 'chat', { message, conversation: secret });
    await town.done(ann, 'chat', { message: 'And again.', conversation: secret }, { headers: { 'idempotency-key': 'k' } });
    model.behave((response) => sendEvents(response, textChunk(secret)));
    const under = town.done(ann, 'chat', { message, conversation: secret });
    const running = { id: told['conversation'], after: 2 };
    await eventually(async () => expect(await town.done(ann, 'get_conversation', running)).toMatchObject({ items: [{ text: secret }] }));
    expect(await town.done(ann, 'delete_conversation', { id: told['conversation'] })).toEqual({ deleted: true, turns: 3, memories: 3 });
    expect(await under).toMatchObject({ state: 'stopped', text: secret });
    await model.calls.at(-1)?.closed;
    for (const [name, id] of [
      ['get_conversation', told['conversation']],
      ['delete_conversation', told['conversation']],
      ['get_turn', told['turn']],
      ['stop_turn', told['turn']],
    ] as const) {
      expect((await town.rest(ann, name, { id })).status, name).toBe(404);
    }
    await town.done(ann, 'delete_conversation', { id: kept['conversation'] });
    expect(await memoriesOf(ann)).toEqual(['Noted apart.']);
    expect(await conversationsOf(ann)).toEqual([]);

    // Words of what was deleted stay in the index for a while.
    expect(workLeft()).toContain('scrub');
    await eventually(() => {
      ahead += 700_000;
      expect(workLeft()).toEqual([]);
    });
    await town.stop(0);
    expect(await filesWith(town.dataDir, secret)).toEqual([]);
  });
});

/** Kinds of background work that spaces still need, as the system file has it. */
function workLeft(): readonly unknown[] {
  using database = new DatabaseSync(join(town.dataDir, 'system.db'), { readOnly: true });
  return database
    .prepare('select kind from space_work')
    .all()
    .map(({ kind }) => kind);
}

/** Files of a folder in which the word stands. */
async function filesWith(folder: string, word: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const held = await Promise.all(paths.map(async (path) => ((await readFile(path)).includes(word) ? [path] : [])));
  return held.flat();
}
