import fc from 'fast-check';
import { expect } from 'vitest';
import type { Citizen, Town } from './town.ts';
import type { Answer, Input } from './wire.ts';

/** One call by name, over whichever surface. */
export type Call = (name: string, input: Input) => Promise<Answer>;

/** Both users store the same few texts, so that a mix-up of files, caches or ids shows. */
const TEXTS = ['The boat is blue.', 'The boat is red.', 'Anna likes tea.', 'Anna likes coffee.', 'Der Zug fährt um acht.'] as const;
const TAGS = ['a', 'b', 'c'] as const;

/** What a user may do next. */
export type Step =
  | { readonly kind: 'store'; readonly text: number; readonly tag: number }
  | { readonly kind: 'update'; readonly text: number; readonly to: number }
  | { readonly kind: 'delete' | 'find' | 'reach'; readonly text: number }
  | { readonly kind: 'list' | 'stats' | 'tags' };

const anyText = fc.nat({ max: TEXTS.length - 1 });
const anyTag = fc.nat({ max: TAGS.length - 1 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('store' as const), text: anyText, tag: anyTag }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('update' as const), text: anyText, to: anyText }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'find' as const, 'reach' as const), text: anyText }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('list' as const, 'stats' as const, 'tags' as const) }) },
);
/** Steps of one user, each over REST or MCP. */
export const sequence = fc.array(fc.record({ step: anyStep, overMcp: fc.boolean() }), { minLength: 5, maxLength: 30 });

const asText = (row: unknown): string => JSON.stringify(row);

/** What one user should see: text → id and tags. */
export class MemoryModel {
  readonly user: Citizen;
  readonly #town: Town;
  readonly memories = new Map<string, { readonly id: string; readonly tags: ReadonlySet<string> }>();

  constructor(town: Town, user: Citizen) {
    this.#town = town;
    this.user = user;
  }

  async take(step: Step, overMcp: boolean, other: MemoryModel): Promise<void> {
    const call = (name: string, input: Input): Promise<Answer> =>
      overMcp ? this.#town.mcp(this.user, name, input) : this.#town.rest(this.user, name, input);
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
    const seen = (answer.body['results'] as { id: string; content: string; tags: string[] }[]).map(({ id, content, tags }) => [
      content,
      id,
      tags.toSorted(),
    ]);
    const own = [...this.memories].map(([content, { id, tags }]) => [content, id, [...tags].toSorted()]);
    expect(new Set(seen.map(asText))).toEqual(new Set(own.map(asText)));
    expect(seen.length).toBe(own.length);
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

  async #reach(call: Call, content: string, other: MemoryModel): Promise<void> {
    const foreign = other.memories.get(content);
    if (foreign === undefined) return;
    for (const name of ['get_memory', 'delete_memory']) expect((await call(name, { id: foreign.id })).problem?.code).toBe('not_found');
  }

  #tags({ body }: Answer): void {
    const counts = new Map<string, number>();
    for (const { tags } of this.memories.values()) for (const each of tags) counts.set(each, (counts.get(each) ?? 0) + 1);
    const seen = (body['tags'] as { tag: string; count: number }[]).map(({ tag, count }): [string, number] => [tag, count]);
    expect(new Map(seen)).toEqual(counts);
  }
}
