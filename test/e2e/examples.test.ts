import { spawn } from 'node:child_process';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { POST } from '../../examples/nextjs-route/route.ts';
import { type ModelServer, openModelServer, sendEvents, speak, textChunk } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import { readerOf } from '../support/wire.ts';

const CHAT = fileURLToPath(new URL('../../examples/chat.mjs', import.meta.url));

let model: ModelServer;
let town: Town;

beforeAll(async () => {
  model = await openModelServer();
  town = await openTown({ sockets: true, settings: { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'] } });
});

afterAll(async () => {
  await town[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
});

function prompt(): readonly { readonly role: string; readonly content: string }[] {
  return (model.calls.at(-1)?.body['messages'] ?? []) as { role: string; content: string }[];
}

describe('examples/chat.mjs', () => {
  async function chat(key: string, args: readonly string[], input = '') {
    const env = { PATH: process.env['PATH'], POLYMNIA_URL: town.server.url, POLYMNIA_KEY: key };
    const child = spawn(process.execPath, [CHAT, ...args], { env });
    const code = new Promise<number | null>((resolve) => void child.once('close', resolve));
    child.stdin.end(input);
    const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    return { code: await code, stdout, stderr };
  }

  it('writes answers, and keeps the conversation of one run', async () => {
    const { key } = await town.citizen('ann');
    model.behave(speak('On ', 'Tuesdays.'));
    const [one, two] = await Promise.all([chat(key, ['When', 'do we deploy?']), chat(key, [], 'When do we deploy?\nAnd why?\n')]);
    expect(one).toEqual({ code: 0, stdout: 'On Tuesdays.\n', stderr: '' });
    expect(two).toMatchObject({ code: 0, stdout: 'On Tuesdays.\nOn Tuesdays.\n' });
    const conversations = model.calls.map(({ body }) => (body['messages'] as { content: string }[]).map(({ content }) => content));
    const second = conversations.find((texts) => texts.at(-1)?.endsWith('And why?'));
    expect(second?.slice(-3, -1)).toEqual([expect.stringMatching(/When do we deploy\?$/), 'On Tuesdays.']);
  });

  it('tells what went wrong, before an answer and inside it', async () => {
    const { key } = await town.citizen('ben');
    model.behave((response) => {
      sendEvents(response, textChunk('half'), { error: {} });
      response.end();
    });
    const [refused, broken] = await Promise.all([chat('pmn_nobody', ['hi']), chat(key, ['hi'])]);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('credential') as string });
    expect(broken).toMatchObject({ code: 1, stdout: 'half', stderr: expect.stringContaining('error inside its answer') as string });
  });
});

describe('examples/nextjs-route', () => {
  let shop: Citizen;
  beforeAll(async () => {
    shop = await town.citizen('shop', { scopes: ['chat', 'memory:read', 'memory:write', 'on_behalf'] });
    vi.stubEnv('POLYMNIA_URL', town.server.url);
    vi.stubEnv('POLYMNIA_KEY', shop.key);
  });
  afterAll(() => void vi.unstubAllEnvs());

  const visit = (user: string | undefined, content: string, signal = new AbortController().signal): Promise<Response> => {
    const headers = { 'content-type': 'application/json', ...(user === undefined ? {} : { 'x-auth-request-user': user }) };
    const body = JSON.stringify({ messages: [{ role: 'user', content }] });
    return POST(new Request('http://localhost/api/chat', { method: 'POST', headers, body, signal }));
  };

  it('streams each visitor an answer, with memories of their own', async () => {
    await town.done({ key: shop.key, onBehalfOf: 'ada' }, 'store_memory', { content: 'The shoe size is 38.' });
    expect((await visit(undefined, 'hi')).status).toBe(401);

    const goOn = Promise.withResolvers<void>();
    model.behave((response, call) => {
      sendEvents(response, textChunk('first '));
      void goOn.promise.then(
        () => speak('second')(response, call),
        () => {},
      );
    });
    const answer = await visit('ada', 'Which shoe size?');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const reader = readerOf(answer);
    let text = '';
    while (!text.includes('first')) text += Buffer.from((await reader.read()).value ?? []).toString();
    expect(text).not.toContain('second');
    goOn.resolve();
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value).toString();
    expect(text.indexOf('second')).toBeLessThan(text.indexOf('data: [DONE]'));
    expect(prompt().at(-1)?.content).toContain('38');

    model.behave(speak('Who knows?'));
    await (await visit('eve', 'Which shoe size?')).text();
    expect(JSON.stringify(prompt())).not.toContain('38');
  });

  it('stops the model when the visitor leaves', async () => {
    const controller = new AbortController();
    model.behave((response) => sendEvents(response, textChunk('a')));
    const answer = await visit('ada', 'wait', controller.signal);
    controller.abort();
    await expect(answer.text()).rejects.toMatchObject({ name: 'AbortError' });
    await model.calls.at(-1)?.closed;
  });
});
