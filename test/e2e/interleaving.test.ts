import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import type { Answer, Input } from '../support/wire.ts';

/** Both users store the same few texts, so that a mix-up of files, caches or ids shows. */
const TEXTS = ['The boat is blue.', 'The boat is red.', 'Anna likes tea.', 'Anna likes coffee.', 'Der Zug fährt um acht.'] as const;
const TAGS = ['a', 'b', 'c'] as const;

type Step =
  | { readonly kind: 'store'; readonly text: number; readonly tag: number }
  | { readonly kind: 'update'; readonly text: number; readonly to: number }
  | { readonly kind: 'delete' | 'find' | 'reach'; readonly text: number }
  | { readonly kind: 'list' | 'stats' | 'tags' };

const text = fc.nat({ max: TEXTS.length - 1 });
const tag = fc.nat({ max: TAGS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('store' as const), text, tag }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('update' as const), text, to: text }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'find' as const, 'reach' as const), text }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('list' as const, 'stats' as const, 'tags' as const) }) },
);
const sequence = fc.array(fc.record({ step, overMcp: fc.boolean() }), { minLength: 5, maxLength: 30 });

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

/** What one user should see: text → id and tags. */
class Model {
  readonly user: Citizen;
  readonly memories = new Map<string, { readonly id: string; readonly tags: ReadonlySet<string> }>();

  constructor(user: Citizen) {
    this.user = user;
  }

  async take(step: Step, overMcp: boolean, other: Model): Promise<void> {
    const call = (name: string, input: Input): Promise<Answer> => (overMcp ? town.mcp(this.user, name, input) : town.rest(this.user, name, input));
    switch (step.kind) {
      case 'store':
        return this.#store(call, TEXTS[step.text] ?? '', TAGS[step.tag] ?? '');
      case 'update':
        return this.#update(call, TEXTS[step.text] ?? '', TEXTS[step.to] ?? '');
      case 'delete':
        return this.#delete(call, TEXTS[step.text] ?? '');
      case 'find':
        return this.#find(call, TEXTS[step.text] ?? '');
      case 'reach':
        return this.#reach(call, TEXTS[step.text] ?? '', other);
      case 'list':
        return this.expectAll(await call('search_memory', { limit: 100 }));
      case 'stats':
        expect((await call('memory_stats', {})).body['memories']).toBe(this.memories.size);
        return;
      case 'tags':
        return this.#tags(await call('list_tags', {}));
    }
  }

  expectAll(answer: Answer): void {
    const seen = (answer.body['results'] as { id: string; content: string; tags: string[] }[]).map(({ id, content, tags }) => [content, id, tags.toSorted()]);
    const own = [...this.memories].map(([content, { id, tags }]) => [content, id, [...tags].toSorted()]);
    expect(seen.toSorted()).toEqual(own.toSorted());
  }

  async #store(call: Call, content: string, tag: string): Promise<void> {
    const known = this.memories.get(content);
    const { body } = await call('store_memory', { content, tags: [tag] });
    expect(body['created']).toBe(known === undefined);
    if (known !== undefined) expect(body['id']).toBe(known.id);
    this.memories.set(content, { id: String(body['id']), tags: new Set([...(known?.tags ?? []), tag]) });
  }

  async #update(call: Call, from: string, to: string): Promise<void> {
    const known = this.memories.get(from);
    if (known === undefined) return;
    const answer = await call('update_memory', { id: known.id, content: to });
    const inTheWay = from === to ? undefined : this.memories.get(to);
    if (inTheWay !== undefined) {
      expect(answer.problem).toMatchObject({ code: 'conflict', details: { id: inTheWay.id } });
      return;
    }
    expect(answer.body['content']).toBe(to);
    this.memories.delete(from);
    this.memories.set(to, known);
  }

  async #delete(call: Call, content: string): Promise<void> {
    const known = this.memories.get(content);
    if (known === undefined) return;
    expect((await call('delete_memory', { id: known.id })).ok).toBe(true);
    this.memories.delete(content);
    expect((await call('get_memory', { id: known.id })).problem?.code).toBe('not_found');
  }

  async #find(call: Call, content: string): Promise<void> {
    const { body } = await call('retrieve_memory', { query: content, limit: 100 });
    const ids = (body['results'] as { id: string }[]).map(({ id }) => id);
    const own = new Set([...this.memories.values()].map(({ id }) => id));
    expect(ids.filter((id) => !own.has(id))).toEqual([]);
    const known = this.memories.get(content);
    if (known !== undefined) expect(ids).toContain(known.id);
  }

  async #reach(call: Call, content: string, other: Model): Promise<void> {
    const foreign = other.memories.get(content);
    if (foreign === undefined) return;
    for (const name of ['get_memory', 'delete_memory']) expect((await call(name, { id: foreign.id })).problem?.code).toBe('not_found');
  }

  #tags({ body }: Answer): void {
    const counts = new Map<string, number>();
    for (const { tags } of this.memories.values()) for (const each of tags) counts.set(each, (counts.get(each) ?? 0) + 1);
    const seen = (body['tags'] as { tag: string; count: number }[]).map(({ tag, count }) => [tag, count]);
    expect(seen.toSorted()).toEqual([...counts].toSorted());
  }
}

type Call = (name: string, input: Input) => Promise<Answer>;

let pairs = 0;

describe('two users at once', () => {
  it('[P2-interleaving] shows each exactly what it stored itself, whatever the other does meanwhile', async () => {
    const property = fc.asyncProperty(sequence, sequence, async (left, right) => {
      pairs += 1;
      const [one, two] = await Promise.all([town.citizen(`left ${pairs}`), town.citizen(`right ${pairs}`)]);
      const models = [new Model(one), new Model(two)] as const;
      const run = async (own: Model, other: Model, steps: typeof left): Promise<void> => {
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
      ...clients.map(
        (client): Call =>
          async (name, input) => {
            const { structuredContent } = await client.callTool({ name, arguments: { ...input } });
            return { ok: true, status: 200, text: '', body: (structuredContent ?? {}) as Record<string, unknown> };
          },
      ),
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
        fetch: (url, init) => town.send(new URL(url).pathname, (init ?? {}) as RequestInit),
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
        return new Set(answers.map(({ structuredContent }) => (structuredContent as { results: { content: string }[] }).results.map(({ content }) => content).join()));
      }),
    );
    await Promise.all(clients.map((client) => client.close()));
    expect(seen.map((set) => [...set])).toEqual([['I am one.'], ['I am two.']]);
  });
});
