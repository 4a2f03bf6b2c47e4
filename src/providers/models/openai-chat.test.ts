import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  END_CHUNKS,
  type ModelBehaviour,
  type ModelServer,
  openModelServer,
  sendEvents,
  speak,
  textChunk,
} from '../../../test/support/model-server.ts';
import { systemClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { ModelEvent, ModelRequest } from '../../domains/conversation/ports.ts';
import type { ModelLimits } from './model-http.ts';
import { createOpenAiChat } from './openai-chat.ts';

const KEY = 'sk-very-secret';
const TEXT = 'the moon landing was staged in my garden';
const REQUEST: ModelRequest = { messages: [{ role: 'user', content: TEXT }], passages: [] };
const live = new AbortController().signal;

let server: ModelServer;
let seen = 0;
beforeAll(async () => {
  server = await openModelServer();
});
beforeEach(() => {
  seen = server.calls.length;
});
afterAll(() => server[Symbol.asyncDispose]());

function ask(limits: Partial<ModelLimits> = {}, request = REQUEST, signal = live): AsyncIterable<ModelEvent> {
  const model = createOpenAiChat({
    name: 'The model tiny',
    url: `${server.url}/v1/`,
    apiKey: KEY,
    model: 'tiny',
    maxTokensField: 'max_tokens',
    limits: { firstTokenMs: 5000, nextTokenMs: 5000, totalMs: 10_000, ...limits },
    // Pauses between attempts pass at once; time-outs are real.
    clock: { ...systemClock, after: (ms, run) => systemClock.after(PAUSES.has(ms) ? 0 : ms, run) },
    random: () => 0,
  });
  return model.stream(request, { signal });
}

const PAUSES: ReadonlySet<number> = new Set([500, 1000, 7000]);

interface Failure {
  readonly error: PolymniaError;
  readonly text: string;
  readonly attempts: number;
}

/** What came before the failure, and the failure, which tells neither key nor text. */
async function failure(limits: Partial<ModelLimits> = {}, signal = live): Promise<Failure> {
  let text = '';
  try {
    for await (const event of ask(limits, REQUEST, signal)) if (event.type === 'text') text += event.text;
  } catch (error) {
    if (!(error instanceof PolymniaError)) throw error;
    const told = JSON.stringify([error.message, error.details, String(error.cause), error.stack]);
    expect(told).not.toContain(KEY);
    expect(told).not.toContain('moon');
    return { error, text, attempts: server.calls.length - seen };
  }
  throw new Error(`did not fail, but said "${text}"`);
}

function status(code: number, headers: Record<string, string> = {}): ModelBehaviour {
  return (response) => void response.writeHead(code, headers).end(`{"error":"${KEY} ${TEXT}"}`);
}

function cut(response: ServerResponse, ...events: readonly unknown[]): void {
  sendEvents(response, ...events);
  // The client must have read what was written before the cut.
  response.socket?.once('drain', () => response.destroy());
  setImmediate(() => response.destroy());
}

function pour(response: ServerResponse, text: string): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  const more = (): void => {
    while (!response.destroyed && response.write(text));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

const toolPart = (part: object): unknown => ({ choices: [{ index: 0, delta: { tool_calls: [part] }, finish_reason: null }] });

describe('createOpenAiChat', () => {
  it('asks in the form of the API and reads texts, end and usage', async () => {
    server.behave(speak('Hel', 'lo'));
    const request = { ...REQUEST, maxTokens: 9, temperature: 0.5, stop: ['x'] };
    expect(await Array.fromAsync(ask({}, request))).toEqual([
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      { type: 'finish', reason: 'stop' },
      { type: 'usage', usage: { inputTokens: 11, outputTokens: 7 } },
    ]);
    const { path, headers, body } = server.calls.at(-1) ?? {};
    expect(path).toBe('/v1/chat/completions');
    expect(headers?.authorization).toBe(`Bearer ${KEY}`);
    expect(body).toEqual({
      model: 'tiny',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: TEXT }],
      max_tokens: 9,
      temperature: 0.5,
      stop: ['x'],
    });
  });

  it('puts tool calls together from their pieces, several at once, with and without an index', async () => {
    server.behave((response) => {
      sendEvents(
        response,
        toolPart({ index: 1, id: 'b', function: { name: 'two', arguments: '' } }),
        toolPart({ id: 'a', function: { name: 'one', arguments: '{"x":' } }),
        toolPart({ index: 0, function: { arguments: '1}' } }),
        { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
        '[DONE]',
      );
      response.end();
    });
    expect(await Array.fromAsync(ask())).toEqual([
      { type: 'tool_call', call: { id: 'a', name: 'one', arguments: '{"x":1}' } },
      { type: 'tool_call', call: { id: 'b', name: 'two', arguments: '{}' } },
      { type: 'finish', reason: 'tool_calls' },
    ]);
  });

  it.each<[string, ModelBehaviour]>([
    ['no JSON', (response) => sendEvents(response, '{"choices": [')],
    ['another shape', (response) => sendEvents(response, { choices: 'none' })],
    ['an error inside the stream', (response) => sendEvents(response, { error: { message: KEY } })],
    ['a web page', (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    [
      'a tool call that is no JSON',
      (response) => sendEvents(response, toolPart({ index: 0, function: { name: 'f', arguments: '{"x"' } }), ...END_CHUNKS),
    ],
    ['a tool call without a name', (response) => sendEvents(response, toolPart({ index: 0, function: { arguments: '{}' } }), ...END_CHUNKS)],
    ['an endless line', (response) => pour(response, 'data: '.padEnd(65_536, 'x'))],
    ['a redirect', status(307, { location: '/elsewhere' })],
    ['a refused key', status(401)],
    ['no such model', status(404)],
  ])('refuses %s, at once and in its own words', async (_name, behaviour) => {
    server.behave(behaviour);
    const { error, attempts } = await failure();
    expect(error.code).toBe('upstream_failed');
    expect(attempts).toBe(1);
    await server.calls.at(-1)?.closed;
  });

  it('reads no more than its bytes', async () => {
    server.behave((response) => pour(response, `data: ${JSON.stringify(textChunk('x'.repeat(1000)))}\n\n`));
    expect((await failure({ maxBytes: 100_000 })).error).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('100000 bytes') });
    await server.calls.at(-1)?.closed;
  });

  it.each([500, 502, 408])('tries status %i three times', async (code) => {
    server.behave(status(code));
    expect(await failure()).toMatchObject({ error: { code: 'upstream_failed', details: { status: code } }, attempts: 3 });
  });

  it('tries a connection that is cut before the first token again, and then goes on', async () => {
    server.behave((response) => {
      server.behave(speak('here'));
      response.destroy();
    });
    expect(await Array.fromAsync(ask())).toContainEqual({ type: 'text', text: 'here' });
    expect(server.calls.length - seen).toBe(2);
  });

  it('never tries again after the first token', async () => {
    server.behave((response) => cut(response, textChunk('half an ')));
    expect(await failure()).toMatchObject({ error: { code: 'upstream_failed' }, text: 'half an ', attempts: 1 });
  });

  it('takes an answer that ends without its end for cut off', async () => {
    server.behave((response) => {
      sendEvents(response, textChunk('half'));
      response.end();
    });
    expect(await failure()).toMatchObject({ error: { code: 'upstream_failed' }, text: 'half' });
  });

  it('waits as long as a busy provider says, and gives up when that is too long', async () => {
    server.behave((response) => {
      server.behave(speak('free'));
      response.writeHead(429, { 'retry-after': '7' }).end();
    });
    expect(await Array.fromAsync(ask())).toContainEqual({ type: 'text', text: 'free' });
    server.behave(status(429, { 'retry-after': '600' }));
    seen = server.calls.length;
    expect(await failure()).toMatchObject({ error: { code: 'overloaded', retryAfterMs: 600_000, details: { status: 429 } }, attempts: 1 });
  });

  it('lays a refused request at its caller', async () => {
    server.behave(status(400));
    expect(await failure()).toMatchObject({ error: { code: 'invalid_input' }, attempts: 1 });
  });

  it.each<[string, string, Partial<ModelLimits>, ModelBehaviour]>([
    ['never answers', 'CHAT_FIRST_TOKEN_TIMEOUT', { firstTokenMs: 60 }, () => {}],
    [
      'drips comments',
      'CHAT_FIRST_TOKEN_TIMEOUT',
      { firstTokenMs: 60 },
      (response) => {
        sendEvents(response);
        const timer = setInterval(() => response.write(': ping\n\n'), 5);
        response.on('close', () => clearInterval(timer));
      },
    ],
    ['stops in the middle', 'CHAT_TOKEN_TIMEOUT', { nextTokenMs: 60 }, (response) => sendEvents(response, textChunk('a'))],
    [
      'drips for ever',
      'CHAT_OP_TIMEOUT',
      { totalMs: 150 },
      (response) => {
        const timer = setInterval(() => sendEvents(response, textChunk('a')), 10);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('hangs up on a provider that %s, naming %s', async (_name, limit, limits, behaviour) => {
    server.behave(behaviour);
    expect((await failure(limits)).error).toMatchObject({ code: 'timed_out', details: { limit } });
    await server.calls.at(-1)?.closed;
  });

  it('stops when its caller does', async () => {
    const controller = new AbortController();
    server.behave(() => controller.abort());
    expect((await failure({}, controller.signal)).error.code).toBe('cancelled');
    await server.calls.at(-1)?.closed;
  });

  it('hangs up when its reader leaves', async () => {
    server.behave((response) => sendEvents(response, textChunk('a')));
    for await (const event of ask()) {
      expect(event).toEqual({ type: 'text', text: 'a' });
      break;
    }
    await server.calls.at(-1)?.closed;
  });

  it('asks again on the connections of answers that have ended', async () => {
    server.behave(speak('one'));
    for (let n = 0; n < 10; n++) await Array.fromAsync(ask());
    const ports = new Set(server.calls.slice(seen).map(({ port }) => port));
    expect(ports.size).toBeLessThan(10);
  });

  it('waits for the end of the answer, not for that of a provider that does not end it', async () => {
    server.behave((response) => sendEvents(response, textChunk('all'), ...END_CHUNKS));
    expect(await Array.fromAsync(ask())).toContainEqual({ type: 'text', text: 'all' });
    await server.calls.at(-1)?.closed;
  });
});
