import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ImportLine, parseLine } from '../line-format.ts';
import { fromMarkdownFile, splitText } from './markdown.ts';
import { fromMem0Export } from './mem0.ts';
import { fromMemoryServiceExport, fromMemoryServiceRow } from './memory-service.ts';
import { fromReferenceMemory } from './reference-memory.ts';
import { timeOf } from './foreign.ts';

const NOW = Date.UTC(2026, 0, 1);

/** What the server makes of a converted line; a line it would refuse fails the test. */
function read(line: ImportLine | undefined) {
  let made = 0;
  const parsed = parseLine(JSON.stringify(line), { importId: 'imp_1', author: 'usr_me', name: '', now: NOW, uuid: () => `${(made += 1)}` });
  if (parsed.kind !== 'memory') throw new Error(JSON.stringify(parsed));
  return parsed.memory;
}

describe('mcp-memory-service', () => {
  const row = {
    id: 7,
    content_hash: 'd2a84f4b8b650937ec8f73cd8be2c74add5a911ba64df27458ed8229da804a26',
    content: 'The staging database runs on port 5433.',
    tags: 'infra, staging,infra',
    memory_type: 'reference',
    metadata: '{"source":"chat","priority":2}',
    created_at: 1_719_830_400.25,
    created_at_iso: '2024-07-01T10:40:00.250000Z',
    updated_at: 1_719_830_500,
    updated_at_iso: '2024-07-01T10:41:40Z',
    deleted_at: null,
  };

  it('reads a row of its SQLite file', () => {
    expect(read(fromMemoryServiceRow(row))).toMatchObject({
      content: row.content,
      type: 'reference',
      tags: ['infra', 'staging'],
      metadata: { source: 'chat', priority: 2, content_hash: row.content_hash },
      source: { client: 'mcp-memory-service' },
      createdAt: 1_719_830_400_250,
      occurredAt: 1_719_830_400_250,
      updatedAt: 1_719_830_500_000,
    });
    expect(fromMemoryServiceRow({ ...row, deleted_at: 1_719_830_600 })).toBeUndefined();
  });

  it('reads its JSON export, leniently', () => {
    const { lines, problems } = fromMemoryServiceExport({
      export_metadata: { source_machine: 'laptop', export_timestamp: '2025-08-12T10:30:00Z', total_memories: 4 },
      memories: [
        {
          content: 'a',
          content_hash: 'h',
          tags: ['x', 'y'],
          created_at: 1_673_545_845.0,
          memory_type: null,
          metadata: { tags: 'z' },
          export_source: 'laptop',
        },
        { content: 'b', tags: [], created_at_iso: '2024-07-01T10:40:00', metadata: 'not json' },
        { content: ' ', tags: [] },
        'nonsense',
        { content: 'c', deleted_at: 5 },
        { content: 'd', tags: Array.from({ length: 40 }, (_, at) => `t${at}`) },
      ],
    });
    expect(lines.map((line) => read(line).content)).toEqual(['a', 'b', 'd']);
    expect(read(lines[0])).toMatchObject({ type: 'note', tags: ['x', 'y'], metadata: { export_source: 'laptop' }, createdAt: 1_673_545_845_000 });
    expect(read(lines[1])).toMatchObject({ createdAt: Date.UTC(2024, 6, 1, 10, 40), metadata: { metadata: 'not json' } });
    expect(read(lines[2]).tags).toHaveLength(32);
    expect(problems).toEqual([
      { item: 3, message: 'no content' },
      { item: 4, message: 'not a JSON object' },
    ]);
    expect(fromMemoryServiceExport({ other: 1 }).problems).toHaveLength(1);
  });
});

describe('mem0', () => {
  const memory = {
    id: '892db2ae-06d9-49e5-8b3e-585ef9b85b8e',
    memory: 'Is allergic to peanuts',
    hash: '1d1b2f',
    metadata: { category: 'health', room: 12 },
    categories: ['health', 'food'],
    score: 0.4,
    user_id: 'alex',
    agent_id: null,
    created_at: '2024-07-01T08:00:00.000000-07:00',
    updated_at: null,
    expiration_date: '2030-08-30',
  };

  it('reads an answer of get_all and a bare array', () => {
    for (const json of [{ results: [memory] }, [memory]]) {
      expect(read(fromMem0Export(json).lines[0])).toMatchObject({
        content: 'Is allergic to peanuts',
        type: 'note',
        tags: ['health', 'food'],
        metadata: { room: 12, user_id: 'alex', mem0Id: memory.id },
        createdAt: Date.UTC(2024, 6, 1, 15),
        expiresAt: Date.UTC(2030, 7, 30),
      });
    }
  });

  it('reports what holds no memory', () => {
    expect(fromMem0Export([{ id: 'x' }, 3]).problems).toEqual([
      { item: 1, message: 'no memory text' },
      { item: 2, message: 'not a JSON object' },
    ]);
    expect(fromMem0Export('x').problems).toHaveLength(1);
  });
});

