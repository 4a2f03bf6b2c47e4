import { once } from 'node:events';
import { createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { type ServerType, serve } from '@hono/node-server';
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMinimalGate, type SeenCall } from './minimal-gate-test-kit.ts';
import { sampleOperations } from './sample-operations-test-kit.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { isRecord } from './json-rpc.ts';
import { createMcpEndpoint } from './mcp-endpoint.ts';
import { runStdioBridge } from './stdio-bridge.ts';

const seen: SeenCall[] = [];
const requests: Headers[] = [];
let started = Promise.withResolvers<void>();
let stopped = Promise.withResolvers<void>();
let server: ServerType;
let url = '';

const endpoint = createMcpEndpoint({
  operations: sampleOperations({ started: () => started.resolve(), stopped: () => stopped.resolve() }),
  gate: createMinimalGate((call) => seen.push(call)),
  logger: silentLogger,
  version: '1.2.3',
  maxBodyBytes: 1_000_000,
});

async function serveMcp(request: Request): Promise<Response> {
  requests.push(request.headers);
  return endpoint(request, { requestId: 'req_1' });
}

beforeAll(async () => {
  url = await new Promise((resolve) => {
    server = serve({ fetch: serveMcp, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(`http://127.0.0.1:${port}/mcp`));
  });
});

afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

beforeEach(() => {
  seen.length = 0;
  requests.length = 0;
  started = Promise.withResolvers();
  stopped = Promise.withResolvers();
});

/** A line as the message it must be. */
function asRecord(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line);
  if (!isRecord(value)) throw new TypeError(`Not a JSON object: ${line}`);
  return value;
}

/** A bridge in this process, spoken to line by line. */
class Pipe {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly abort = new AbortController();
  readonly ended: Promise<void>;
  readonly #lines: string[] = [];
  #rest = '';
  #arrived = Promise.withResolvers<void>();

