import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { createOpenAiEmbedder } from './openai-embedder.ts';

type Handler = (texts: string[], response: ServerResponse, request: IncomingMessage) => void;

let handler: Handler = () => {};
let requests: { readonly input: string[]; readonly model: string; readonly authorization: string | undefined; readonly url: string | undefined }[] =
  [];
const closed: Promise<void>[] = [];

const server = createServer((request, response) => {
  closed.push(new Promise((resolve) => response.on('close', resolve)));
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(parts).toString()) as { input: string[]; model: string };
    requests.push({ ...body, authorization: request.headers.authorization, url: request.url });
    handler(body.input, response, request);
  });
});

let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise<void>((resolve) => void server.close(() => resolve()));
});

const KEY = 'sk-very-secret';
const TEXT = 'the moon landing was staged in my garden';

function embedder(options: { readonly timeoutMs?: number; readonly batch?: number } = {}) {
  requests = [];
  return createOpenAiEmbedder({ url, model: 'tiny', apiKey: KEY, timeoutMs: 5000, clock: systemClock, ...options });
}

function answer(response: ServerResponse, vectors: readonly (readonly number[])[], order = vectors.map((_, at) => at)): void {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({ object: 'list', data: order.map((index) => ({ object: 'embedding', index, embedding: vectors[index] })), usage: {} }),
  );
}

const live = new AbortController().signal;

async function failure(work: Promise<unknown>): Promise<PolymniaError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof PolymniaError)) throw error;
  const told = JSON.stringify([error.message, error.details]);
  expect(told).not.toContain(KEY);
  expect(told).not.toContain('moon');
  return error;
}

describe('createOpenAiEmbedder', () => {
  it('asks in batches and puts vectors in the order of the texts', async () => {
    handler = (texts, response) =>
      answer(
        response,
        texts.map((text) => [text.length, 1]),
        texts.map((_, at) => texts.length - 1 - at),
      );
    const embed = embedder({ batch: 2 });
    expect(embed.dimensions).toBeUndefined();
    const vectors = await embed.embed(['a', 'bb', 'ccc', 'dddd', 'eeeee'], live);
    expect(vectors.map(([length]) => length)).toEqual([1, 2, 3, 4, 5]);
    expect(embed.dimensions).toBe(2);
    expect(requests.map(({ input }) => input.length)).toEqual([2, 2, 1]);
    expect(requests[0]).toMatchObject({ model: 'tiny', authorization: `Bearer ${KEY}`, url: '/v1/embeddings' });
  });

  it('asks nothing for no texts', async () => {
    expect(await embedder().embed([], live)).toEqual([]);
    expect(requests).toEqual([]);
  });

  it.each([400, 401, 429, 500])('tells the status %i and nothing the endpoint said', async (status) => {
    handler = (_texts, response) => response.writeHead(status).end(`{"error":"${KEY} ${TEXT}"}`);
    expect(await failure(embedder().embed([TEXT], live))).toMatchObject({ code: 'upstream_failed', details: { status } });
  });

  it.each<[string, Handler]>([
    ['no JSON', (_t, response) => response.end('<html>')],
    ['another shape', (_t, response) => response.end('{"embeddings":[[1]]}')],
    ['too few vectors', (_t, response) => answer(response, [[1]])],
    ['a vector twice', (_t, response) => answer(response, [[1], [2]], [0, 0])],
    ['an index beyond', (_t, response) => response.end('{"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]}')],
    ['different lengths', (_t, response) => answer(response, [[1], [1, 2]])],
    ['numbers beyond float', (_t, response) => answer(response, [[1e300], [1]])],
    ['a cut connection', (_t, response) => (response.write('{"data":'), response.destroy())],
  ])('refuses %s', async (_name, misbehave) => {
    handler = misbehave;
    expect(await failure(embedder().embed([TEXT, 'b'], live))).toMatchObject({ code: 'upstream_failed' });
  });

  it('reads no more than vectors can take', async () => {
    let written = 0;
    handler = (_texts, response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write('1,'.repeat(32_768))) written += 65_536;
        response.once('drain', pour);
      };
      pour();
    };
    expect((await failure(embedder().embed([TEXT], live))).message).toMatch(/more than \d+ bytes/);
    await closed.at(-1);
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  it('follows no redirect, so that text and key stay where they were sent', async () => {
    handler = (_texts, response) => response.writeHead(307, { location: '/elsewhere' }).end();
    expect(await failure(embedder().embed([TEXT], live))).toMatchObject({ code: 'upstream_failed' });
    expect(requests.map((request) => request.url)).toEqual(['/v1/embeddings']);
  });

  it('gives up after its time and hangs up', async () => {
    handler = () => {};
    expect(await failure(embedder({ timeoutMs: 50 }).embed([TEXT], live))).toMatchObject({
      code: 'timed_out',
      details: { limit: 'EMBEDDING_TIMEOUT' },
    });
    await closed.at(-1);
  });

  it('stops when its caller does', async () => {
    const controller = new AbortController();
    handler = () => controller.abort();
    expect(await failure(embedder().embed([TEXT], controller.signal))).toMatchObject({ code: 'cancelled' });
    await closed.at(-1);
  });

  it('says that nobody is there', async () => {
    const embed = createOpenAiEmbedder({ url: 'http://127.0.0.1:1/v1', model: 'tiny', timeoutMs: 5000, clock: systemClock });
    expect(await failure(embed.embed([TEXT], live))).toMatchObject({ code: 'upstream_failed' });
  });
});
