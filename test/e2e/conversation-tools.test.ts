import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echo, echoing, HeldModel, post, promptOf, type Prompted, questionOf, said, toolCallChunk } from '../support/chat-kit.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { HALF, MODEL_FAULTS, PROVIDER_WORDS } from '../support/model-faults.ts';
import {
  END_CHUNKS,
  type ModelBehaviour,
  type ModelCall,
  type ModelServer,
  openModelServer,
  sendEvents,
  speak,
  textChunk,
} from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

/** Tokens of a day that suffice for so many answers at once, and what one of them is taken to need. */
const STARTS = 10;
const ANSWER_TOKENS = 1000;
const USED = 18;

let before: Resources;
let model: ModelServer;
let first: Town;
let town: Town;
let people = 0;

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer(echoing);
  first = await openTown({ settings: settings() });
  town = first;
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
});

const settings = () => ({
  CHAT_MODEL_URL: `${model.url}/v1`,
  CHAT_MODEL: ['tiny'],
  CHAT_RECALL_TIMEOUT: 20_000,
  CHAT_TOKENS_PER_DAY: STARTS * (ANSWER_TOKENS + 20),
  MAX_WAITING_PER_USER: 100,
});

const someone = (scopes?: Parameters<Town['citizen']>[1]): Promise<Citizen> => town.citizen(`person ${people++}`, scopes);

async function memoriesOf(user: Citizen): Promise<readonly string[]> {
  return ((await town.done(user, 'search_memory', { limit: 100 }))['results'] as { content: string }[]).map(({ content }) => content);
}

/** What the tools said in answer to the model's last calls. */
function resultsIn(call: ModelCall | undefined): readonly Prompted[] {
  const prompt = promptOf(call);
  return prompt.slice(prompt.findLastIndex(({ role }) => role === 'assistant') + 1);
}

function offeredIn(call: ModelCall | undefined): readonly string[] {
  const tools = (call?.body['tools'] ?? []) as readonly { readonly function: { readonly name: string } }[];
  return tools.map(({ function: { name } }) => name);
}

/** Asks for these tools first, and then says what they said. */
function using(...chunks: readonly unknown[]): ModelBehaviour {
  return (response, call) => {
    const results = resultsIn(call);
    const isTold = results.at(-1)?.role === 'tool';
    sendEvents(response, ...(isTold ? [textChunk(results.map(({ content }) => content).join('|'))] : chunks), ...END_CHUNKS);
    response.end();
  };
}

const callsOf = (question: string): readonly ModelCall[] => model.calls.filter((call) => questionOf(call) === question);

