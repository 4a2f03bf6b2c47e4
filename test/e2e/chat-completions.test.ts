import OpenAI, { APIError, NotFoundError, RateLimitError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { END_CHUNKS, type ModelServer, openModelServer, sendEvents, speak, textChunk } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

const PROVIDER_KEY = 'sk-of-the-provider';

let before: Resources;
let model: ModelServer;
let town: Town;
let alice: Citizen;
let bob: Citizen;

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer(speak('Fine', ', thanks.'));
  town = await openTown({
    sockets: true,
    settings: { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny', 'other'], CHAT_MODEL_API_KEY: PROVIDER_KEY, CHAT_RECALL_TIMEOUT: 20_000 },
    overrides: { checkOutputs: true },
  });
  [alice, bob] = [await town.citizen('alice'), await town.citizen('bob')];
  await town.done(alice, 'store_memory', { content: 'The harbour code word is PELICAN-77.' });
  await town.done(bob, 'store_memory', { content: 'The harbour code word is WALRUS-12.' });
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

function client(apiKey: string, options: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}): OpenAI {
  return new OpenAI({ baseURL: `${town.server.url}/v1`, apiKey, maxRetries: 0, ...options });
}

const ask = (content: string) => ({ model: 'tiny', messages: [{ role: 'user' as const, content }] });

function promptOf(call = model.calls.at(-1)): readonly { readonly role: string; readonly content: string }[] {
  return (call?.body['messages'] ?? []) as { role: string; content: string }[];
}

describe('an OpenAI client', () => {
  it('[chat-openai-plain] gets models, a whole answer with usage, and errors it knows', async () => {
    model.behave(speak('Fine', ', thanks.'));
    const openai = client(alice.key);
    const models = await Array.fromAsync(await openai.models.list());
    expect(models.map(({ id, object }) => [id, object])).toEqual([
      ['tiny', 'model'],
      ['other', 'model'],
    ]);
    const answer = await openai.chat.completions.create({
      model: 'tiny',
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'Be ' },
            { type: 'text', text: 'brief.' },
          ],
        },
        { role: 'user', content: 'How are you?' },
      ],
      max_completion_tokens: 50,
      user: 'ignored',
      service_tier: 'auto',
    });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Fine, thanks.' } }],
      usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
    });
    expect(promptOf()[0]).toEqual({ role: 'system', content: 'Be brief.' });
    expect(model.calls.at(-1)?.headers.authorization).toBe(`Bearer ${PROVIDER_KEY}`);

    const unknown = await openai.chat.completions.create({ ...ask('hi'), model: 'gpt-9' }).catch((error: unknown) => error);
    expect(unknown).toBeInstanceOf(NotFoundError);
    expect(unknown).toMatchObject({ code: 'not_found', type: 'not_found_error' });
    await expect(openai.responses.create({ model: 'tiny', input: 'hi' })).rejects.toThrow(/no Responses API.*chat\/completions/);
    await expect(client('pmn_nobody').models.list()).rejects.toMatchObject({ status: 401, type: 'authentication_error' });
    const image = { type: 'image_url' as const, image_url: { url: 'data:,' } };
    await expect(openai.chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: [image] }] })).rejects.toMatchObject({
      status: 400,
      param: 'messages.0.content.0',
    });
  });

  it('[chat-openai-stream] gets a stream with every field its helpers need, tool calls included', async () => {
    model.behave(speak('One ', 'two ', 'three.'));
    const stream = client(alice.key).chat.completions.stream({ ...ask('count'), stream_options: { include_usage: true } });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const final = await stream.finalChatCompletion();
    expect(deltas.join('')).toBe('One two three.');
    expect(final.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'One two three.' } });
    expect(final.usage).toMatchObject({ total_tokens: 18 });

    model.behave((response) => {
      const call = { index: 0, id: 't1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } };
      sendEvents(response, { choices: [{ index: 0, delta: { tool_calls: [call] } }] }, ...END_CHUNKS);
      response.end();
    });
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }];
    const called = await client(alice.key)
      .chat.completions.stream({ ...ask('weather?'), tools })
      .finalChatCompletion();
    expect(called.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ id: 't1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }] },
    });

    model.behave(speak('x'));
    const raw = await town.send('/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask('raw'), stream: true }),
    });
    expect(raw.headers.get('content-type')).toContain('text/event-stream');
    expect(raw.headers.get('x-accel-buffering')).toBe('no');
    const events = (await raw.text()).trimEnd().split('\n\n');
    expect(events.at(-1)).toBe('data: [DONE]');
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice('data: '.length)) as { choices: { index: number; delta: object }[] });
    expect(chunks[0]?.choices[0]).toMatchObject({ index: 0, delta: { role: 'assistant' } });
    for (const chunk of chunks)
      expect(chunk).toMatchObject({ id: expect.stringMatching(/^chatcmpl-/), object: 'chat.completion.chunk', model: 'tiny' });
  });

  it('[chat-abort] that leaves stops the call to the model, before and inside an answer', async () => {
    for (const events of [[], [textChunk('a')]]) {
      const reached = Promise.withResolvers<void>();
      model.behave((response) => {
        sendEvents(response, ...events);
        reached.resolve();
      });
      const controller = new AbortController();
      const read = async (): Promise<void> => {
        const stream = await client(alice.key).chat.completions.create({ ...ask('wait'), stream: true }, { signal: controller.signal });
        for await (const _chunk of stream) controller.abort();
      };
      const reading = read();
      await reached.promise;
      if (events.length === 0) controller.abort();
      await reading.catch((error: unknown) => expect(error).toBeInstanceOf(APIError));
      await model.calls.at(-1)?.closed;
    }
    const controller = new AbortController();
    model.behave(() => controller.abort());
    await expect(client(alice.key).chat.completions.create(ask('whole'), { signal: controller.signal })).rejects.toBeInstanceOf(APIError);
    await model.calls.at(-1)?.closed;
  });

  it('[chat-model-fault] is told what a model did wrong, by status before the answer and as an error inside it', async () => {
    model.behave((response) => void response.writeHead(401).end(PROVIDER_KEY));
    const refused: unknown = await client(alice.key)
      .chat.completions.create({ ...ask('hi'), stream: true })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 502, code: 'upstream_failed' });
    expect(String(refused)).not.toContain(PROVIDER_KEY);
    model.behave((response) => {
      sendEvents(response, textChunk('half'), { error: { message: PROVIDER_KEY } });
      response.end();
    });
    const stream = await client(alice.key).chat.completions.create({ ...ask('hi'), stream: true });
    let text = '';
    const broken: unknown = await (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    })().catch((error: unknown) => error);
    expect(text).toBe('half');
    expect(broken).toBeInstanceOf(APIError);
    expect(String(broken)).not.toContain(PROVIDER_KEY);
  });

  it('[chat-recall] has the memories of its own user before the model, and never those of another', async () => {
    model.behave(speak('ok'));
    for (const [citizen, own, foreign] of [
      [alice, 'PELICAN-77', 'WALRUS-12'],
      [bob, 'WALRUS-12', 'PELICAN-77'],
    ] as const) {
      const messages = [{ role: 'system' as const, content: 'Be brief.' }, ...ask('What is the harbour code word?').messages];
      const answer = await client(citizen.key).chat.completions.create({ model: 'tiny', messages });
      expect(answer).toMatchObject({ polymnia: { recall: { state: 'done', memories: [expect.stringMatching(/^mem_/)] } } });
      const [system, user, ...more] = promptOf();
      expect(system).toEqual({ role: 'system', content: 'Be brief.' });
      expect(more).toEqual([]);
      expect(user?.role).toBe('user');
      expect(user?.content).toContain(own);
      expect(user?.content).toMatch(/What is the harbour code word\?$/);
      expect(JSON.stringify(model.calls.at(-1)?.body)).not.toContain(foreign);
    }
    const { secret } = await town.keyFor(alice.id, { scopes: ['chat'] });
    const answer = await client(secret).chat.completions.create(ask('What is the harbour code word?'));
    expect(answer).toMatchObject({ polymnia: { recall: { state: 'not_allowed', memories: [] } } });
    expect(JSON.stringify(promptOf())).not.toContain('PELICAN');
  });
});

