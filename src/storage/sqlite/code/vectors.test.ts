import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CodeHits, CodeQuery, FillVectors, IndexCall, IndexSource, VectorsFilled } from '../../../domains/code/search/code-index.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { type KitFile, writeGeneration } from './generation-test-kit.ts';
import { cosine, packVector, unitVector } from './packed-vector.ts';
import { SearchThreads } from './search-threads.ts';

const root = mkdtempSync(join(tmpdir(), 'polymnia-vectors-'));
let folders = 0;
let index: SearchThreads;

beforeAll(() => {
  index = new SearchThreads({ threads: 2, clock: systemClock });
});
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

const call = (): IndexCall => ({
  flow: { user: 'ann', group: 'ann', weight: 1 },
  signal: new AbortController().signal,
  deadlineAt: systemClock.monotonic() + 20_000,
  meter: { add: () => {} },
});

const newFile = (): string => join(root, `vectors-${(folders += 1)}.db`);

function generation(vectors: string, layers: readonly (readonly KitFile[])[], textOnly = false): IndexSource {
  const folder = join(root, String((folders += 1)));
  writeGeneration(folder, layers, { textOnly, segments: `${folders}-` });
  return { folder, stage: textOnly ? 'text' : 'complete', vectors };
}

/** Meanings of the texts: how much of sea, sky and paper is in them. */
const MEANINGS = [/ship|vessel/g, /rain|storm/g, /invoice/g];
const meaningOf = (text: string): Float32Array => Float32Array.from([...MEANINGS.map((words) => (text.match(words) ?? []).length), 0.1]);

interface Filling {
  readonly limit?: number;
  readonly budgetMs?: number;
  readonly model?: string;
}

/** Fills to the end; answers with the texts that were asked for, and the last answer. */
async function fill(source: IndexSource, { limit = 3, budgetMs = 10_000, model = 'm' }: Filling = {}) {
  const asked: string[] = [];
  let made: FillVectors['made'] = [];
  let after: FillVectors['after'];
  let last: VectorsFilled | undefined;
  for (;;) {
    last = await index.fillVectors(source, { model, made, limit, budgetMs, ...(after !== undefined && { after }) }, call());
    asked.push(...(last?.waiting ?? []).map(({ text }) => text));
    if (last?.next === undefined) return { asked, last };
    made = last.waiting.map(({ text, hash, places }) => ({ hash, places, values: meaningOf(text) }));
    after = last.next;
  }
}

function search(source: IndexSource, text: string, more: Partial<CodeQuery> = {}): Promise<CodeHits | undefined> {
  const vector = { model: 'm', values: meaningOf(text) };
  return index.search(
    source,
    { mode: 'words', text, caseSensitive: true, vector, filter: {}, offset: 0, limit: 50, budgetMs: 10_000, ...more },
    call(),
  );
}

const pathsOf = (hits: CodeHits | undefined): string[] | undefined => hits?.files.map(({ path }) => path);

const FILES: readonly KitFile[] = [
  { path: 'sea.py', text: 'def moor(it):\n    ship = it\n    return ship\n\ndef leave(it):\n    return it\n' },
  { path: 'sky.py', text: 'def forecast(day):\n    return day.rain\n' },
  { path: 'paper.js', language: 'javascript', text: 'function pay(invoice) {\n  return invoice;\n}\n' },
  { path: 'paper2.js', language: 'javascript', text: 'function pay(invoice) {\n  return invoice;\n}\n' },
];

