import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import type { Answer } from '../support/wire.ts';

const DAY = 86_400_000;

/** The system's clock, whose wall time a test may move on. */
let wallOffset = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + wallOffset };

let before: Resources;
let town: Town;
let users = 0;

beforeAll(async () => {
  before = resourcesNow();
  town = await openTown({ settings: { MAX_WAITING_PER_USER: 200 }, overrides: { clock } });
});

afterAll(async () => {
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

function someone(): Promise<Citizen> {
  users += 1;
  return town.citizen(`user ${users}`);
}

interface Found {
  readonly id: string;
  readonly content: string;
  readonly tags: string[];
  readonly type: string;
  readonly metadata: Record<string, unknown>;
  readonly thread?: string;
  readonly occurredAt: string;
}

const results = ({ body }: Answer): Found[] => body['results'] as Found[];

describe('export ∘ import', () => {
  const unicode = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).map((text) => text.toWellFormed());
  const label = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => text.trim() === text && text.toWellFormed() === text && text !== '');
  const memory = fc.record(
    {
      content: unicode,
      type: label,
      tags: fc.uniqueArray(label, { maxLength: 5 }),
      metadata: fc.dictionary(
        fc.string({ maxLength: 8 }).filter((key) => key !== '__proto__' && key !== 'tags' && key !== 'type'),
        // At every depth that name is refused at the door.
        (fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>).filter((value) => !JSON.stringify(value).includes('"__proto__"')),
        { maxKeys: 4 },
      ),
      thread: fc.constantFrom('talk', 'Gespräch 7', '💬'),
      origin: unicode,
      occurredAt: fc.integer({ min: Date.UTC(1990), max: Date.UTC(2100) }),
      expiresAt: fc.integer({ min: Date.UTC(2090), max: Date.UTC(2190) }),
    },
    { requiredKeys: ['content'] },
  );
  const change = fc.record({ at: fc.nat({ max: 7 }), content: unicode, tags: fc.uniqueArray(label, { maxLength: 3 }) });

  it('[export-import-identity] brings back every memory as it was, with threads, history, tags, expiry and any text', async () => {
    const property = fc.asyncProperty(
      fc.array(memory, { minLength: 1, maxLength: 8 }),
      fc.array(change, { maxLength: 4 }),
      async (memories, changes) => {
        const [from, to] = await Promise.all([someone(), someone()]);
        const { items } = (await town.done(from, 'store_memories', { items: memories })) as { items: { id: string }[] };
        for (const { at, content, tags } of changes) {
          const id = items[at % items.length]?.id;
          const answer = await town.rest(from, 'update_memory', { id, content, tags });
          expect(answer.ok || answer.problem?.code === 'conflict', answer.text).toBe(true);
        }
        const lines = await town.exported(from);
        const imported = await town.import(
          to,
          lines.map((line) => JSON.stringify(line)),
        );
        expect(imported.body).toMatchObject({ status: 'succeeded', created: lines.length, duplicates: 0, badLines: 0 });
        const back = await town.exported(to);
        expect(back.map(bare)).toEqual(lines.map(bare));
        const again = await town.import(
          to,
          back.map((line) => JSON.stringify(line)),
        );
        expect(again.body).toMatchObject({ status: 'succeeded', created: 0, duplicates: lines.length });
      },
    );
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
  });

  /** A line without what must differ in another user's space: the space in its id, and who wrote it. */
  function bare(line: Record<string, unknown>): Record<string, unknown> {
    const { id, author: _author, history, ...rest } = line;
    const versions = (history as Record<string, unknown>[] | undefined)?.map(({ replacedBy: _who, ...version }) => version);
    return { ...rest, uuid: String(id).slice(-25), ...(versions === undefined ? {} : { versions }) };
  }

  it('[import-bad-lines] takes each line whole or not at all, and names the bad ones by number', async () => {
    const user = await someone();
    const lines = ['{"content":"one"}', 'not json', '{"content":""}', '{"content":"two","tags":5}', '', '{"content":"two"}', '{"content":"one"}'];
    const { body } = await town.import(user, lines);
    expect(body).toMatchObject({ status: 'partial', created: 2, duplicates: 1, badLines: 3 });
    expect((body['problems'] as { line: number }[]).map(({ line }) => line)).toEqual([2, 3, 4]);
    const forgotten = await town.done(user, 'forget_memories', { importId: body['importId'] });
    expect(forgotten['count']).toBe(2);
  });
});