describe('many at once', () => {
  it('[chat-interleaving] each get the answer to their own question, with their own memories', async () => {
    model.behave((response, call) => speak(promptOf(call).at(-1)?.content ?? '')(response, call));
    const calls = Array.from({ length: 24 }, async (_, at) => {
      const [citizen, own, foreign] = at % 2 === 0 ? ([alice, 'PELICAN-77', 'WALRUS-12'] as const) : ([bob, 'WALRUS-12', 'PELICAN-77'] as const);
      const question = `Harbour code word, question ${at}?`;
      const answer = await client(citizen.key).chat.completions.stream(ask(question)).finalContent();
      expect(answer).toContain(own);
      expect(answer).not.toContain(foreign);
      expect(answer?.endsWith(question)).toBe(true);
    });
    await Promise.all(calls);
  });

  it('[P1-chat-slow-model] do not wait for one whose model says nothing', async () => {
    const hung = Promise.withResolvers<void>();
    let hanging = 0;
    model.behave((response, call) => {
      if (promptOf(call).at(-1)?.content.endsWith('for ever') !== true) speak('quick')(response, call);
      else if (++hanging === 8) hung.resolve();
    });
    const controller = new AbortController();
    const slow = Array.from({ length: 8 }, () => client(alice.key).chat.completions.create(ask('for ever'), { signal: controller.signal }));
    const ends = Promise.allSettled(slow);
    await hung.promise;
    expect(await client(bob.key).chat.completions.stream(ask('hi')).finalContent()).toBe('quick');
    expect(await client(alice.key).chat.completions.stream(ask('hi')).finalContent()).toBe('quick');
    await town.done(alice, 'search_memory');
    controller.abort();
    expect((await ends).map(({ status }) => status)).toEqual(slow.map(() => 'rejected'));
  });
});

