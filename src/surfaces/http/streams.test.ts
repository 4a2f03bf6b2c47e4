import { describe, expect, it } from 'vitest';
import type { Gate } from '../../domains/admission/index.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Upload } from '../../kernel/operation.ts';
import { KEY, notebookApp, recordingLogger, request, TestGate } from './http-test-kit.ts';
import type { Spool } from './upload.ts';

const lines = { accept: 'application/x-ndjson' };
const events = { accept: 'text/event-stream' };
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('JSON lines', () => {
  it('streams what the operation yields, in order', async () => {
    const { app, gate } = notebookApp();
    const answer = await app.fetch(request('/api/v1/notes/export?count=5000', { headers: lines }));
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const rows = (await answer.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).line);
    expect(rows).toEqual(Array.from({ length: 5000 }, (_, line) => line));
    expect(gate.open).toBe(0);
  });

  it('answers JSON when no stream is asked for, and to HEAD', async () => {
    const { app, gate } = notebookApp();
    expect(await (await app.fetch(request('/api/v1/notes/export'))).json()).toEqual({ count: 3 });
    expect((await app.fetch(request('/api/v1/notes/export', { method: 'HEAD', headers: lines }))).status).toBe(200);
    expect(gate.open).toBe(0);
  });

  it.each([
    ['', 'storage_unavailable', 0],
    ['&foreign=true', 'internal', 1],
  ])('ends with the problem when it fails%s', async (query, code, logged) => {
    const { logger, errors } = recordingLogger();
    const { app, gate } = notebookApp({ logger });
    const text = await (await app.fetch(request(`/api/v1/notes/export?count=9&failAt=2${query}`, { headers: lines }))).text();
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.at(-1).error).toMatchObject({ code });
    expect(rows.slice(0, -1).map((row) => row.line)).toEqual([0, 1]);
    expect(text).not.toContain('secret');
    expect(errors).toHaveLength(logged);
    expect(gate.open).toBe(0);
  });

  it('is refused as a plain problem', async () => {
    const answer = await notebookApp().app.fetch(request('/api/v1/notes/export?count=x', { headers: lines }));
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it('closes the iterator when the reader goes, and makes nothing unasked', async () => {
    const { app, gate } = notebookApp();
    const answer = await app.fetch(request('/api/v1/notes/export?count=1000000', { headers: lines }));
    const reader = answer.body?.getReader();
    await reader?.read();
    expect(gate.open).toBe(1);
    await reader?.cancel();
    expect(gate.open).toBe(0);
  });

  it('gives up a reader that takes nothing', async () => {
    const clock = new ManualClock();
    const { app, gate } = notebookApp({ clock });
    const answer = await app.fetch(request('/api/v1/notes/export?count=1000000', { headers: lines }));
    const reader = answer.body?.getReader();
    await reader?.read();
    clock.advance(29_999);
    await settled();
    expect(gate.open).toBe(1);
    clock.advance(1);
    await settled();
    expect(gate.open).toBe(0);
    await expect(reader?.read()).rejects.toThrow(/too long/);
    expect(clock.pending).toBe(0);
  });
});

