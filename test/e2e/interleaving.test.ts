import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../support/cli.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { type Call, MemoryModel, sequence } from '../support/memory-model.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

let before: Resources;
let town: Town;

beforeAll(async () => {
  before = resourcesNow();
  town = await openTown();
});

afterAll(async () => {
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

let pairs = 0;

describe('two users at once', () => {
  it('[P2-interleaving] shows each exactly what it stored itself, whatever the other does meanwhile', async () => {
    const property = fc.asyncProperty(sequence, sequence, async (left, right) => {
      pairs += 1;
      const [one, two] = await Promise.all([town.citizen(`left ${pairs}`), town.citizen(`right ${pairs}`)]);
      const models = [new MemoryModel(town, one), new MemoryModel(town, two)] as const;
      const run = async (own: MemoryModel, other: MemoryModel, steps: typeof left): Promise<void> => {
        for (const { step, overMcp } of steps) await own.take(step, overMcp, other);
      };
      await Promise.all([run(models[0], models[1], left), run(models[1], models[0], right)]);
      for (const model of models) model.expectAll(await town.rest(model.user, 'search_memory', { limit: 100 }));
    });
    await fc.assert(property, { numRuns: 20, endOnFailure: true });
  });
});

describe('read your writes', () => {
  it('[P3-read-your-writes] makes a store readable by the next call, whichever surface either takes', async () => {
    const user = await town.citizen('writer');
    const clients = await Promise.all([connect(user), connect(user)]);
    const surfaces: readonly Call[] = [
      (name, input) => town.rest(user, name, input),
      (name, input) => town.mcp(user, name, input),
      ...clients.map((client): Call => async (name, input) => {
        const { structuredContent } = await client.callTool({ name, arguments: { ...input } });
        return { ok: true, status: 200, text: '', body: (structuredContent ?? {}) as Record<string, unknown> };
      }),
      async (name, input) => {
        const { exitCode, stdout } = await runCommand({ url: town.server.url, key: user.key }, ['call', name, '--json', JSON.stringify(input)]);
        return { ok: exitCode === 0, status: 200, text: stdout, body: JSON.parse(stdout) as Record<string, unknown> };
      },
    ];
    let n = 0;
    for (const write of surfaces) {
      for (const read of surfaces) {
        n += 1;
        const content = `Parcel number ${n} lies in locker ${n * 7}.`;
        const { body } = await write('store_memory', { content });
        expect((await read('get_memory', { id: body['id'] })).body['content']).toBe(content);
        expect(((await read('search_memory', { limit: 1 })).body['results'] as { id: string }[])[0]?.id).toBe(body['id']);
        const found = (await read('retrieve_memory', { query: `locker ${n * 7}` })).body['results'] as { id: string }[];
        expect(found.map(({ id }) => id)).toContain(body['id']);
      }
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  async function connect(user: Citizen): Promise<Client> {
    const client = new Client({ name: 'interleaving-test', version: '1.0.0' });
    const requestInit = { headers: { authorization: `Bearer ${user.key}` } };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${town.server.url}/mcp`), {
        requestInit,
        fetch: (url, init) => town.send(new URL(url).pathname, init ?? {}),
      }),
    );
    return client;
  }

  it('[P2-equal-request-ids] keeps two MCP clients apart that count their requests alike', async () => {
    const [one, two] = await Promise.all([town.citizen('twin one'), town.citizen('twin two')]);
    await Promise.all([town.done(one, 'store_memory', { content: 'I am one.' }), town.done(two, 'store_memory', { content: 'I am two.' })]);
    const clients = await Promise.all([connect(one), connect(two)]);
    const seen = await Promise.all(
      clients.map(async (client) => {
        const answers = await Promise.all(Array.from({ length: 40 }, () => client.callTool({ name: 'search_memory', arguments: {} })));
        return new Set(
          answers.map(({ structuredContent }) =>
            (structuredContent as { results: { content: string }[] }).results.map(({ content }) => content).join(),
          ),
        );
      }),
    );
    await Promise.all(clients.map((client) => client.close()));
    expect(seen.map((set) => [...set])).toEqual([['I am one.'], ['I am two.']]);
  });
});
