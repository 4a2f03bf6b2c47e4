import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '../config/options.ts';
import { settingsWith } from '../config/settings.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { type LogFields, silentLogger } from '../kernel/logger.ts';
import type { LocalPlace } from '../providers/models/local-servers.ts';
import { checkModels, offerLocalModels } from './offer-local-models.ts';

type Handler = (response: ServerResponse, request: IncomingMessage) => void;

const servers: Server[] = [];
const ends: Promise<unknown>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
  ends.length = 0;
  timeOuts.length = 0;
});

/** A program that listens on a port of this machine. */
async function program(handler: Handler, path: LocalPlace['path'] = '/v1/models'): Promise<LocalPlace> {
  const server = createServer((request, response) => {
    ends.push(once(response, 'close'));
    handler(response, request);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, path };
}

const models =
  (...ids: readonly string[]): Handler =>
  (response) =>
    void response.end(JSON.stringify({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) }));

/** Time-outs of looks, in the order of their places. They come when a test says so. */
const timeOuts: { readonly ms: number; readonly run: () => void }[] = [];
const clock: Clock = {
  ...systemClock,
  after(ms, run) {
    timeOuts.push({ ms, run });
    return () => {};
  },
};

async function offer(places: readonly LocalPlace[], settings: Partial<Settings> = {}, signal = new AbortController().signal) {
  const lines: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  const logger = { ...silentLogger, info: (message: string, fields?: LogFields) => void lines.push({ message, fields }) };
  await offerLocalModels({ settings: settingsWith(settings), clock, logger, signal, places });
  return lines;
}

async function detail(places: readonly LocalPlace[], settings: Partial<Settings> = {}): Promise<string> {
  const check = await checkModels({ settings: settingsWith(settings), clock, signal: new AbortController().signal, places });
  expect(check).toMatchObject({ name: 'chat model', ok: true });
  return check.detail;
}

describe('models on this machine', () => {
  it('are offered by one log line, and by doctor, with the options that would use them', async () => {
    const ollama = await program((response, { method, url, headers }) => {
      expect([method, url, Object.keys(headers).toSorted()]).toEqual(['GET', '/api/tags', ['accept', 'connection', 'host']]);
      response.end(JSON.stringify({ models: [{ name: 'nomic-embed-text' }, { name: 'llama3.2:latest', model: 'x' }, { name: 'qwen3:8b' }] }));
    }, '/api/tags');
    const other = await program(models('gpt-oss'));
    const options = `CHAT_MODEL_URL=http://127.0.0.1:${ollama.port}/v1 CHAT_MODEL=llama3.2:latest`;
    const found = `http://127.0.0.1:${ollama.port}/v1 has llama3.2:latest, qwen3:8b; http://127.0.0.1:${other.port}/v1 has gpt-oss`;
    expect(await offer([ollama, other])).toEqual([
      { message: expect.stringContaining('these options would use it') as string, fields: { options, found } },
    ]);
    expect(await detail([ollama, other])).toMatch(new RegExp(`^none is set up.*: ${found}; to use it, set ${options}$`));
  });

  it('are named only by names that can stand in an option, and few of them', async () => {
    const odd = ['a; rm -rf ~', 'two,names', '$(id)', '-flag', '\u001b[2J', 'a\nb', 'x'.repeat(200), '', 'bge-reranker'];
    expect(await detail([await program(models(...odd, 'plain', 'plain', 'b', 'c', 'd', 'e', 'f'))])).toContain(' has plain, b, c, d, e; to use');
    expect(await offer([await program(models(...odd))])).toEqual([]);
  });

  it.each<[string, Handler]>([
    ['redirects', (response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['wants a key', (response) => void response.writeHead(401).end('{"data":[{"id":"tiny"}]}')],
    ['is a web page', (response) => void response.end('<html>')],
    ['has another shape', (response) => void response.end('{"data":{"id":"tiny"}}')],
    ['lists too many', models(...Array.from({ length: 1001 }, (_, at) => `m${at}`))],
    ['says too much', (response) => void response.end('{"data":[{"id":"tiny"}]}'.padEnd(300_000))],
    ['speaks no HTTP', (response) => void response.socket?.end('SSH-2.0\r\n')],
    ['hangs up', (response) => void response.destroy()],
    ['breaks off', (response) => void (response.write('{"data":'), setImmediate(() => response.destroy()))],
    ['never answers', () => timeOuts[0]?.run()],
    ['never ends', (response) => void response.write('{"data":[', () => timeOuts[0]?.run())],
  ])('are not looked for in a program that %s, beside which others are found', async (_what, handler) => {
    const seen: (string | undefined)[] = [];
    const strange = await program((response, request) => {
      seen.push(request.url);
      handler(response, request);
    });
    const good = await program(models('tiny'));
    expect(await offer([strange, good])).toMatchObject([{ fields: { found: `http://127.0.0.1:${good.port}/v1 has tiny` } }]);
    expect(seen).toEqual(['/v1/models']);
    expect(timeOuts.map(({ ms }) => ms)).toEqual([500, 500]);
    await Promise.all(ends);
  });

  it('are not looked for where a model is set up, or CHAT_PROBE is off', async () => {
    let asked = 0;
    const place = await program(() => void asked++);
    const setUp = [{ OPENAI_API_KEY: 'k' }, { ANTHROPIC_API_KEY: 'k' }, { CHAT_MODEL_URL: 'http://127.0.0.1:9/v1', CHAT_MODEL: ['m'] }];
    for (const settings of [...setUp, { CHAT_PROBE: false }]) expect(await offer([place], settings)).toEqual([]);
    expect(await detail([place], { OPENAI_API_KEY: 'k' })).toBe('set up in environment or .env');
    expect(await detail([place], { CHAT_PROBE: false })).toContain('CHAT_PROBE is false');
    expect(asked).toBe(0);
    expect(await detail([])).toContain('no model server was found');
  });

  it('are not looked for any longer when the server stops', async () => {
    const stop = new AbortController();
    const place = await program(() => stop.abort());
    expect(await offer([place, await program(models('tiny'))], {}, stop.signal)).toEqual([]);
    await Promise.all(ends);
  });
});
