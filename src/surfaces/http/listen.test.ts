import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { Upload } from '../../kernel/operation.ts';
import type { HttpDeps } from './http-app.ts';
import { KEY, notebookApp, recordingLogger } from './http-test-kit.ts';
import { type Listener, listenHttp, type ListenSettings } from './listen.ts';

const AUTH = `Host: localhost\r\nAuthorization: Bearer ${KEY}\r\n`;
const open: Listener[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map((listener) => listener.close(0)));
});

async function serve(overrides: Partial<HttpDeps> = {}, settings: Partial<ListenSettings> = {}) {
  const made = notebookApp(overrides);
  const listener = await listenHttp({
    fetch: made.app.fetch,
    host: '127.0.0.1',
    port: 0,
    settings: { headersTimeoutMs: 10_000, requestTimeoutMs: 60_000, ...settings },
    clock: systemClock,
    logger: silentLogger,
  });
  open.push(listener);
  return { ...made, listener };
}

const limits = (more: Partial<HttpDeps['settings']>): HttpDeps['settings'] => ({
  allowedHosts: [],
  allowedOrigins: [],
  maxBodyBytes: 200_000,
  maxImportBytes: 50_000_000,
  ...more,
});

/** A raw connection: what was received so far, and the moment it ends. */
function dial(listener: Listener, text: string) {
  const socket = connect(listener.port, '127.0.0.1');
  sockets.push(socket);
  const seen = { text: '' };
  socket.setEncoding('latin1').on('data', (part) => (seen.text += String(part)));
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(seen.text)));
  socket.write(text);
  return { socket, seen, closed };
}