describe('a model that uses tools', () => {
  it('[conversation-tools] looks into the memories of its user and notes facts, as that user', async () => {
    const [ann, ben] = [await someone(), await someone()];
    await town.done(ann, 'store_memory', { content: 'The heron is called Otto.' });
    await town.done(ben, 'store_memory', { content: 'The heron is called Berta.' });
    model.behave(
      using(
        textChunk('Let me look. '),
        toolCallChunk('retrieve_memory', { query: 'heron called' }, 'a', 0),
        toolCallChunk('store_memory', { content: 'Ann asks about herons.' }, 'b', 1),
      ),
    );
    const { turn, text } = await town.done(ann, 'chat', { message: 'What is it called?' });
    expect(text).toMatch(/^Let me look\. .*Otto/);
    expect(text).not.toContain('Berta');
    const [first, second] = callsOf('What is it called?');
    expect(offeredIn(first)).toEqual(expect.arrayContaining(['retrieve_memory', 'store_memory', 'search_code']));
    expect(offeredIn(first)).not.toContain('delete_memory');
    expect(promptOf(second).at(-3)).toMatchObject({ role: 'assistant', content: 'Let me look. ', tool_calls: [{ id: 'a' }, { id: 'b' }] });
    expect(resultsIn(second).map((result) => result.tool_call_id)).toEqual(['a', 'b']);
    const stored = await town.done(ann, 'get_turn', { id: turn });
    expect(stored).toMatchObject({
      tools: [{ name: 'retrieve_memory' }, { name: 'store_memory', arguments: '{"content":"Ann asks about herons."}' }],
    });
    expect((await memoriesOf(ann)).toSorted().slice(0, 2)).toEqual(['Ann asks about herons.', 'The heron is called Otto.']);
    expect(await memoriesOf(ben)).toEqual(['The heron is called Berta.']);
    // What tools gave is part of the conversation.
    model.behave(echoing);
    await town.done(ann, 'chat', { message: 'And then?', conversation: stored['conversation'] });
    const roles = promptOf(callsOf('And then?')[0]).map(({ role }) => role);
    expect(roles).toEqual(['system', 'user', 'assistant', 'tool', 'assistant', 'tool', 'assistant', 'user']);
  });

  it('[conversation-tools] is told what was wrong with a call, and goes on', async () => {
    const ann = await someone();
    model.behave(
      using(
        toolCallChunk('delete_memory', { id: 'mem_1' }, 'a', 0),
        toolCallChunk('no_such_tool', {}, 'b', 1),
        toolCallChunk('store_memory', { nonsense: 1 }, 'c', 2),
      ),
    );
    const { text, state } = await town.done(ann, 'chat', { message: 'Do it.' });
    expect(state).toBe('done');
    expect(resultsIn(callsOf('Do it.')[1]).map(({ content }) => JSON.parse(content) as unknown)).toMatchObject([
      { error: 'There is no tool "delete_memory".' },
      { error: 'There is no tool "no_such_tool".' },
      { error: { code: 'invalid_input' } },
    ]);
    expect(text).toContain('no_such_tool');
    model.behave(using(toolCallChunk('store_memory', '{"content": "bro')));
    expect(await town.rest(ann, 'chat', { message: 'Broken.' })).toMatchObject({ status: 502, problem: { code: 'upstream_failed' } });
    expect(await memoriesOf(ann)).toContain('User: Broken.');
  });

  it('[conversation-tools] and never comes to its end is asked ten times at most, the last time without tools', async () => {
    const ann = await someone();
    model.behave((response, call) => {
      const chunk = toolCallChunk('retrieve_memory', { query: 'more' });
      sendEvents(
        response,
        ...(offeredIn(call).length === 0 ? [textChunk('So be it.')] : [chunk]),
        { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
        '[DONE]',
      );
      response.end();
    });
    expect(await town.done(ann, 'chat', { message: 'For ever.', maxTokens: 100 })).toMatchObject({ state: 'done', text: 'So be it.' });
    expect(callsOf('For ever.').map((call) => offeredIn(call).length > 0)).toEqual([...Array.from({ length: 9 }, () => true), false]);
    model.behave((response) => {
      sendEvents(
        response,
        toolCallChunk('retrieve_memory', { query: 'more' }),
        { choices: [], usage: { prompt_tokens: 19_999, completion_tokens: 1 } },
        '[DONE]',
      );
      response.end();
    });
    const ben = await someone();
    await town.done(ben, 'chat', { message: 'Dear tools.' });
    expect(callsOf('Dear tools.')).toHaveLength(2);
  });

  it('[conversation-tools] has none that its user’s key does not allow, or that the call leaves out', async () => {
    const ann = await someone();
    const { secret } = await town.keyFor(ann.id, { scopes: ['chat', 'memory:read'] });
    model.behave(using(toolCallChunk('store_memory', { content: 'Smuggled.' })));
    const { text } = await town.done({ key: secret }, 'chat', { message: 'Note it.' });
    expect(offeredIn(callsOf('Note it.')[0])).toEqual(['retrieve_memory']);
    expect(JSON.parse(String(text))).toMatchObject({ error: { code: 'forbidden' } });
    expect(await memoriesOf(ann)).not.toContain('Smuggled.');
    model.behave(echoing);
    await town.done(ann, 'chat', { message: 'No tools.', tools: false });
    await town.done(ann, 'complete_chat', { messages: [{ role: 'user', content: 'None here.' }] });
    expect([offeredIn(callsOf('No tools.')[0]), offeredIn(callsOf('None here.')[0])]).toEqual([[], []]);
  });

  it('[conversation-tools] is asked again without them when it takes none', async () => {
    const ann = await someone();
    model.behave((response, call) => {
      if (offeredIn(call).length > 0) response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"message":"no tools here"}}');
      else speak('Plainly.')(response, call);
    });
    expect(await town.done(ann, 'chat', { message: 'Old model?' })).toMatchObject({ state: 'done', text: 'Plainly.' });
    expect(callsOf('Old model?')).toHaveLength(2);
  });
});