describe('filters', () => {
  it('[filters-before-cut] apply before the cut: no match is crowded out by better ones that do not pass', async () => {
    const user = await someone();
    const tagsOf = (n: number): string[] => [n % 2 === 0 ? 'even' : 'odd', ...(n % 5 === 0 ? ['five'] : [])];
    // The rarer the memory passes a filter, the worse it matches the words.
    const items = Array.from({ length: 80 }, (_, n) => ({
      content: `Report ${n}: ${'harbour '.repeat(n % 5 === 0 ? 1 : 6)}${'filler '.repeat(n % 5 === 0 ? 30 : 0)}`,
      tags: tagsOf(n),
      type: n % 3 === 0 ? 'note' : 'fact',
      metadata: { room: n % 4, loud: n % 7 === 0 },
      occurredAt: Date.UTC(2020, 0, 1) + n * DAY,
      ...(n % 6 === 0 ? { thread: 'six' } : {}),
    }));
    await town.done(user, 'store_memories', { items });
    const stored = await town.exported(user);
    const filter = fc.record(
      {
        tagsAny: fc.constantFrom(['even'], ['five'], ['five', 'odd'], ['absent']),
        tagsAll: fc.constantFrom(['even', 'five'], ['odd'], ['five']),
        type: fc.constantFrom('note', 'fact'),
        thread: fc.constant('six'),
        metadata: fc.constantFrom({ room: 1 }, { loud: true }, { room: 0, loud: false }),
        since: fc.nat({ max: 80 }).map((n) => new Date(Date.UTC(2020, 0, 1) + n * DAY).toISOString()),
        until: fc.nat({ max: 80 }).map((n) => new Date(Date.UTC(2020, 0, 1) + n * DAY).toISOString()),
      },
      { requiredKeys: [] },
    );
    const property = fc.asyncProperty(filter, fc.integer({ min: 1, max: 20 }), async (conditions, limit) => {
      const { since, until } = conditions;
      if (since !== undefined && until !== undefined && since >= until) return;
      const passing = stored.filter((line) => passes(line as unknown as Found, conditions)).map(({ id }) => String(id));
      const ranked = results(await town.rest(user, 'retrieve_memory', { query: 'harbour', limit, ...conditions })).map(({ id }) => id);
      expect(ranked.filter((id) => !passing.includes(id))).toEqual([]);
      expect(ranked.length).toBe(Math.min(limit, passing.length));
      const listed = results(await town.rest(user, 'search_memory', { limit: 100, ...conditions })).map(({ id }) => id);
      expect(listed.toSorted()).toEqual(passing.toSorted());
      if (Object.keys(conditions).length > 0) {
        expect((await town.done(user, 'forget_memories', { ...conditions, dryRun: true }))['count']).toBe(passing.length);
      }
    });
    const onTheEdge = { tagsAll: ['even', 'five'] as const, until: '2020-03-01T00:00:00.000Z' };
    await fc.assert(property, { numRuns: 60, endOnFailure: true, examples: [[onTheEdge, 20]] });
  });

  function passes(memory: Found, want: Record<string, unknown>): boolean {
    const at = Date.parse(memory.occurredAt);
    const any = want['tagsAny'] as string[] | undefined;
    const all = want['tagsAll'] as string[] | undefined;
    const fields = Object.entries((want['metadata'] as Record<string, unknown> | undefined) ?? {});
    // `until` reaches to the end of the moment it names.
    return (
      (any?.some((tag) => memory.tags.includes(tag)) ?? true) &&
      (all?.every((tag) => memory.tags.includes(tag)) ?? true) &&
      (want['type'] === undefined || memory.type === want['type']) &&
      (want['thread'] === undefined || memory.thread === want['thread']) &&
      (want['since'] === undefined || at >= Date.parse(String(want['since']))) &&
      (want['until'] === undefined || at <= Date.parse(String(want['until']))) &&
      fields.every(([key, value]) => memory.metadata[key] === value)
    );
  }

  it('[cursor-complete] pages through everything once, whatever the size of the page', async () => {
    const user = await someone();
    await town.done(user, 'store_memories', {
      items: Array.from({ length: 47 }, (_, n) => ({ content: `Page ${n}`, occurredAt: Date.UTC(2020, 0, 1 + (n % 9)) })),
    });
    for (const limit of [1, 7, 46, 47, 100]) {
      const seen: string[] = [];
      let cursor: unknown;
      do {
        const page: Record<string, unknown> = await town.done(user, 'search_memory', { limit, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...(page['results'] as Found[]).map(({ content }) => content));
        cursor = page['cursor'];
      } while (cursor !== undefined);
      expect(seen.length, `pages of ${limit}`).toBe(47);
      expect(new Set(seen).size).toBe(47);
    }
  });

  it('[expired-vanish] hides an expired memory from every read at once', async () => {
    const user = await someone();
    const { id } = await town.done(user, 'store_memory', { content: 'The password of the day is heron.', tags: ['brief'], expiresIn: 60 });
    await town.done(user, 'store_memory', { content: 'Herons fish at dawn.' });
    expect(results(await town.rest(user, 'retrieve_memory', { query: 'heron' })).length).toBe(2);
    wallOffset += 61_000;
    try {
      expect(results(await town.rest(user, 'retrieve_memory', { query: 'heron password' })).map((found) => found.id)).not.toContain(id);
      expect(results(await town.rest(user, 'search_memory')).length).toBe(1);
      expect((await town.rest(user, 'get_memory', { id })).problem?.code).toBe('not_found');
      expect((await town.rest(user, 'update_memory', { id, type: 'fact' })).problem?.code).toBe('not_found');
      expect((await town.done(user, 'list_tags'))['tags']).toEqual([]);
      expect((await town.exported(user)).length).toBe(1);
      expect((await town.done(user, 'store_memory', { content: 'The password of the day is heron.' }))['created']).toBe(true);
    } finally {
      wallOffset -= 61_000;
    }
  });
});

describe('many writers at once', () => {
  it('[no-lost-update] loses no update: read, add one, write if unchanged, until it holds', async () => {
    const user = await someone();
    const { id } = await town.done(user, 'store_memory', { content: 'A counter.', metadata: { n: 0 } });
    const addOne = async (): Promise<void> => {
      for (;;) {
        const now = await town.done(user, 'get_memory', { id });
        const { n } = now['metadata'] as { n: number };
        const answer = await town.rest(user, 'update_memory', { id, metadata: { n: n + 1 }, ifVersion: now['version'] });
        if (answer.ok) return;
        expect(answer.problem?.code, answer.text).toBe('conflict');
      }
    };
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (let i = 0; i < 5; i++) await addOne();
      }),
    );
    const end = await town.done(user, 'get_memory', { id, versions: true });
    expect(end['metadata']).toEqual({ n: 30 });
    expect(end['version']).toBe(31);
    const history = end['history'] as { version: number; metadata: { n: number } }[];
    expect(history.length).toBe(20);
    expect(history.map(({ version, metadata }) => version - metadata.n)).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('[duplicate-once] creates one memory of 50 equal stores at once, and unites their tags', async () => {
    const user = await someone();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        (n % 2 === 0 ? town.rest : town.mcp).call(town, user, 'store_memory', { content: 'Said fifty times.', tags: [`t${n % 25}`] }),
      ),
    );
    expect(answers.filter(({ ok }) => !ok).map(({ text }) => text)).toEqual([]);
    expect(answers.filter(({ body }) => body['created'] === true).length).toBe(1);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    const { tags } = await town.done(user, 'get_memory', { id: answers[0]?.body['id'] });
    expect((tags as string[]).toSorted()).toEqual(Array.from({ length: 25 }, (_, n) => `t${n}`).toSorted());
    expect((await town.done(user, 'memory_stats'))['memories']).toBe(1);
  });

  it('[idempotency-key] does the work of one key once: 20 at once get one answer, other input is a conflict', async () => {
    const user = await someone();
    const headers = { 'idempotency-key': 'once' };
    const input = { content: 'Told once.', thread: 'orders' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => town.rest(user, 'store_memory', input, { headers })));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect((await town.done(user, 'memory_stats'))['memories']).toBe(1);
    expect((await town.rest(user, 'store_memory', { ...input, content: 'Something else.' }, { headers })).problem?.code).toBe('conflict');
    const stranger = await someone();
    expect((await town.done(stranger, 'store_memory', { content: 'Mine.' }, { headers }))['created']).toBe(true);
    const sameKeyElsewhere = await town.done(user, 'store_memories', { items: [{ content: 'Another operation.' }] }, { headers });
    expect(sameKeyElsewhere['created']).toBe(1);
  });

  it('[thread-place] keeps (thread, place) unique: 30 at once get 30 places, a taken one is a conflict unless it is the same text', async () => {
    const user = await someone();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => town.done(user, 'store_memory', { content: n % 3 === 0 ? 'Yes.' : `Turn ${n}.`, thread: 'talk' })),
    );
    expect(answers.map(({ place }) => place as number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    expect(answers.every(({ created }) => created === true)).toBe(true);
    const [first] = answers;
    const taken = await town.rest(user, 'store_memory', { content: 'Another text.', thread: 'talk', place: first?.['place'] });
    expect(taken.problem).toMatchObject({ code: 'conflict', details: { id: first?.['id'] } });
    const same = await town.done(user, 'get_memory', { id: first?.['id'] });
    const repeated = await town.done(user, 'store_memory', { content: same['content'], thread: 'talk', place: same['place'] });
    expect(repeated).toMatchObject({ created: false, id: first?.['id'] });
    const elsewhere = await town.done(user, 'store_memory', { content: 'Another text.', thread: 'other talk', place: first?.['place'] });
    expect(elsewhere['created']).toBe(true);
  });

  it('[batch-all-or-none] stores a batch whole or not at all', async () => {
    const user = await someone();
    await town.done(user, 'store_memory', { content: 'Here already.', thread: 'talk', place: 7 });
    const answer = await town.rest(user, 'store_memories', {
      items: [{ content: 'One.' }, { content: 'Two.' }, { content: 'Not this.', thread: 'talk', place: 7 }],
    });
    expect(answer.problem?.code).toBe('conflict');
    expect((await town.done(user, 'memory_stats'))['memories']).toBe(1);
  });
});