const call = (
  listener: Listener,
  path: string,
  init: { readonly method?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> =>
  fetch(listener.url + path, { ...init, headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...init.headers } });

const mcp = async (request: Request): Promise<Response> => Response.json({ length: (await request.text()).length });

describe('a listening server', () => {
  it('serves calls, and refuses a taken port with a sentence', async () => {
    const { listener } = await serve();
    const answer = await call(listener, '/api/v1/notes', { method: 'POST', body: '{"text":"téa"}' });
    expect(await answer.json()).toMatchObject({ text: 'téa' });
    const second = listenHttp({
      fetch: () => new Response(),
      host: '127.0.0.1',
      port: listener.port,
      settings: { headersTimeoutMs: 1000, requestTimeoutMs: 1000 },
      clock: systemClock,
      logger: silentLogger,
    });
    await expect(second).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`Port ${listener.port}`) });
  });

  it('refuses a request that names two users, and reads no body of a stranger', async () => {
    const { listener } = await serve({ mcp });
    const twice = dial(listener, `GET /api/v1/notes/search HTTP/1.1\r\n${AUTH}X-Polymnia-User: a\r\nX-Polymnia-User: b\r\nConnection: close\r\n\r\n`);
    expect(await twice.closed).toMatch(/ 400 [^]*given more than once/);
    const stranger = AUTH.replace(/Authorization: Bearer \S+/i, 'Authorization: Bearer pmn_nobody');
    const chunked = dial(
      listener,
      `POST /mcp HTTP/1.1\r\n${stranger}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n`,
    );
    await vi.waitUntil(() => chunked.seen.text.includes(' 401 '));
    chunked.socket.destroy();
  });

  it('refuses large bodies, declared or chunked, and goes on', async () => {
    const { listener, gate } = await serve();
    const declared = dial(listener, `POST /api/v1/notes HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 200001\r\n\r\n`);
    expect(await declared.closed).toMatch(/^HTTP\/1.1 413 .*too_large/s);
    const part = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    const chunked = dial(
      listener,
      `POST /api/v1/notes HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${part.repeat(7)}`,
    );
    expect(await chunked.closed).toMatch(/^HTTP\/1.1 413 .*MAX_BODY_BYTES/s);
    expect(gate.calls).toBe(0);
    const small = dial(
      listener,
      `POST /api/v1/notes HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"text":"a"}\r\n0\r\n\r\n`,
    );
    await vi.waitFor(() => expect(small.seen.text).toContain('HTTP/1.1 200'));
  });

  it('gives a slow body up, with an answer, and slow headers, and keeps nothing', async () => {
    const { logger, errors } = recordingLogger();
    const { listener, gate } = await serve({ logger, settings: limits({ bodyTimeoutMs: 80 }) }, { headersTimeoutMs: 100 });
    const body = dial(listener, `POST /api/v1/notes HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"te`);
    expect(await body.closed).toMatch(/^HTTP\/1.1 504 .*REQUEST_TIMEOUT/s);
    const headers = dial(listener, 'POST /api/v1/notes HTTP/1.1\r\nHost: loc');
    expect(await headers.closed).toMatch(/^HTTP\/1.1 408/);
    expect(gate.calls).toBe(0);
    expect(errors).toEqual([]);
  });

  it('bounds how long /mcp may wait for its body', async () => {
    const { listener } = await serve({ mcp, settings: limits({ bodyTimeoutMs: 80 }) });
    const slow = dial(listener, `POST /mcp HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"te`);
    await slow.closed;
    const chunked = dial(
      listener,
      `POST /mcp HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    );
    await vi.waitFor(() => expect(chunked.seen.text).toContain('{"length":2}'));
  });

  it('frees a call when its client hangs up, in its body or in its work, without calling it a fault', async () => {
    const { logger, errors } = recordingLogger();
    const { listener, gate, book } = await serve({ logger });
    const inBody = dial(listener, `POST /api/v1/notes HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"te`);
    await vi.waitFor(() => expect(inBody.socket.bytesWritten).toBeGreaterThan(0));
    inBody.socket.destroy();
    const inWork = dial(listener, `POST /api/v1/notes/slow HTTP/1.1\r\n${AUTH}Content-Length: 0\r\n\r\n`);
    await book.started.promise;
    inWork.socket.destroy();
    await vi.waitFor(() => expect({ aborted: book.aborted, open: gate.open }).toEqual({ aborted: 1, open: 0 }));
    expect(errors).toEqual([]);
  });

  it('stops a stream when its client hangs up, and cuts one that reads nothing', async () => {
    const { listener, gate } = await serve({ settings: limits({ stallMs: 100 }) });
    const ask = `GET /api/v1/notes/export?count=100000 HTTP/1.1\r\n${AUTH}Accept: application/x-ndjson\r\n\r\n`;
    const gone = dial(listener, ask);
    await vi.waitFor(() => expect(gate.open).toBe(1));
    gone.socket.destroy();
    await vi.waitFor(() => expect(gate.open).toBe(0));
    const stalled = dial(listener, ask);
    stalled.socket.pause();
    await vi.waitFor(() => expect(gate.open).toBe(1));
    await vi.waitFor(() => expect(gate.open).toBe(0), 5000);
  });

  it('takes an upload of many megabytes piece by piece', async () => {
    let largest = 0;
    const spool = {
      async write(body: ReadableStream<Uint8Array>): Promise<Upload> {
        let bytes = 0;
        for await (const chunk of body) {
          bytes += chunk.byteLength;
          largest = Math.max(largest, chunk.byteLength);
        }
        return { spoolId: 's', bytes };
      },
      remove() {},
    };
    const { listener } = await serve({ spool, settings: limits({}) });
    const answer = await call(listener, '/api/v1/notes/import', {
      method: 'POST',
      body: 'x'.repeat(20_000_000),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(await answer.json()).toEqual({ bytes: 20_000_000 });
    expect(largest).toBeLessThan(1_000_000);
  });

  it.each([
    ['GET /healthz HTTP/1.0\r\n\r\n', /^HTTP\/1.1 200/],
    ['GET /api/v1/notes/search HTTP/1.0\r\n\r\n', /^HTTP\/1.1 403/],
    ['GET /api/v1/notes/search HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400/],
    ['GET /api/v1/notes/search HTTP/1.1\r\nHost: localhost\r\nHost: evil.invalid\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 40[03]/],
    ['GET http://evil.invalid/api/v1/notes/search HTTP/1.1\r\nHost: evil.invalid\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 403/],
    [`GET /../../etc/passwd HTTP/1.1\r\n${AUTH}Connection: close\r\n\r\n`, /^HTTP\/1.1 404/],
    [`TRACE /api/v1/notes HTTP/1.1\r\n${AUTH}Connection: close\r\n\r\n`, /^HTTP\/1.1 404/],
    [`GET / HTTP/1.1\r\n${AUTH}X: ${'y'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1.1 431/],
    ['\u0016\u0003\u0001\u0000 rubbish\r\n\r\n', /^HTTP\/1.1 400/],
    [`POST /api/v1/notes HTTP/1.1\r\n${AUTH}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /^HTTP\/1.1 400/],
  ])('answers %j', async (text, expected) => {
    const { listener } = await serve();
    expect(await dial(listener, text).closed).toMatch(expected);
  });
});

describe('closing', () => {
  it('lets running calls finish, closes kept connections, and is done at once after', async () => {
    const { listener, book } = await serve();
    const idle = dial(listener, `GET /healthz HTTP/1.1\r\n${AUTH}\r\n`);
    await vi.waitFor(() => expect(idle.seen.text).toContain('yes'));
    const running = dial(listener, `POST /api/v1/notes/slow HTTP/1.1\r\n${AUTH}Content-Length: 0\r\n\r\n`);
    await book.started.promise;
    const closing = listener.close(600_000);
    await idle.closed;
    expect(listener.close(600_000)).toBe(closing);
    book.release();
    await closing;
    expect(await running.closed).toContain('{"done":true}');
    await expect(call(listener, '/healthz')).rejects.toThrow('fetch failed');
  });

  it('cuts off what outlasts the grace, or at once when told so', async () => {
    const first = await serve();
    dial(first.listener, `POST /api/v1/notes/slow HTTP/1.1\r\n${AUTH}Content-Length: 0\r\n\r\n`);
    await first.book.started.promise;
    await first.listener.close(20);
    await vi.waitFor(() => expect(first.book.aborted).toBe(1));
    const second = await serve();
    dial(second.listener, `POST /api/v1/notes/slow HTTP/1.1\r\n${AUTH}Content-Length: 0\r\n\r\n`);
    await second.book.started.promise;
    const slow = second.listener.close(60_000);
    await second.listener.close(0);
    await slow;
    await vi.waitFor(() => expect(second.book.aborted).toBe(1));
  });
});