describe('what an answer may cost', () => {
  it('[conversation-budget] is put aside before it begins: of a hundred at once with tokens for ten, ten reach the model', async () => {
    const ann = await someone();
    const release = Promise.withResolvers<void>();
    model.behave((response, call) => void release.promise.then(() => echoing(response, call)));
    const start = (at: number) => town.rest(ann, 'chat', { message: `start ${at}`, maxTokens: ANSWER_TOKENS, wait: 0 });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => start(at)));
    const taken = answers.filter(({ ok }) => ok);
    expect(taken).toHaveLength(STARTS);
    for (const { problem } of answers.filter(({ ok }) => !ok)) {
      expect(problem).toMatchObject({ status: 429, code: 'rate_limited', details: { limit: 'CHAT_TOKENS_PER_DAY', used: 0 } });
      expect(problem?.retryAfterMs).toBeGreaterThan(0);
    }
    release.resolve();
    await Promise.all(taken.map(({ body }) => town.done(ann, 'get_turn', { id: body['turn'], wait: 30 })));
    expect(model.calls.filter((call) => questionOf(call).startsWith('start'))).toHaveLength(STARTS);
    // Settled with what was used, the day goes on; other doors spend from the same.
    expect((await start(100)).ok).toBe(true);
    const completion = { messages: [{ role: 'user', content: 'start dear' }], max_tokens: STARTS * ANSWER_TOKENS };
    const refused = await post(town, ann, '/v1/chat/completions', completion);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      error: { type: 'rate_limit_error', message: expect.stringContaining(`${STARTS * USED}`) as string },
    });
  });

  it('[conversation-quota] is refused before the model is asked when there is no room to keep it', async () => {
    const ann = await someone();
    await town.done(town.admin, 'update_user', { userId: ann.id, limits: { storageBytes: 20_000 } });
    const full = 'x'.repeat(10_000);
    const asked = model.calls.length;
    const { problem } = await town.rest(ann, 'chat', { message: full });
    expect(problem).toMatchObject({ status: 403, code: 'quota_exceeded' });
    expect((await town.done(ann, 'list_conversations'))['conversations']).toEqual([]);
    expect(model.calls).toHaveLength(asked);
    model.behave(echoing);
    expect(await town.done(ann, 'chat', { message: 'small' })).toMatchObject({ text: echo('small') });
  });
});

describe('a model that fails', () => {
  const faults = MODEL_FAULTS.filter(({ name }) =>
    ['error-event', 'error-event-midway', 'hangs-up-midway', 'no-finish', 'context-too-long'].includes(name),
  );

  it.each(faults)('[conversation-failure] ($name) leaves its user’s message to be found, and what was said', async ({ behave, code, hasBegun }) => {
    const ann = await someone();
    model.behave(behave);
    const { problem } = await town.rest(ann, 'chat', { message: 'Will this be lost?', tools: false });
    expect(problem?.code).toBe(code);
    const { turn, conversation } = { ...problem?.details };
    const { items } = (await town.done(ann, 'get_conversation', { id: conversation })) as { items: object[] };
    expect(items).toMatchObject([{ turn, state: 'failed', message: 'Will this be lost?', text: hasBegun === true ? HALF : '', error: { code } }]);
    expect(JSON.stringify(items)).not.toContain(PROVIDER_WORDS);
    // The question is remembered, the half answer is not.
    expect(await memoriesOf(ann)).toEqual(['User: Will this be lost?']);
    model.behave(echoing);
    expect(await town.done(ann, 'chat', { message: 'Go on.', conversation })).toMatchObject({ text: echo('Go on.') });
    expect(promptOf(model.calls.at(-1)).map(said)).not.toContain(HALF);
  });
});

describe('a server that starts again', () => {
  it('[conversation-restart] knows what was used of the day, and what it was saying when it stopped', async () => {
    const ann = await someone();
    model.behave(echoing);
    await town.done(ann, 'chat', { message: 'spend', maxTokens: 10 });
    await town.done(ann, 'complete_chat', { messages: [{ role: 'user', content: 'spend too' }], keep: false, maxTokens: 10 });
    const held = new HeldModel();
    model.behave(held.behave);
    const under = await town.done(ann, 'chat', { message: 'under way', conversation: 'talk', wait: 0 });
    const behind = await town.done(ann, 'chat', { message: 'behind it', conversation: 'talk', wait: 0 });
    await held.holding(1);
    await first.stop(0);
    model.behave(echoing);
    town = await openTown({ dataDir: first.dataDir, settings: { ...settings(), CHAT_TOKENS_PER_DAY: 1000 } });
    const { problem } = await town.rest(ann, 'chat', { message: 'more', maxTokens: 1000 });
    expect(problem).toMatchObject({ details: { limit: 'CHAT_TOKENS_PER_DAY', used: expect.any(Number) as number } });
    expect(Number(problem?.details?.['used'])).toBeGreaterThanOrEqual(2 * USED);
    const interrupted = { state: 'failed', error: { code: 'overloaded', message: expect.stringMatching(/^interrupted/) as string } };
    expect(await town.done(ann, 'get_turn', { id: under['turn'] })).toMatchObject({ ...interrupted, message: 'under way', text: 'Well' });
    expect(await town.done(ann, 'get_turn', { id: behind['turn'] })).toMatchObject({ ...interrupted, message: 'behind it', text: '' });
    expect(await town.done(ann, 'chat', { message: 'go on', conversation: 'talk', maxTokens: 10 })).toMatchObject({ state: 'done' });
  });
});
