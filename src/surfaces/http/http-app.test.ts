import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import { ADMIN_KEY, BROKEN_KEY, KEY, notebookApp, notebookOperations, Notebook, recordingLogger, request } from './http-test-kit.ts';
import { operationPath } from './operation-routes.ts';

const { app } = notebookApp();
const send = async (path: string, init: Parameters<typeof request>[1] = {}, to = app) => {
  const response = await to.fetch(request(path, init));
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
};

describe('a call', () => {
  it('answers JSON with request id, standing, security headers and no caching', async () => {
    const answer = await send('/api/v1/notes', { json: { text: 'tea' }, headers: { 'idempotency-key': 'k 1', 'user-agent': 'curl/8 \t"x"' } });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ text: 'tea', key: 'k 1', client: 'curl/8 "x"', prototype: false });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'no-store',
      ratelimit: '"memory";r=42;t=13',
      'ratelimit-policy': '"memory";q=100;w=60',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
  });

  it('takes an id from the path and a literal path before a parameter', async () => {
    await send('/api/v1/notes', { json: { text: 'tea' } });
    expect((await send('/api/v1/notes/note_0')).json).toMatchObject({ id: 'note_0' });
    expect((await send('/api/v1/notes/search')).json).toEqual({ asked: { limit: 10 } });
    expect((await send('/api/v1/notes/a%2Fb%00')).status).toBe(404);
  });

  it('turns query texts into what the schema wants', async () => {
    const query = 'query=12&limit=7&exact=true&tagsAny=a,b&tagsAny=c&spaces=all&metadata={"n":1}&since=2024';
    expect((await send(`/api/v1/notes/search?${query}`)).json.asked).toEqual({
      query: '12',
      limit: 7,
      exact: true,
      tagsAny: ['a,b', 'c'],
      spaces: 'all',
      metadata: { n: 1 },
      since: '2024',
    });
    expect((await send('/api/v1/notes/search?spaces=space_1&tagsAny=a')).json.asked).toMatchObject({ spaces: ['space_1'], tagsAny: ['a'] });
  });

  it.each([
    ['limit=x', /limit/],
    ['limit=1&limit=2', /limit.*2 times/],
    ['exact=yes', /exact/],
    ['metadata={oops', /metadata.*JSON/],
    ['metadata={"__proto__":{"polluted":1}}', /__proto__/],
    ['__proto__=1', /__proto__/],
    ['nothing=1', /nothing/],
  ])('refuses the query %s', async (query, detail) => {
    const answer = await send(`/api/v1/notes/search?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.json.detail).toMatch(detail);
  });

  it('refuses a field given twice with different values', async () => {
    const answer = await send('/api/v1/notes?text=a', { json: { text: 'b' } });
    expect(answer.json).toMatchObject({ status: 400, detail: expect.stringMatching(/"text".*once/) });
  });

  it('says when an operation is deprecated, and when to retry', async () => {
    const answer = await send('/api/v1/notes/note_1', { method: 'DELETE' });
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('deprecation')).toBe('@1767225600');
    expect(answer.headers.get('sunset')).toBe('Fri, 01 Jan 2027 00:00:00 GMT');
  });

  it('refuses an unusable Idempotency-Key', async () => {
    for (const key of ['', 'ü', 'x'.repeat(201)]) {
      const answer = await send('/api/v1/notes', { json: { text: 'a' }, headers: { 'idempotency-key': key } });
      expect(answer.json).toMatchObject({ code: 'invalid_input', detail: expect.stringContaining('Idempotency-Key') });
    }
  });
});

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) => send('/api/v1/notes', { method: 'POST', body, headers });

describe('bodies', () => {
  it.each([
    ['null', 'null'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['broken JSON', '{"text":'],
    ['a depth bomb', `{"text":"a","metadata":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`],
    ['33 levels', `{"text":"a","metadata":{"a":${'['.repeat(31)}${']'.repeat(31)}}}`],
    ['a prototype key', '{"text":"a","metadata":{"__proto__":{"polluted":true}}}'],
    ['an escaped prototype key', '{"text":"a","metadata":{"\\u005f_proto__":{"polluted":true}}}'],
    ['a wrong type', '{"text":1}'],
    ['an unknown field', '{"text":"a","owner":"bob"}'],
    ['a NUL for a body', '\u0000'],
  ])('refuses %s', async (_name, body) => {
    const answer = await send('/api/v1/notes', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    expect(answer.json).toMatchObject({ status: 400, code: 'invalid_input' });
    expect('polluted' in {}).toBe(false);
  });

  it('takes 32 levels, equal keys (the last counts), a byte order mark, and the word __proto__ as text', async () => {
    const levels = `{"text":"a","metadata":{"a":${'['.repeat(30)}${']'.repeat(30)}}}`;
    for (const body of [levels, '{"text":"first","text":"last"}', '\ufeff{"text":"a"}', '{"text":"__proto__ \\u005f"}']) {
      const answer = await send('/api/v1/notes', { method: 'POST', body, headers: { 'content-type': 'application/json; charset=utf-8' } });
      expect(answer.status).toBe(200);
      expect(answer.json.text).toBe(JSON.parse(body.replace('\ufeff', '')).text);
    }
  });

  it('refuses other content types, compression, bad UTF-8 and too much', async () => {
    expect((await post('text=a', { 'content-type': 'application/x-www-form-urlencoded' })).json.detail).toContain('application/json');
    expect((await post('{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' })).json.detail).toContain('Content-Encoding');
    expect((await post(new Uint8Array([0x22, 0xff, 0x22]), { 'content-type': 'application/json' })).json.detail).toContain('UTF-8');
    const large = await post(`{"text":"${'x'.repeat(200_000)}"}`, { 'content-type': 'application/json' });
    expect(large.json).toMatchObject({ status: 413, code: 'too_large', details: { limit: 'MAX_BODY_BYTES', limitBytes: 200_000 } });
    expect((await post('{"text":"a"}', { 'content-type': 'application/json', 'content-length': '200001' })).status).toBe(413);
  });

  it('answers every route without a body, and with any JSON at all, by a clean status', async () => {
    const routes = notebookOperations(new Notebook()).filter((operation) => operation.name !== 'slow_note');
    const statuses = [200, 400, 404, 429];
    for (const operation of routes) {
      const path = operationPath(operation).replace('{id}', 'x');
      expect(statuses).toContain((await send(path, { method: operation.http.method })).status);
    }
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.constantFrom(...routes.filter((route) => route.http.method !== 'GET')), async (json, route) => {
        const answer = await send(operationPath(route).replace('{id}', 'x'), { method: route.http.method, json });
        expect(statuses).toContain(answer.status);
      }),
      { numRuns: 200 },
    );
  });

  it('holds one user to a share of memory and gives it back', async () => {
    const { app: own, book, gate } = notebookApp();
    const slow = async () => own.fetch(request('/api/v1/notes/slow', { json: { filler: 'x'.repeat(190_000) } }));
    const held = [slow(), slow(), slow(), slow()];
    await vi.waitFor(() => expect(gate.open).toBe(4));
    expect(await (await slow()).json()).toMatchObject({ code: 'rate_limited', retryAfterMs: 1000 });
    book.release();
    expect((await Promise.race(held)).status).toBe(200);
    const next = slow();
    await vi.waitFor(() => expect(gate.open).toBe(4));
    book.release();
    expect((await next).status).toBe(200);
  });
});

describe('credentials', () => {
  it.each(['?key=pmn_alice', '?token=pmn_alice', '?api_key=pmn_alice', '?access_token=pmn_alice'])('ignores one in the URL: %s', async (query) => {
    const answer = await send(`/api/v1/notes/search${query}`, { key: null });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="polymnia"');
  });

  it('ignores x-api-key and cookies, and says the same to all who are not known', async () => {
    const bodies = new Set<string>();
    for (const headers of [
      {},
      { 'x-api-key': KEY },
      { cookie: `authorization=${KEY}` },
      { authorization: "Bearer ' OR '1'='1" },
      { authorization: KEY },
    ]) {
      const answer = await send('/api/v1/notes/search', { key: null, headers: headers as Record<string, string> });
      expect(answer.status).toBe(401);
      bodies.add(answer.text.replace(/req_\w+/, ''));
    }
    expect(bodies.size).toBe(1);
  });

  it('is asked for before the body is looked at', async () => {
    const answer = await send('/api/v1/notes', { key: null, method: 'POST', body: 'x'.repeat(300_000) });
    expect(answer.status).toBe(401);
  });

  it('hands X-Polymnia-User to the gate', async () => {
    expect((await send('/api/v1/notes/search', { headers: { 'x-polymnia-user': 'bob' } })).json.code).toBe('forbidden');
  });
});

const probeSchema = z.object({ http_probes: z.array(z.object({ h: z.record(z.string(), z.string()), want: z.string() })) });

describe('Host and Origin', () => {
  it.each([
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['127.0.0.1:4100', 200],
    ['[::1]:4100', 200],
    ['memory.example:9', 200],
    ['proxy.example:8443', 200],
    ['proxy.example', 403],
    ['evil.invalid', 403],
    ['localhost.evil.invalid', 403],
    ['localhost:4100@evil.invalid', 403],
    ['0.0.0.0:4100', 403],
    ['localhost, evil.invalid', 403],
    ['', 403],
  ])('Host %s: %i', async (host, status) => {
    expect((await send('/api/v1/notes/search', { headers: { host } })).status).toBe(status);
  });

  it.each([
    ['http://localhost:3000', 200],
    ['https://chat.example', 200],
    ['http://chat.example', 403],
    ['https://chat.example.evil.invalid', 403],
    ['http://evil.invalid', 403],
    ['null', 403],
    ['file://', 403],
    ['ftp://localhost', 403],
  ])('Origin %s: %i', async (origin, status) => {
    const answer = await send('/api/v1/notes/search', { headers: { origin } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe(status === 200 ? origin : null);
  });

  it('lets a page call the host it came from, and answers preflights of allowed pages alone', async () => {
    expect((await send('/api/v1/notes/search', { headers: { host: 'memory.example', origin: 'https://memory.example' } })).status).toBe(200);
    const preflight = (origin: string) =>
      send('/api/v1/notes', { method: 'OPTIONS', key: null, headers: { origin, 'access-control-request-method': 'POST' } });
    const allowed = await preflight('https://chat.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-headers')).toContain('idempotency-key');
    expect((await preflight('http://evil.invalid')).status).toBe(403);
    expect((await send('/api/v1/notes', { method: 'OPTIONS' })).status).toBe(404);
  });

  const file = join(import.meta.dirname, '../../../../shared/data/hostile-inputs.json');
  it.skipIf(!existsSync(file))('stands the collected header probes (skipped where the shared data are absent)', async () => {
    const probes = probeSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).http_probes;
    expect(probes.length).toBeGreaterThan(5);
    for (const { h, want } of probes) {
      const [name = '', value = ''] = Object.entries(h)[0] ?? [];
      const isCredential = name.toLowerCase() === 'authorization' || name === 'x-api-key';
      const answer = await send('/api/v1/notes', { json: { text: 'a' }, headers: h, ...(isCredential ? { key: null } : {}) });
      // What names no user and no address changes nothing; the rest is refused.
      const expected = /^(Host|Origin)$/.test(name) ? 403 : isCredential ? 401 : name === 'Content-Encoding' ? 400 : 200;
      const probe =
        isCredential && value !== '' && name !== 'x-api-key'
          ? await app.fetch(new Request('http://localhost/api/v1/notes', { headers: { host: 'localhost', ...h }, method: 'POST' }))
          : answer;
      expect(probe.status, `${name}: ${value} (wanted: ${want})`).toBe(expected);
    }
  });
});

describe('everything else', () => {
  it('answers unknown addresses and methods with the same problem form', async () => {
    expect((await send('/nowhere')).json).toMatchObject({ status: 404, code: 'not_found' });
    const wrong = await send('/api/v1/notes/x', { method: 'PUT' });
    expect(wrong.json).toMatchObject({ status: 404, code: 'not_found', detail: expect.stringContaining('PUT') });
    expect(wrong.headers.get('allow')).toBe('DELETE, GET');
    expect((await send('/%E0%A4%A')).status).toBe(404);
  });

  it('logs a defect once, with its cause, and tells the caller nothing of it', async () => {
    const { logger, errors } = recordingLogger();
    const answer = await send('/api/v1/notes/search', { key: BROKEN_KEY }, notebookApp({ logger }).app);
    expect(answer.json).toMatchObject({ status: 500, code: 'internal' });
    expect(answer.text).not.toContain('secret');
    expect(errors).toEqual([{ message: expect.any(String), error: expect.any(TypeError) }]);
  });

  it('says ready or not, to any host, without a credential', async () => {
    expect(await send('/healthz', { key: null, headers: { host: '10.0.0.7:4100' } })).toMatchObject({ status: 200, text: 'yes\n' });
    expect(await send('/readyz', { key: null })).toMatchObject({ status: 200, text: 'yes\n' });
    expect(await send('/readyz', { key: null }, notebookApp({ isReady: () => false }).app)).toMatchObject({ status: 503, text: 'no\n' });
  });

  it('refuses new calls while draining, and closes connections', async () => {
    const { app: draining } = notebookApp({ isDraining: () => true });
    const answer = await send('/api/v1/notes/search', {}, draining);
    expect(answer.json).toMatchObject({ status: 503, code: 'overloaded' });
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('connection')).toBe('close');
    expect((await send('/healthz', {}, draining)).status).toBe(200);
    expect((await send('/readyz', {}, draining)).status).toBe(503);
  });

  it('shows metrics to administrators and to the scrape token alone', async () => {
    const metrics = { text: async () => 'up 1\n', contentType: 'text/plain; version=0.0.4', token: 'scrape' };
    const own = notebookApp({ metrics }).app;
    expect(await send('/metrics', { key: 'scrape' }, own)).toMatchObject({ status: 200, text: 'up 1\n' });
    expect((await send('/metrics', { key: ADMIN_KEY }, own)).status).toBe(200);
    expect((await send('/metrics', {}, own)).status).toBe(403);
    expect((await send('/metrics', { key: null }, own)).status).toBe(401);
    const closed = notebookApp({ metrics: { ...metrics, token: '' } }).app;
    expect((await send('/metrics', { key: '' }, closed)).status).toBe(401);
    expect((await send('/metrics')).status).toBe(404);
  });

  it('puts the same guards around /mcp', async () => {
    const seen: string[] = [];
    const mcp = async (inner: Request, info: { requestId: string }): Promise<Response> => {
      seen.push(info.requestId, await inner.text());
      return Response.json({ ok: true });
    };
    const own = notebookApp({ mcp }).app;
    const answer = await send('/mcp', { json: { jsonrpc: '2.0' } }, own);
    expect(answer.headers.get('x-request-id')).toBe(seen[0]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(seen[1]).toBe('{"jsonrpc":"2.0"}');
    expect((await send('/mcp', { json: {}, headers: { host: 'evil.invalid' } }, own)).status).toBe(403);
    expect((await send('/mcp', { json: 'x'.repeat(300_000) }, own)).status).toBe(413);
    const broken = notebookApp({ mcp: () => Promise.reject(new PolymniaError('unauthenticated', 'No.')) }).app;
    expect((await send('/mcp', { json: {} }, broken)).status).toBe(401);
    expect(seen).toHaveLength(2);
  });

  it('reads a large body for /mcp only for a proven caller, and only so many of them', async () => {
    let read = 0;
    const waiting: (() => void)[] = [];
    const mcp = async (inner: Request): Promise<Response> => {
      read += (await inner.text()).length;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return Response.json({ ok: true });
    };
    const own = notebookApp({ mcp }).app;
    const large = 'x'.repeat(190_000);
    expect((await send('/mcp', { json: large, key: null }, own)).status).toBe(401);
    expect(read).toBe(0);
    const held = Array.from({ length: 4 }, () => send('/mcp', { json: large }, own));
    await vi.waitUntil(() => waiting.length === 4);
    expect((await send('/mcp', { json: large }, own)).json).toMatchObject({ code: 'rate_limited' });
    for (const answer of waiting) answer();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it('refuses two operations with one address', () => {
    const operations = notebookOperations(new Notebook());
    const [first] = operations;
    if (first === undefined) throw new Error('no operations');
    const twin = { ...first, name: 'twin', http: { method: first.http.method, path: '/api/v1/notes/{other}' } };
    expect(() => notebookApp({ operations: [...operations, twin] })).toThrow(/Two operations/);
  });
});