describe('filling', () => {
  it.each([1, 2, 100])('asks for each text once, %i at a time, and says how many chunks have a vector', async (limit) => {
    const source = generation(newFile(), [FILES]);
    const { asked, last } = await fill(source, { limit });
    expect(asked).toHaveLength(4);
    expect(new Set(asked).size).toBe(4);
    expect(last).toEqual({ chunks: 5, embedded: 5, waiting: [] });
    expect((await fill(source)).asked).toEqual([]);
  });

  it('goes on where its time ended', async () => {
    const vectors = newFile();
    await fill(generation(vectors, [FILES]));
    const later = generation(vectors, [FILES, [{ path: 'new.py', text: 'def dock(ship):\n    pass\n' }]]);
    const none = await index.fillVectors(later, { model: 'm', made: [], limit: 9, budgetMs: -1 }, call());
    expect(none).toMatchObject({ waiting: [], next: { segment: 0, chunk: 0 } });
    expect((await fill(later)).asked).toEqual([expect.stringContaining('def dock')]);
  });

  it('lets what is dead go, keeps what only moved, and asks for what is new', async () => {
    const vectors = newFile();
    await fill(generation(vectors, [FILES]));
    const moved = FILES.map((file) => (file.path === 'sky.py' ? { ...file, path: 'moved/sky.py' } : file));
    const changed = generation(vectors, [
      moved.filter(({ path }) => path !== 'sea.py').concat({ path: 'sea.py', text: 'def sail(ship):\n    pass\n' }),
    ]);
    expect((await fill(changed)).asked).toEqual([expect.stringContaining('def sail')]);
    expect(pathsOf(await search(changed, 'storm'))?.[0]).toBe('moved/sky.py');
    const back = await fill(generation(vectors, [FILES]));
    expect(back.asked.toSorted()).toEqual([expect.stringContaining('def leave'), expect.stringContaining('def moor')]);
  });

  it('begins anew for another model, and where the file is damaged', async () => {
    const vectors = newFile();
    const source = generation(vectors, [FILES]);
    await fill(source);
    expect((await fill(source, { model: 'other' })).asked).toHaveLength(4);
    expect((await search(source, 'vessel'))?.vectors).toBeUndefined();
    writeFileSync(vectors, 'no database, but long enough to be looked at as one'.repeat(50));
    expect(await search(source, 'ship')).toMatchObject({ files: [{ path: 'sea.py' }] });
    expect((await fill(source)).asked).toHaveLength(4);
    expect((await search(source, 'vessel'))?.vectors).toBe('all');
  });

  it('has nothing to do before there are symbols', async () => {
    const source = generation(newFile(), [FILES], true);
    expect((await fill(source)).last).toEqual({ chunks: 0, embedded: 0, waiting: [] });
    expect(pathsOf(await search(source, 'rain'))).toEqual(['sky.py']);
  });
});

describe('searching by words and meaning', () => {
  it('finds what shares no word, says why, and heeds every condition', async () => {
    const source = generation(newFile(), [FILES]);
    await fill(source);
    const found = await search(source, 'vessel');
    expect(found).toMatchObject({ vectors: 'all' });
    expect(found?.files[0]).toMatchObject({ path: 'sea.py', matches: [{ line: 1, symbol: { name: 'moor' } }] });
    expect(found?.files[0]?.why.vector).toBeGreaterThan(0.9);
    expect(pathsOf(await search(source, 'vessel', { filter: { languages: ['javascript'] } }))).not.toContain('sea.py');
    expect(pathsOf(await search(source, 'vessel', { kinds: ['class'] }))).toEqual([]);
  });

  it('puts what both rankings hold before what one does, and a definition of the name before all', async () => {
    const more = { path: 'log.py', text: 'def write_log(a):\n    return "storm"\n' };
    const source = generation(newFile(), [[...FILES, more, { path: 'storm.py', text: 'def storm(x):\n    return x\n' }]]);
    await fill(source);
    expect(pathsOf(await search(source, 'storm'))?.slice(0, 2)).toEqual(['storm.py', 'log.py']);
    const named = await search(source, 'leave');
    expect(named?.files[0]).toMatchObject({ path: 'sea.py', tier: 2 });
    const scores = named?.files.map(({ score }) => score) ?? [];
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it('answers pages that fit together', async () => {
    const source = generation(newFile(), [FILES]);
    await fill(source);
    const all = pathsOf(await search(source, 'ship invoice')) ?? [];
    const paged: string[] = [];
    for (let offset = 0; offset < all.length; offset += 1) paged.push(...(pathsOf(await search(source, 'ship invoice', { offset, limit: 1 })) ?? []));
    expect(paged).toEqual(all);
  });

  it('says that only some chunks have a vector, and goes by words where none has', async () => {
    const source = generation(newFile(), [FILES]);
    expect(await search(source, 'ship')).not.toHaveProperty('vectors');
    const first = await index.fillVectors(source, { model: 'm', made: [], limit: 1, budgetMs: 10_000 }, call());
    const made = (first?.waiting ?? []).map(({ text, hash, places }) => ({ hash, places, values: meaningOf(text) }));
    await index.fillVectors(source, { model: 'm', made, limit: 1, budgetMs: 10_000, after: first?.next ?? { segment: 0, chunk: 0 } }, call());
    expect((await search(source, 'ship'))?.vectors).toBe('some');
    expect(
      (await index.search(source, { ...bare('ship'), vector: { model: 'm', values: new Float32Array(7).fill(1) } }, call()))?.vectors,
    ).toBeUndefined();
  });
});

const bare = (text: string): CodeQuery => ({ mode: 'words', text, caseSensitive: true, filter: {}, offset: 0, limit: 9, budgetMs: 10_000 });

describe('a packed vector', () => {
  it('has about the cosine of the one it was made of', () => {
    const vector = fc.float32Array({ minLength: 16, maxLength: 16, min: -4, max: 4, noNaN: true });
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        const unit = unitVector(a);
        const exact = unit.reduce((sum, value, at) => sum + value * (unitVector(b)[at] ?? 0), 0);
        expect(cosine(unit, packVector(b))).toBeCloseTo(exact, 1);
      }),
    );
  });
});
