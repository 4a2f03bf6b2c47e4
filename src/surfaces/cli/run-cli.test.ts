import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERROR_TABLE } from '../../kernel/errors.ts';
import { type CliBench, openCliBench, openInput, refusingHooks, runWith } from './cli-test-kit.ts';

let bench: CliBench;

beforeAll(async () => {
  bench = await openCliBench();
});

afterAll(() => bench[Symbol.asyncDispose]());

const NASTY = 'before \u001b[2J\u001b]0;owned\u0007 \u009b31m \u202egnp\r after';

describe('memories', () => {
  test('are stored, found, changed and deleted', async () => {
    const stored = await bench.run(['store', 'Ada likes green tea', '--tag', 'person', '--json']);
    expect(stored.code).toBe(0);
    const { id } = JSON.parse(stored.out) as { id: string };
    expect((await bench.run(['store', 'Ada', 'likes', 'green', 'tea'])).out).toMatch(/^Known already +mem_/);
    expect((await bench.run(['retrieve', 'green', 'tea', '-n', '3'])).out).toMatch(/#person[^]*Ada likes green tea/);
    expect((await bench.run(['update', id, '--type', 'preference'])).out).toContain('preference');
    expect((await bench.run(['get', id, '--versions'])).out).toContain('history');
    expect((await bench.run(['delete', id])).code).toBe(0);
    expect(await bench.run(['get', id])).toMatchObject({ code: ERROR_TABLE.not_found.exitCode, out: '' });
  });

  test('take tags one by one or with commas', async () => {
    await bench.run(['store', 'tagged in both ways', '-t', 'one, two', '-t', 'three']);
    const { out } = await bench.run(['search', '--tags-all', 'one,two', '--tags-all', 'three', '--json']);
    expect(JSON.parse(out)).toMatchObject({ results: [{ content: 'tagged in both ways', tags: ['one', 'two', 'three'] }] });
  });

  test('cannot control the terminal, as text or as JSON', async () => {
    const { code } = await bench.run(['store', '-', '--tag', 'nasty'], { stdin: Readable.from([NASTY]) });
    expect(code).toBe(0);
    for (const argv of [['search', '--tag', 'nasty'], ['search', '--tag', 'nasty', '--json'], ['export']]) {
      const { out } = await bench.run(argv, { isTty: true, env: { DATA_DIR: bench.dataDir, NO_COLOR: '1' } });
      expect(out).toContain('owned');
      expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  });

  test('are forgotten only with --yes', async () => {
    await bench.run(['store', 'to be forgotten', '--tag', 'gone']);
    expect(await bench.run(['forget', '--tag', 'gone'])).toMatchObject({ code: 0, out: 'Would delete 1 memory.\n' });
    expect((await bench.run(['forget', '--tag', 'gone', '--yes'])).out).toMatch(/^Deleted 1 memory/);
    expect((await bench.run(['search', '--tag', 'gone'])).out).toContain('Nothing found.');
  });
});

describe('people', () => {
  test('are created, named by name, disabled and deleted', async () => {
    expect((await bench.run(['user', 'create', 'Grace', 'Hopper'])).out).toMatch(/Created +user_\w+ +Grace Hopper/);
    const made = await bench.run(['key', 'create', 'laptop', '--user', 'Grace Hopper', '--json']);
    const { secret } = JSON.parse(made.out) as { secret: string };
    const asGrace = { env: { POLYMNIA_URL: bench.server.url, POLYMNIA_KEY: secret } };
    expect((await bench.run(['whoami'], asGrace)).out).toContain('Grace Hopper');
    expect((await bench.run(['user', 'list'], asGrace)).code).toBe(ERROR_TABLE.forbidden.exitCode);
    expect((await bench.run(['user', 'disable', 'grace hopper'])).code).toBe(0);
    expect((await bench.run(['whoami'], asGrace)).code).toBe(ERROR_TABLE.unauthenticated.exitCode);
    expect((await bench.run(['user', 'delete', 'Grace Hopper'])).err).toContain('--yes');
    expect((await bench.run(['user', 'delete', 'Grace Hopper', '--yes'])).code).toBe(0);
    expect((await bench.run(['user', 'list'])).out).not.toContain('Grace');
  });
});

describe('every operation', () => {
  test('has its help', async () => {
    for (const { name } of bench.server.operations) {
      const { code, out } = await bench.run(['call', name, '--help']);
      expect(code, name).toBe(0);
      expect(out).toContain(`polymnia call ${name}`);
    }
  });

  test('can be called by fields or JSON', async () => {
    const byFields = await bench.run([
      'call',
      'store_memory',
      '--content',
      'by fields',
      '--tags',
      'a',
      '--tags',
      'b',
      '--metadata',
      '{"n":1}',
      '--json',
    ]);
    expect(JSON.parse(byFields.out)).toMatchObject({ created: true, tags: ['a', 'b'] });
    const byJson = await bench.run(['call', 'retrieve_memory', '--json', '{"query":"fields","limit":1}']);
    expect(JSON.parse(byJson.out)).toMatchObject({ results: [{ content: 'by fields', metadata: { n: 1 } }] });
    expect((await bench.run(['call', 'retrieve_memry'])).err).toContain('retrieve_memory');
  });
});

describe('usage', () => {
  test.each([
    [['sotre', 'x'], 'did you mean "store"'],
    [['user', 'crate'], 'did you mean "user create"'],
    [['search', '--lmit', '3'], 'did you mean --limit'],
    [['search', '--limit', 'many'], 'must be a number'],
    [['search', '--limit'], 'needs a value'],
    [['get'], 'needs ID'],
    [['get', 'a', 'b'], 'takes ID'],
    [['search', '--timeout', '0'], '--timeout'],
  ])('%j is refused with what would be right', async (argv, sentence) => {
    const { code, err, out } = await bench.run(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(sentence);
  });

  test('help, version and serve need no server', async () => {
    const nowhere = { env: { DATA_DIR: 'nowhere' } };
    expect((await bench.run([], nowhere)).out).toContain('retrieve QUERY');
    expect((await bench.run(['--version'], nowhere)).out).toContain('1.2.3');
    expect((await bench.run(['user'], nowhere)).out).toContain('user create');
    expect((await bench.run(['serve', '--help'], nowhere)).out).toContain('--max-storage-mb');
    expect((await bench.run(['serve', '--port', '0'], nowhere)).out).toBe('serve --port 0\n');
  });

  test('without a server it says how to start one', async () => {
    const { code, err } = await bench.run(['stats'], { env: { DATA_DIR: 'nowhere' } });
    expect(code).toBe(ERROR_TABLE.upstream_failed.exitCode);
    expect(err).toContain('polymnia serve');
  });
});

test('exit codes and retry times are those of the answer', async () => {
  const problem = {
    type: 'x',
    title: 'x',
    status: 429,
    code: 'rate_limited',
    detail: 'Slow \u001b[31mdown.',
    requestId: 'req_1',
    retryAfterMs: 4000,
  };
  const answers = [
    { status: 429, type: 'application/problem+json', body: JSON.stringify(problem) },
    { status: 502, type: 'text/html', body: '<h1>Bad gateway</h1>' },
    { status: 200, type: 'text/html', body: '<h1>Hello</h1>' },
    { status: 302, type: 'text/html', body: '', location: 'http://127.0.0.1:1/' },
  ];
  await using server = createServer((_request, response) => {
    const { status = 500, type = '', body = '', location } = answers.shift() ?? {};
    response.writeHead(status, { 'content-type': type, connection: 'close', ...(location === undefined ? {} : { location }) }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = { POLYMNIA_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, POLYMNIA_KEY: 'k' };
  const limited = await bench.run(['stats'], { env });
  expect(limited.code).toBe(ERROR_TABLE.rate_limited.exitCode);
  expect(limited.err).toContain('Slow \\e[31mdown.');
  expect(limited.err).toContain('Try again in 4 s.');
  for (const _other of [1, 2, 3]) expect((await bench.run(['stats'], { env })).code).toBe(ERROR_TABLE.upstream_failed.exitCode);
});

test('an interrupt ends the call', async () => {
  const abort = new AbortController();
  const run = bench.run(['import', '-'], { stdin: openInput('{"content":"half"}\n'), signal: abort.signal });
  abort.abort();
  expect(await run).toMatchObject({ code: ERROR_TABLE.cancelled.exitCode, out: '' });
});

test('a reader that goes away ends the run quietly', async () => {
  await bench.run(['import', '-'], {
    stdin: Readable.from(Array.from({ length: 300 }, (_, at) => `{"content":"line ${at} ${'x'.repeat(2000)}"}\n`)),
  });
  const stdout = new Writable({
    highWaterMark: 16,
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
  const stderr = new PassThrough();
  const { code } = await runWith({
    argv: ['export'],
    cwd: bench.folder,
    env: { DATA_DIR: bench.dataDir },
    operations: bench.server.operations,
    stdout,
    stderr,
  });
  expect(code).toBe(ERROR_TABLE.cancelled.exitCode);
  expect(stderr.read()).toBeNull();
});

describe('completion', () => {
  test('for bash parses and completes commands, options and operations', async () => {
    const { out } = await bench.run(['completion', 'bash']);
    const complete = (...words: string[]): string => {
      const script = `${out}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _polymnia; echo "\${COMPREPLY[@]}"`;
      const { stdout, status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout.trim();
    };
    expect(spawnSync('bash', ['-n'], { input: out }).status).toBe(0);
    expect(complete('polymnia', 're')).toBe('retrieve repo restore');
    expect(complete('polymnia', 'user', 'd')).toBe('disable delete');
    expect(complete('polymnia', 'user', 'create', '--r')).toBe('--role');
    expect(complete('polymnia', 'call', 'retr')).toBe('retrieve_memory retry_job');
  });

  test.each(['zsh', 'fish'])('for %s has every command and balanced quotes', async (shell) => {
    const { out } = await bench.run(['completion', shell]);
    expect(out).toContain('retrieve');
    for (const line of out.split('\n')) expect(line.split("'").length % 2, line).toBe(1);
  });
});

test('mcp speaks with the running server, and starts one when none answers', async () => {
  const lines = [
    {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    },
  ];
  const stdin = (): Readable => Readable.from(lines.map((line) => `${JSON.stringify(line)}\n`));
  const { code, out } = await bench.run(['mcp'], { stdin: stdin() });
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ id: 1, result: { serverInfo: { name: 'polymnia' } } });

  const late = join(bench.folder, 'late');
  const spawned: (readonly string[])[] = [];
  const spawnServer = async (flags: readonly string[]): Promise<void> => {
    spawned.push(flags);
    await mkdir(late);
    await copyFile(join(bench.dataDir, 'server.json'), join(late, 'server.json'));
  };
  const started = await bench.run(['mcp', '--data-dir', 'late'], { stdin: stdin(), hooks: { ...refusingHooks, spawnServer } });
  expect(started).toMatchObject({ code: 0, err: expect.stringContaining('starting one') as string });
  expect(spawned).toEqual([['--data-dir', late]]);
});

test('doctor finds all well beside a server, and says what is wrong without', async () => {
  const well = await bench.run(['doctor', '--json']);
  expect(JSON.parse(well.out)).toMatchObject({ ok: true });
  expect(well.out).toContain('"chat model"');
  expect(well.code).toBe(0);
  const wrong = await bench.run(['doctor'], { env: { DATA_DIR: 'nowhere', POLYMNIA_PORT: 'x' }, nodeVersion: 'v20.1.0' });
  expect(wrong.code).toBe(1);
  expect(wrong.out).toMatch(/✗ runtime[^]*✗ options/);
  const busy = await bench.run(['doctor', '--offline']);
  expect(busy.out).toMatch(/✗ files +The data folder .* is in use by process/);
});
