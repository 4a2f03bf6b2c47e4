import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_TABLE } from '../../src/kernel/errors.ts';
import { runCommand } from '../support/cli.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import { inProcess, restRequest } from '../support/wire.ts';

let before: Resources;
let town: Town;
let alice: Citizen;

beforeAll(async () => {
  before = resourcesNow();
  town = await openTown({ sockets: true });
  alice = await town.citizen('alice');
});

afterAll(async () => {
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

async function connect(): Promise<Client> {
  const client = new Client({ name: 'surfaces-test', version: '1.0.0' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${town.server.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${alice.key}` } } }),
  );
  return client;
}

/** Some input that fills the path; what else is missing does not matter where only the answerer is looked at. */
function anyInput(path: string): Record<string, string> {
  return Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, 'x']));
}

describe('one registry, every surface', () => {
  it('[surfaces-one-registry] names each operation once', () => {
    const names = town.server.operations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(32);
  });

  it('[surfaces-rest] answers every operation over REST', async () => {
    for (const operation of town.server.operations) {
      const { method, path, body } = restRequest(operation, anyInput(operation.http.path));
      const response = await town.send(path, {
        method,
        headers: { authorization: `Bearer ${alice.key}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      expect(response.status, `${operation.name}: ${text}`).toBeLessThan(500);
      expect(text, operation.name).not.toContain('No such address');
      expect(text, operation.name).not.toContain('does not answer');
    }
  });

  it('[surfaces-mcp] offers exactly the operations not hidden from models as MCP tools, none named test_*', async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    await client.close();
    const offered = town.server.operations.filter((operation) => operation.hiddenFromModels !== true).map(({ name }) => name);
    expect(tools.map(({ name }) => name).toSorted()).toEqual(offered.toSorted());
    expect(tools.filter(({ name }) => name.startsWith('test_'))).toEqual([]);
    for (const tool of tools) expect(tool.outputSchema, tool.name).toBeDefined();
  });

  it('[surfaces-mcp-hidden] finds no tool for an operation hidden from models, in the words of an unknown one', async () => {
    const unknown = await town.mcp(alice, 'no_such_tool');
    for (const { name } of town.server.operations.filter((operation) => operation.hiddenFromModels === true)) {
      const answer = await town.mcp(town.admin, name);
      expect(answer.body['error'], name).toEqual(unknown.body['error']);
    }
  });

  it('[surfaces-openapi] lists each operation in the OpenAPI document', async () => {
    const response = await fetch(`${town.server.url}/openapi.json`);
    const document = (await response.json()) as { openapi: string; paths: Record<string, Record<string, { operationId: string }>> };
    expect(document.openapi).toMatch(/^3\.1/);
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    for (const { name, http } of town.server.operations) expect(listed, name).toContain(`${http.method} /api/v1${http.path}`);
  });

  it('[surfaces-same-answer] answers the same call alike on REST and MCP', async () => {
    await town.done(alice, 'store_memory', { content: 'The ferry leaves at nine.', tags: ['ferry'] });
    const inputs = { retrieve_memory: { query: 'when does the ferry leave' }, search_memory: { limit: 5 }, list_tags: {}, memory_stats: {} };
    for (const [name, input] of Object.entries(inputs)) {
      const rest = await town.rest(alice, name, input);
      const mcp = await town.mcp(alice, name, input);
      expect(mcp.ok, name).toBe(true);
      expect(mcp.body, name).toEqual(rest.body);
    }
  });
});

describe('the command line', () => {
  it('[surfaces-cli] calls every operation, with the answers and error codes of REST', async () => {
    const client = { url: town.server.url, key: alice.key };
    for (const operation of town.server.operations) {
      const input = { ...anyInput(operation.http.path), ...(operation.name === 'retrieve_memory' ? { query: 'ferry' } : {}) };
      const rest = await town.rest(alice, operation.name, input);
      const { exitCode, stdout, stderr } = await runCommand(client, ['call', operation.name, '--json', JSON.stringify(input)]);
      const code = rest.problem?.code;
      expect(exitCode, `${operation.name}: ${stderr}`).toBe(code === undefined ? 0 : ERROR_TABLE[code].exitCode);
      if (code === undefined && operation.effect === 'read' && operation.name !== 'whoami')
        expect(JSON.parse(stdout), operation.name).toEqual(rest.body);
    }
  });
});

describe('strangers to the server', () => {
  const PUBLIC = ['/healthz', '/readyz', '/openapi.json', '/docs', '/docs/style.css', '/docs/app.js'];

  it('[P2-anonymous-sweep] refuses every route without a credential but health and documentation', async () => {
    const routes = town.server.operations.map((operation) => restRequest(operation, anyInput(operation.http.path)));
    const others = ['GET', 'POST', 'DELETE'].map((method) => ({ method, path: '/mcp' }));
    const openAi = ['chat/completions', 'responses'].map((path) => ({ method: 'POST', path: `/v1/${path}` }));
    const sweep = [...routes, ...others, ...openAi, { method: 'GET', path: '/v1/models' }, { method: 'GET', path: '/metrics' }];
    for (const { method, path } of sweep) {
      for (const authorization of [
        undefined,
        '',
        'Bearer',
        'Basic cG1uOnBtbg==',
        'Bearer pmn_',
        `Bearer pmn_${'0'.repeat(52)}`,
        `Bearer ${alice.key}x`,
      ]) {
        const headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) };
        const response = await town.send(path, { method, headers, ...(method === 'GET' || method === 'DELETE' ? {} : { body: '{}' }) });
        expect(response.status, `${method} ${path} with ${authorization ?? 'nothing'}`).toBe(401);
        expect(response.headers.get('content-type')).toContain(path.startsWith('/v1/') ? 'application/json' : 'application/problem+json');
        expect(await response.text()).not.toContain('pmn_0');
      }
    }
  });

  it('[P2-no-key-in-url] takes no credential from an address', async () => {
    const response = await fetch(`${town.server.url}/api/v1/whoami?key=${alice.key}&access_token=${alice.key}&authorization=Bearer%20${alice.key}`);
    expect(response.status).toBe(401);
  });

  it("[P2-public-routes] says on public routes nothing that is anybody's", async () => {
    for (const path of PUBLIC) {
      const response = await fetch(town.server.url + path, { redirect: 'follow' });
      const text = await response.text();
      expect(response.status, path).toBe(200);
      for (const secret of [alice.id, alice.personal, alice.key, town.dataDir]) expect(text, path).not.toContain(secret);
    }
    expect(await (await fetch(`${town.server.url}/healthz`)).text()).toBe('yes\n');
  });

  it('[P2-host-origin] refuses foreign Host and Origin headers', async () => {
    const send = inProcess(town.server.fetch);
    const evil = await send('/api/v1/whoami', { headers: { authorization: `Bearer ${alice.key}`, origin: 'https://evil.example' } });
    expect(evil.status).toBe(403);
    const rebound = await town.server.fetch(
      new Request('http://localhost/api/v1/whoami', { headers: { authorization: `Bearer ${alice.key}`, host: 'evil.example' } }),
    );
    expect(rebound.status).toBe(403);
  });
});