describe('MCP reference memory', () => {
  it('reads entities, observations and relations', () => {
    const { lines, problems } = fromReferenceMemory(
      [
        '{"type":"entity","name":"John_Smith","entityType":"person","observations":["Speaks fluent Spanish","Graduated in 2019"]}',
        '{"type":"entity","name":"Anthropic","entityType":"organization","observations":[]}',
        '{"type":"relation","from":"John_Smith","to":"Anthropic","relationType":"works_at"}',
        '',
        'oops',
        '{"type":"entity"}',
      ].join('\n'),
    );
    expect(lines.map((line) => read(line).content)).toEqual([
      'John_Smith: Speaks fluent Spanish',
      'John_Smith: Graduated in 2019',
      'Anthropic (organization)',
      'John_Smith works at Anthropic',
    ]);
    expect(lines.map((line) => read(line).type)).toEqual(['observation', 'observation', 'entity', 'relation']);
    expect(read(lines[0])).toMatchObject({ tags: ['person'], metadata: { entity: 'John_Smith', entityType: 'person' } });
    expect(read(lines[3]).metadata).toEqual({ from: 'John_Smith', to: 'Anthropic', relationType: 'works_at' });
    expect(problems.map(({ item }) => item)).toEqual([4, 5]);
  });
});

describe('Markdown', () => {
  it('takes front matter for tags, type and dates, the rest for metadata', () => {
    const text =
      '---\ntitle: "Team: lunch"\ntags:\n  - food\n  - team\ntype: idea\ndate: 2024-03-05\nupdated: 2024-03-06T10:00:00Z\naliases: [a, "b"]\n---\n\n# Lunch\n\nTacos on Tuesday.\n';
    const [line, ...others] = fromMarkdownFile({ path: 'notes/lunch.md', text, modifiedAt: 5 });
    expect(others).toEqual([]);
    expect(read(line)).toMatchObject({
      content: '# Lunch\n\nTacos on Tuesday.',
      type: 'idea',
      tags: ['food', 'team'],
      metadata: { title: 'Team: lunch', aliases: ['a', 'b'] },
      source: { client: 'markdown', origin: 'notes/lunch.md' },
      createdAt: Date.UTC(2024, 2, 5),
      updatedAt: Date.UTC(2024, 2, 6, 10),
    });
  });

  it('takes a file without front matter as it is, and none from an empty one', () => {
    expect(read(fromMarkdownFile({ path: 'a.md', text: 'just text', modifiedAt: 1_700_000_000_000 })[0])).toMatchObject({
      content: 'just text',
      createdAt: 1_700_000_000_000,
    });
    expect(fromMarkdownFile({ path: 'a.md', text: '---\ntags: a\n---\n \n' })).toEqual([]);
  });

  it('cuts a large file before headings and numbers the parts', () => {
    const chapter = (name: string): string => `## ${name}\n\n${`${name} goes on and on.\n\n`.repeat(2500)}`;
    const lines = fromMarkdownFile({ path: 'book.md', text: `# Book\n\n${chapter('One')}${chapter('Two')}${chapter('Three')}` });
    const parts = lines.map((line) => read(line));
    expect(parts.map(({ content }) => content.slice(0, 9))).toEqual(['# Book\n\n#', '## Two\n\nT', '## Three\n']);
    expect(parts.map(({ metadata }) => metadata)).toEqual([1, 2, 3].map((part) => ({ part, parts: 3 })));
  });

  it('cuts any text into parts that fit and lose nothing but space', () => {
    const word = fc.constantFrom('a', 'ü', '漢字', '👩‍👩‍👧', '\n', '\n\n', ' ', '\n# h ', 'x'.repeat(30));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 80 }), fc.integer({ min: 16, max: 60 }), (words, maxBytes) => {
        const text = words.join('');
        const parts = splitText(text, maxBytes);
        expect(parts.every((part) => Buffer.byteLength(part) <= maxBytes)).toBe(true);
        expect(parts.join('').replaceAll(/\s/g, '')).toBe(text.replaceAll(/\s/g, ''));
      }),
    );
  });
});

describe('timeOf', () => {
  it.each([
    [1_719_830_400.5, 1_719_830_400_500],
    [1_719_830_400_500, 1_719_830_400_500],
    ['1719830400', 1_719_830_400_000],
    ['2024-07-01T10:40:00.250000', Date.UTC(2024, 6, 1, 10, 40, 0, 250)],
    ['2024-07-01 10:40:00+02:00', Date.UTC(2024, 6, 1, 8, 40)],
    ['2024-07-01', Date.UTC(2024, 6, 1)],
    ['soon', undefined],
    [Number.NaN, undefined],
    [null, undefined],
  ])('%j', (value, expected) => expect(timeOf(value)).toBe(expected));
});