describe('a server with its own limits and no model', () => {
  it('[chat-rate] answers 429 with the pause above the rate, which costs nobody else', async () => {
    await using small = await openTown({ sockets: true, settings: { RATE_LIMIT_CHAT_PER_MIN: 3 } });
    const [ann, ben] = [await small.citizen('ann'), await small.citizen('ben')];
    const of = ({ key }: Citizen): OpenAI => new OpenAI({ baseURL: `${small.server.url}/v1`, apiKey: key, maxRetries: 0 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => of(ann).chat.completions.create({ ...ask('hi'), model: 'offline/extractive' })),
    );
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refused).toHaveLength(2);
    for (const error of refused) {
      expect(error).toBeInstanceOf(RateLimitError);
      expect(Number((error as APIError).headers?.get('retry-after'))).toBeGreaterThan(0);
    }
    await expect(of(ben).models.list()).resolves.toMatchObject({ data: [{ id: 'offline/extractive' }] });
  });

  it('[chat-ping] keeps a stream alive while its model says nothing', async () => {
    const soon: ReadonlySet<number> = new Set([10_000, 15_000]);
    const clock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(soon.has(ms) ? 10 : ms, run) };
    const reached = Promise.withResolvers<() => void>();
    model.behave((response, call) => reached.resolve(() => speak('At last.')(response, call)));
    await using small = await openTown({
      sockets: true,
      settings: { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'] },
      overrides: { clock },
    });
    const ann = await small.citizen('ann');
    const response = await small.send('/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: `Bearer ${ann.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask('hi'), stream: true }),
    });
    let text = '';
    const speakUp = await reached.promise;
    for await (const part of response.body ?? []) {
      const before = text;
      text += Buffer.from(part as Uint8Array).toString();
      if (!before.includes(': ping\n\n') && text.includes(': ping\n\n')) speakUp();
    }
    expect(text.indexOf(': ping')).toBeLessThan(text.indexOf('At last.'));
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('[chat-offline] quotes what is stored, with its source, and says that no model is set up', async () => {
    await using small = await openTown({ sockets: true });
    const ann = await small.citizen('ann');
    const { id } = await small.done(ann, 'store_memory', { content: 'We deploy on Tuesdays. The cat is called Miso.' });
    const openai = new OpenAI({ baseURL: `${small.server.url}/v1`, apiKey: ann.key, maxRetries: 0 });
    const answer = await openai.chat.completions.create({ ...ask('When do we deploy?'), model: 'offline/extractive' });
    expect(answer.choices[0]?.message.content).toContain(`“We deploy on Tuesdays.” [${String(id)}]`);
    expect(answer.choices[0]?.message.content).toContain('No language model is set up');
  });
});
