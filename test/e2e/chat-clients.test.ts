import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { APICallError, generateText, isStepCount, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { END_CHUNKS, type ModelBehaviour, type ModelServer, openModelServer, sendEvents, speak, textChunk } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

const CALLS_A_MINUTE = 20;
const MINUTE_MS = 60_000;

let before: Resources;
let model: ModelServer;
let town: Town;
let users = 0;
/** Milliseconds by which the server's clock is ahead of ours, and where it stands while it stands still. */
let ahead = 0;
let stopped: number | undefined;
const clock: Clock = { ...systemClock, monotonic: () => stopped ?? systemClock.monotonic() + ahead };

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer();
  const settings = { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], RATE_LIMIT_CHAT_PER_MIN: CALLS_A_MINUTE };
  town = await openTown({ sockets: true, settings, overrides: { clock } });
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

const someone = (): Promise<Citizen> => town.citizen(`user ${users++}`, { scopes: ['chat'] });

/** Asks for the weather in Oslo, and quotes what the tool said. */
const askForWeather: ModelBehaviour = (response, { body }) => {
  const { role, content } = (body['messages'] as { role: string; content: string }[]).at(-1) ?? {};
  if (role === 'tool') {
    sendEvents(response, textChunk(`It said ${content}.`), ...END_CHUNKS);
  } else {
    const called = { index: 0, id: 't1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } };
    sendEvents(response, { choices: [{ index: 0, delta: { tool_calls: [called] } }] }, ...END_CHUNKS);
  }
  response.end();
};

const breakOff: ModelBehaviour = (response) => {
  sendEvents(response, textChunk('half'), { error: { message: 'sk-secret' } });
  response.end();
};

/** A fetch that notes what came back, and when. With the first answer time goes on. */
function noting(): { readonly fetch: typeof fetch; readonly answers: { readonly status: number; readonly at: number; readonly pauseMs: number }[] } {
  const answers: { status: number; at: number; pauseMs: number }[] = [];
  return {
    answers,
    fetch: async (...args) => {
      const response = await fetch(...args);
      if (stopped !== undefined) ahead = stopped - systemClock.monotonic();
      stopped = undefined;
      answers.push({ status: response.status, at: performance.now(), pauseMs: Number(response.headers.get('retry-after-ms') ?? 0) });
      return response;
    },
  };
}

/** Uses up what the user may ask in a minute. All but a moment of the minute then passes, and there time stands still. */
async function useUp({ key }: Citizen): Promise<void> {
  const startedAt = clock.monotonic();
  const calls = Array.from({ length: CALLS_A_MINUTE }, () => town.send('/v1/models', { headers: { authorization: `Bearer ${key}` } }));
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 200));
  stopped = startedAt + MINUTE_MS - 300;
}