describe('events', () => {
  it('tells progress, then the result', async () => {
    const { app, book } = notebookApp();
    const answer = await app.fetch(request('/api/v1/notes/slow', { json: {}, headers: events }));
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    book.release();
    expect(await answer.text()).toBe(
      'event: progress\ndata: {"phase":"waiting","done":1,"total":2,"unit":"steps"}\n\nevent: result\ndata: {"done":true}\n\n',
    );
  });

  it('tells an error that comes late, and answers an early refusal plainly', async () => {
    const { app, book } = notebookApp();
    const late = await app.fetch(request('/api/v1/notes/slow', { json: { fail: true }, headers: events }));
    book.release();
    expect(await late.text()).toMatch(/event: error\ndata: \{.*"code":"conflict"/);
    const early = await app.fetch(request('/api/v1/notes/slow', { json: { fail: 1 }, headers: events }));
    expect(early.status).toBe(400);
  });

  it('pings a quiet stream, stops the call when the reader goes, and leaves no timer', async () => {
    const clock = new ManualClock();
    const { app, book, gate } = notebookApp({ clock });
    const answer = await app.fetch(request('/api/v1/notes/slow', { json: {}, headers: events }));
    const reader = answer.body?.getReader();
    await reader?.read();
    const ping = reader?.read();
    clock.advance(15_000);
    expect(new TextDecoder().decode((await ping)?.value)).toBe(': ping\n\n');
    await reader?.cancel();
    await settled();
    expect({ aborted: book.aborted, open: gate.open, timers: clock.pending }).toEqual({ aborted: 1, open: 0, timers: 0 });
  });

  it('closes a reader that takes nothing', async () => {
    const clock = new ManualClock();
    const { app, book, gate } = notebookApp({ clock });
    const answer = await app.fetch(request('/api/v1/notes/slow', { json: {}, headers: events }));
    clock.advance(15_000);
    clock.advance(15_000);
    await settled();
    expect(book.aborted).toBe(1);
    expect(gate.open).toBe(0);
    expect(clock.pending).toBe(0);
    await answer.body?.cancel();
  });
});

/** A spool in memory that counts what it holds. */
function memorySpool(fail = false): Spool & { readonly held: Map<string, number> } {
  const held = new Map<string, number>();
  return {
    held,
    async write(body, maxBytes, signal): Promise<Upload> {
      let bytes = 0;
      for await (const chunk of body) bytes += chunk.byteLength;
      if (bytes > maxBytes || signal.aborted) throw new Error('the surface let too much through');
      if (fail) throw new PolymniaError('storage_unavailable', 'The disk is full.');
      const spoolId = `spool_${held.size}`;
      held.set(spoolId, bytes);
      return { spoolId, bytes };
    },
    remove: (id) => void held.delete(id),
  };
}

const raw = (body: string | ReadableStream<Uint8Array> | null, query = '', headers: Record<string, string> = {}, key: string | null = KEY) =>
  request(`/api/v1/notes/import${query}`, { method: 'POST', body, key, headers: { 'content-type': 'application/x-ndjson', ...headers } });

/** A gate that knows the caller and refuses the call. */
const refusing: Gate = Object.assign(new TestGate(), {
  call: async () => ({ ok: false, error: new PolymniaError('overloaded', 'The server is stopping.', { retryAfterMs: 1 }) }) as const,
});

describe('uploads', () => {
  it('spools the body before the call and hands it over', async () => {
    const spool = memorySpool();
    const { app } = notebookApp({ spool });
    const answer = await app.fetch(raw('x'.repeat(900_000), '?source=mem0'));
    expect(await answer.json()).toEqual({ bytes: 900_000, source: 'mem0' });
    expect([...spool.held.values()]).toEqual([900_000]);
  });

  it('refuses too much, nothing, strangers and a full disk, and keeps nothing', async () => {
    const spool = memorySpool();
    const { app, gate } = notebookApp({ spool });
    const large = await app.fetch(raw('x'.repeat(1_000_001)));
    expect(await large.json()).toMatchObject({ code: 'too_large', details: { limit: 'MAX_IMPORT_BYTES' } });
    expect((await app.fetch(raw('x', '', { 'content-length': '1000001' }))).status).toBe(413);
    expect((await app.fetch(raw(null))).status).toBe(400);
    expect((await app.fetch(raw('x', '', {}, null))).status).toBe(401);
    expect((await app.fetch(raw('x', '', { 'content-encoding': 'gzip' }))).status).toBe(400);
    expect((await notebookApp({ spool: memorySpool(true) }).app.fetch(raw('x'))).status).toBe(503);
    expect((await notebookApp().app.fetch(raw('x'))).status).toBe(400);
    expect(spool.held.size).toBe(0);
    expect(gate.calls).toBe(0);
  });

  it('gives up a sender that pauses too long, and one that breaks off', async () => {
    const clock = new ManualClock();
    const { app } = notebookApp({ spool: memorySpool(), clock });
    const pausing = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
    const late = app.fetch(raw(pausing));
    await settled();
    await settled();
    clock.advance(60_000);
    expect(await (await late).json()).toMatchObject({ code: 'timed_out', details: { limit: 'REQUEST_TIMEOUT' } });
    const { logger, errors } = recordingLogger();
    const breaking = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('aborted')) });
    const cut = await notebookApp({ spool: memorySpool(), logger }).app.fetch(raw(breaking));
    expect(cut.status).toBe(499);
    expect(errors).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('leaves the body to an operation that took it up, and removes what was refused', async () => {
    const spool = memorySpool();
    const { app } = notebookApp({ spool });
    expect((await app.fetch(raw('x', '?fail=true'))).status).toBe(503);
    expect(spool.held.size).toBe(1);
    spool.held.clear();
    expect((await app.fetch(raw('x', '?source=a&source=b'))).status).toBe(400);
    expect((await app.fetch(raw('x', '?fail=maybe'))).status).toBe(400);
    expect((await notebookApp({ spool, gate: refusing }).app.fetch(raw('x'))).status).toBe(503);
    expect(spool.held.size).toBe(0);
  });

  it('does not let a failed removal change the answer', async () => {
    const spool = { ...memorySpool(), remove: () => Promise.reject(new Error('busy')) };
    expect((await notebookApp({ spool, gate: refusing }).app.fetch(raw('x'))).status).toBe(503);
    expect((await notebookApp({ spool }).app.fetch(raw('x', '?fail=maybe'))).status).toBe(400);
  });

  it('takes two imports of one user at a time', async () => {
    const gates: (() => void)[] = [];
    const spool: Spool = {
      write: () => new Promise((resolve) => gates.push(() => resolve({ spoolId: 's', bytes: 1 }))),
      remove() {},
    };
    const { app } = notebookApp({ spool });
    const upload = async () => app.fetch(raw('x'));
    const running = [upload(), upload()];
    await settled();
    expect((await app.fetch(raw('x'))).status).toBe(429);
    for (const open of gates) open();
    expect((await Promise.all(running)).map((answer) => answer.status)).toEqual([200, 200]);
  });
});
