import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelBehaviour, type ModelServer, openModelServer, sendEvents } from '../../../test/support/model-server.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { ModelEvent, ModelRequest } from '../../domains/conversation/ports.ts';
import { createAnthropicMessages } from './anthropic-messages.ts';

const KEY = 'sk-ant-secret';
const REQUEST: ModelRequest = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', content: '', toolCalls: [{ id: 't1', name: 'weather', arguments: '{"city":"Oslo"}' }] },
    { role: 'tool', content: 'rain', toolCallId: 't1' },
  ],
  passages: [],
  tools: [{ name: 'weather', parameters: { type: 'object' } }],
};
const START = { type: 'message_start', message: { usage: { input_tokens: 20, output_tokens: 1 } } };
const END = [{ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } }, { type: 'message_stop' }];
const delta = (given: object): unknown => ({ type: 'content_block_delta', index: 0, delta: given });

let server: ModelServer;
beforeAll(async () => {
  server = await openModelServer();
});
afterAll(() => server[Symbol.asyncDispose]());

function ask(request = REQUEST): AsyncIterable<ModelEvent> {
  const limits = { firstTokenMs: 5000, nextTokenMs: 5000, totalMs: 10_000 };
  const options = { name: 'The model claude', url: server.url, apiKey: KEY, model: 'claude', limits, clock: systemClock, random: () => 0 };
  return createAnthropicMessages(options).stream(request, { signal: new AbortController().signal });
}

function answer(...events: readonly unknown[]): ModelBehaviour {
  return (response) => {
    sendEvents(response, ...events);
    response.end();
  };
}

describe('createAnthropicMessages', () => {
  it('asks in the form of the API and reads texts, end and usage', async () => {
    server.behave(answer(START, { type: 'ping' }, delta({ type: 'text_delta', text: 'Rain.' }), ...END));
    expect(await Array.fromAsync(ask())).toEqual([
      { type: 'text', text: 'Rain.' },
      { type: 'finish', reason: 'stop' },
      { type: 'usage', usage: { inputTokens: 20, outputTokens: 5 } },
    ]);
    const { path, headers, body } = server.calls.at(-1) ?? {};
    expect(path).toBe('/v1/messages');
    expect(headers).toMatchObject({ 'x-api-key': KEY, 'anthropic-version': '2023-06-01' });
    expect(body).toMatchObject({
      model: 'claude',
      system: 'Be brief.',
      max_tokens: 4096,
      messages: [
        { role: 'user', content: 'Weather?' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Oslo' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'rain' }] },
      ],
      tools: [{ name: 'weather', input_schema: { type: 'object' } }],
      tool_choice: { type: 'auto' },
    });
  });

  it('declares the tools that were called, not to be called again, where none are offered now', async () => {
    server.behave(answer(START, delta({ type: 'text_delta', text: 'Rain.' }), ...END));
    const { tools: _offered, ...request } = REQUEST;
    await Array.fromAsync(ask(request));
    expect(server.calls.at(-1)?.body).toMatchObject({
      tools: [{ name: 'weather', input_schema: { type: 'object' } }],
      tool_choice: { type: 'none' },
    });
    await Array.fromAsync(ask({ ...request, messages: request.messages.slice(0, 2) }));
    expect(server.calls.at(-1)?.body).not.toHaveProperty('tools');
  });

  it('puts tool calls together from their pieces', async () => {
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 't2', name: 'weather' } };
    const stop = { type: 'message_delta', delta: { stop_reason: 'tool_use' } };
    server.behave(
      answer(
        START,
        block,
        delta({ type: 'input_json_delta', partial_json: '{"city":' }),
        delta({ type: 'input_json_delta', partial_json: '"Rome"}' }),
        stop,
        { type: 'message_stop' },
      ),
    );
    expect((await Array.fromAsync(ask())).slice(0, 2)).toEqual([
      { type: 'tool_call', call: { id: 't2', name: 'weather', arguments: '{"city":"Rome"}' } },
      { type: 'finish', reason: 'tool_calls' },
    ]);
  });

  it.each<[string, readonly unknown[]]>([
    ['an error inside the stream', [START, delta({ text: 'a' }), { type: 'error', error: { message: KEY } }]],
    ['no event of theirs', [START, delta({ text: 'a' }), '{']],
    ['an answer without its end', [START, delta({ text: 'a' })]],
    ['a tool call that is none', [START, delta({ text: 'a' }), delta({ partial_json: '{"x"' }), ...END]],
  ])('refuses %s', async (_name, events) => {
    server.behave(answer(...events));
    await expect(Array.fromAsync(ask())).rejects.toMatchObject({ code: 'upstream_failed', message: expect.not.stringContaining(KEY) });
  });
});