function expectPauseKept(answers: ReturnType<typeof noting>['answers']): void {
  const [refused, taken, ...more] = answers;
  expect([refused?.status, taken?.status, more]).toEqual([429, 200, []]);
  expect(refused?.pauseMs).toBeGreaterThan(0);
  expect((taken?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(refused?.pauseMs ?? Infinity);
}

describe('the AI SDK', () => {
  const compatible = ({ key }: Citizen, fetch = globalThis.fetch) =>
    createOpenAICompatible({ name: 'polymnia', baseURL: `${town.server.url}/v1`, apiKey: key, includeUsage: true, fetch })('tiny');

  it('[chat-foreign-clients] gets whole answers, through either of its OpenAI providers', async () => {
    model.behave(speak('Fine', ', thanks.'));
    const user = await someone();
    const openai = createOpenAI({ baseURL: `${town.server.url}/v1`, apiKey: user.key });
    for (const each of [compatible(user), openai.chat('tiny')]) {
      const { text, finishReason, usage } = await generateText({ model: each, instructions: 'Be brief.', prompt: 'How are you?' });
      expect({ text, finishReason, input: usage.inputTokens, output: usage.outputTokens }).toEqual({
        text: 'Fine, thanks.',
        finishReason: 'stop',
        input: 11,
        output: 7,
      });
    }
    const unasked: unknown = await generateText({ model: openai('tiny'), prompt: 'hi' }).catch((error: unknown) => error);
    expect(unasked).toBeInstanceOf(APICallError);
    expect(unasked).toMatchObject({ statusCode: 404, message: expect.stringMatching(/no Responses API.*openai\.chat\(model\)/) });
  });

  it('[chat-foreign-clients] reads a stream to its end, and its break as an error of its own', async () => {
    const user = await someone();
    model.behave(speak('One ', 'two ', 'three.'));
    const whole = streamText({ model: compatible(user), prompt: 'count' });
    expect((await Array.fromAsync(whole.textStream)).join('')).toBe('One two three.');
    expect([await whole.finishReason, (await whole.usage).totalTokens]).toEqual(['stop', 18]);

    model.behave(breakOff);
    const told: unknown[] = [];
    const broken = streamText({ model: compatible(user), prompt: 'count', onError: ({ error }) => void told.push(error) });
    expect((await Array.fromAsync(broken.textStream)).join('')).toBe('half');
    expect(String(told)).toContain('The model tiny reported an error inside its answer.');
    expect(await broken.finishReason).toBe('error');
    const unknown = createOpenAI({ baseURL: `${town.server.url}/v1`, apiKey: user.key }).chat('gpt-9');
    await expect(generateText({ model: unknown, prompt: 'hi' })).rejects.toMatchObject({ name: 'AI_APICallError', statusCode: 404 });
  });

  it('[chat-foreign-clients] runs its tools and brings their results back', async () => {
    model.behave(askForWeather);
    const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `rain in ${city}` });
    const { text, steps } = await generateText({
      model: compatible(await someone()),
      prompt: 'Weather?',
      tools: { weather },
      stopWhen: isStepCount(2),
    });
    expect(steps).toHaveLength(2);
    expect(text).toContain('rain in Oslo');
  });

  it('[chat-foreign-clients] that stops in the middle stops the model', async () => {
    model.behave((response) => sendEvents(response, textChunk('a')));
    const controller = new AbortController();
    const { textStream } = streamText({ model: compatible(await someone()), prompt: 'wait', abortSignal: controller.signal });
    for await (const _text of textStream) controller.abort();
    await model.calls.at(-1)?.closed;
  });

  it('[chat-foreign-clients] waits as long as a refusal says', async () => {
    model.behave(speak('Now.'));
    const user = await someone();
    await useUp(user);
    const { fetch, answers } = noting();
    expect((await generateText({ model: compatible(user, fetch), prompt: 'hi' })).text).toBe('Now.');
    expectPauseKept(answers);
  });
});

describe('LangChain', () => {
  const chat = ({ key }: Citizen, { name = 'tiny', fetch = globalThis.fetch, maxRetries = 0 } = {}): ChatOpenAI =>
    new ChatOpenAI({ model: name, apiKey: key, maxRetries, configuration: { baseURL: `${town.server.url}/v1`, fetch } });

  it('[chat-foreign-clients] gets whole answers and streams, and errors of its own', async () => {
    const user = await someone();
    model.behave(speak('One ', 'two.'));
    const answer = await chat(user).invoke([['system', 'Be brief.'] as const, new HumanMessage('count')]);
    expect(answer.content).toBe('One two.');
    expect(answer.usage_metadata).toMatchObject({ input_tokens: 11, output_tokens: 7 });
    const chunks = await Array.fromAsync(await chat(user).stream('count'));
    expect(chunks.map(({ content }) => content).join('')).toBe('One two.');

    await expect(chat(user, { name: 'gpt-9' }).invoke('hi')).rejects.toMatchObject({ status: 404, lc_error_code: 'MODEL_NOT_FOUND' });
    model.behave(breakOff);
    await expect(chat(user).stream('count').then(Array.fromAsync)).rejects.toThrow('The model tiny reported an error inside its answer.');
  });

  it('[chat-foreign-clients] runs its tools and brings their results back', async () => {
    model.behave(askForWeather);
    const bound = chat(await someone()).bindTools([{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }]);
    const question = new HumanMessage('Weather?');
    const wish = await bound.invoke([question]);
    expect(wish.tool_calls).toMatchObject([{ id: 't1', name: 'weather', args: { city: 'Oslo' } }]);
    const result = new ToolMessage({ tool_call_id: 't1', content: 'rain' });
    expect((await bound.invoke([question, wish, result])).content).toBe('It said rain.');
  });

  it('[chat-foreign-clients] that stops in the middle stops the model', async () => {
    model.behave((response) => sendEvents(response, textChunk('a')));
    const controller = new AbortController();
    const stream = await chat(await someone()).stream('wait', { signal: controller.signal });
    const read = async (): Promise<void> => {
      for await (const _chunk of stream) controller.abort();
    };
    await expect(read()).rejects.toMatchObject({ name: 'AbortError' });
    await model.calls.at(-1)?.closed;
  });

  it('[chat-foreign-clients] waits as long as a refusal says', async () => {
    model.behave(speak('Now.'));
    const user = await someone();
    await useUp(user);
    const { fetch, answers } = noting();
    expect((await chat(user, { fetch, maxRetries: 1 }).invoke('hi')).content).toBe('Now.');
    expectPauseKept(answers);
  });
});