  constructor(options: { readonly key?: string; readonly url?: string; readonly fetch?: typeof fetch } = {}) {
    this.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n');
      this.#rest = parts.pop() ?? '';
      this.#lines.push(...parts);
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    });
    this.ended = runStdioBridge({
      url: options.url ?? url,
      key: options.key ?? 'pmn_alice',
      stdin: this.stdin,
      stdout: this.stdout,
      signal: this.abort.signal,
      ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
    });
  }

  send(message: unknown): void {
    this.stdin.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
  }

  call(id: number | string, name: string, args: unknown, meta?: unknown): void {
    this.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) } });
  }

  /** The next line, parsed: anything on stdout that is no JSON fails the test. */
  async next(): Promise<Readonly<Record<string, unknown>>> {
    while (this.#lines.length === 0) await this.#arrived.promise;
    return asRecord(this.#lines.shift() ?? '');
  }

  async finish(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    this.stdin.end();
    await this.ended;
    this.stdout.end();
    if (!this.stdout.readableEnded) await once(this.stdout, 'end');
    return this.#lines.map(asRecord);
  }
}

/** A port on which nothing listens any more. */
async function closedPort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  holder.close();
  await once(holder, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

describe('a bridge as a child process', () => {
  const module = new URL('./stdio-bridge.ts', import.meta.url).href;
  const script = `
    import { runStdioBridge } from ${JSON.stringify(module)};
    await runStdioBridge({ url: process.argv[1], key: process.argv[2], stdin: process.stdin, stdout: process.stdout, signal: new AbortController().signal });
  `;
  const command = () => ({ command: process.execPath, args: ['--input-type=module', '-e', script, url, 'pmn_alice'] });

  it.each(['auto', 'legacy'] as const)('serves the 2.4 client in %s mode: list, call, progress, cancel', async (mode) => {
    const client = new ModernClient({ name: 'stdio', version: '1' }, mode === 'auto' ? { versionNegotiation: { mode } } : {});
    await client.connect(new ModernStdio(command()));
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
    expect((await client.listTools()).tools).toHaveLength(3);
    const abort = new AbortController();
    const firstProgress = Promise.withResolvers<number>();
    const call = client.callTool(
      { name: 'wait_in_steps', arguments: { steps: 3, untilCancelled: true } },
      { signal: abort.signal, onprogress: ({ progress }) => firstProgress.resolve(progress) },
    );
    expect(await firstProgress.promise).toBe(1);
    abort.abort();
    await expect(call).rejects.toThrow(/abort/i);
    await stopped.promise;
    await client.close();
  });

  it('serves the 1.32 client', async () => {
    const client = new OldClient({ name: 'stdio-old', version: '1' });
    await client.connect(new OldStdio(command()));
    const result = await client.callTool({ name: 'echo_text', arguments: { text: 'through a pipe' } });
    expect(result['structuredContent']).toEqual({ text: 'through a pipe', user: 'alice', times: 1 });
    await client.close();
  });
});

describe('a bridge', () => {
  it('keeps many requests in flight and answers each under its own id', async () => {
    const pipe = new Pipe();
    for (let id = 0; id < 300; id++) pipe.call(id % 2 === 0 ? id : `s${id}`, 'echo_text', { text: `text ${id}` });
    const answers = await pipe.finish();
    expect(answers).toHaveLength(300);
    for (const { id, result } of answers) {
      expect(result).toMatchObject({ structuredContent: { text: `text ${String(id).replace('s', '')}` } });
    }
  });

  it('sets the headers of 2026 requests from their body, whatever it names', async () => {
    const pipe = new Pipe();
    pipe.call(1, 'echo_text', { text: 'x' }, MODERN_META);
    expect(await pipe.next()).toMatchObject({ id: 1, result: { structuredContent: { text: 'x' } } });
    pipe.call(2, 'gibt’s nicht', {}, MODERN_META);
    expect(await pipe.next()).toMatchObject({ id: 2, error: { code: -32602 } });
    await pipe.finish();
    expect(requests[0]?.get('mcp-name')).toBe('echo_text');
    expect(requests[1]?.get('mcp-name')).toMatch(/^=\?base64\?/);
  });

  it('sends the revision a 2025 client agreed on', async () => {
    const pipe = new Pipe();
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
    pipe.send({ jsonrpc: '2.0', id: 'init', method: 'initialize', params });
    expect(await pipe.next()).toMatchObject({ id: 'init', result: { protocolVersion: '2025-06-18', serverInfo: { name: 'polymnia' } } });
    pipe.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    pipe.call(1, 'echo_text', { text: 'x' });
    expect(await pipe.next()).toMatchObject({ id: 1 });
    expect(await pipe.finish()).toEqual([]);
    expect(requests.map((headers) => headers.get('mcp-protocol-version'))).toEqual([null, '2025-06-18', '2025-06-18']);
  });

  it('gives a cancelled request no answer and frees its place', async () => {
    const pipe = new Pipe();
    pipe.call(7, 'wait_in_steps', { steps: 0, untilCancelled: true });
    await started.promise;
    pipe.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    await stopped.promise;
    pipe.call(8, 'echo_text', { text: 'x' });
    expect((await pipe.finish()).map(({ id }) => id)).toEqual([8]);
  });

  it('finishes what is in flight when its input ends', async () => {
    const pipe = new Pipe();
    pipe.call(1, 'echo_text', { text: 'last words' });
    expect(await pipe.finish()).toMatchObject([{ id: 1, result: { structuredContent: { text: 'last words' } } }]);
  });

  it('stops at once when its signal aborts', async () => {
    const pipe = new Pipe();
    pipe.call(1, 'wait_in_steps', { steps: 0, untilCancelled: true });
    await started.promise;
    pipe.abort.abort();
    await pipe.ended;
    await stopped.promise;
    expect(seen.at(-1)?.options.signal.aborted).toBe(true);
  });

  it('refuses lines that are no messages and goes on', async () => {
    const pipe = new Pipe();
    pipe.send('not json\n');
    expect(await pipe.next()).toMatchObject({ id: null, error: { code: -32700 } });
    pipe.send([{ jsonrpc: '2.0', id: 1, method: 'ping' }]);
    expect(await pipe.next()).toMatchObject({ id: null, error: { code: -32600 } });
    pipe.send(`${'x'.repeat(17 * 1024 * 1024)}\n`);
    expect(await pipe.next()).toMatchObject({ id: null, error: { code: -32600 } });
    pipe.send('\r\n');
    pipe.call(2, 'echo_text', { text: 'still here' });
    expect((await pipe.finish()).map(({ id }) => id)).toEqual([2]);
  });

  it('turns a refused key and an unreachable server into errors with the request’s id, without the key', async () => {
    const refused = new Pipe({ key: 'pmn_nobody' });
    refused.call('a', 'echo_text', { text: 'x' });
    const [answer] = await refused.finish();
    expect(answer).toMatchObject({ id: 'a', error: { code: -32000, data: { code: 'unauthenticated' } } });
    expect(JSON.stringify(answer)).not.toContain('pmn_nobody');

    const closed = new Pipe({ url: `http://127.0.0.1:${await closedPort()}/mcp` });
    closed.call('b', 'echo_text', { text: 'x' });
    closed.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    expect(await closed.finish()).toMatchObject([{ id: 'b', error: { code: -32000, message: expect.stringContaining('ECONNREFUSED') } }]);
  });

  it('says so when an answer breaks off in the middle', async () => {
    const pipe = new Pipe({
      fetch: async () =>
        new Response('event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n: bye', {
          headers: { 'content-type': 'text/event-stream' },
        }),
    });
    pipe.call(1, 'echo_text', { text: 'x' });
    expect(await pipe.finish()).toMatchObject([{ method: 'notifications/progress' }, { id: 1, error: { code: -32000 } }]);
  });

  it('refuses what exceeds its line, and runs no more than 64 at once', async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const pipe = new Pipe({
      fetch: async (_url, init) => {
        most = Math.max(most, ++running);
        await gate.promise;
        running -= 1;
        return Response.json({ jsonrpc: '2.0', id: asRecord(typeof init?.body === 'string' ? init.body : '{}')['id'], result: {} });
      },
    });
    for (let id = 0; id < 1_100; id++) pipe.send({ jsonrpc: '2.0', id, method: 'ping' });
    for (let id = 1_064; id < 1_100; id++) expect(await pipe.next()).toMatchObject({ id, error: { code: -32000 } });
    gate.resolve();
    const rest = await pipe.finish();
    expect(most).toBe(64);
    expect(rest.filter((answer) => 'result' in answer)).toHaveLength(1_064);
  });
});
