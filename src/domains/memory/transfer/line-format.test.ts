import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLine, toLine } from './line-format.ts';
import type { SpaceAccess } from '../../../kernel/operation.ts';
import type { MemoryWithHistory } from '../store.ts';

const NOW = Date.UTC(2026, 4, 1);
const context = { importId: 'imp_1', author: 'usr_me', name: '', now: NOW, uuid: () => 'f'.repeat(32) };
const space: SpaceAccess = { id: 'space_a', key: '00000000000000aa', role: 'owner', payer: 'usr_me', personal: true };

const words = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).map((text) => text.toWellFormed());
const label = fc
  .string({ minLength: 1, maxLength: 20 })
  .map((text) => text.trim())
  .filter((text) => text !== '');
const tags = fc.uniqueArray(label, { maxLength: 5 });
const metadata = fc
  .dictionary(words, fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.integer(), { maxLength: 3 })), {
    maxKeys: 4,
    noNullPrototype: true,
  })
  .map(({ tags: _tags, type: _type, ...rest }) => rest);
const time = fc.integer({ min: Date.parse('0001-01-01T00:00:00Z'), max: NOW });

const memory: fc.Arbitrary<MemoryWithHistory> = fc
  .record({
    uuid: fc.stringMatching(/^[0-9a-f]{32}$/),
    content: words,
    type: label,
    tags,
    metadata,
    source: fc.record({ client: label, origin: label }, { requiredKeys: [] }),
    occurredAt: time,
    createdAt: time,
    updatedAt: time,
    threaded: fc.option(fc.record({ thread: words, place: fc.nat() }), { nil: undefined }),
    expires: fc.option(fc.integer({ min: NOW + 1, max: NOW + 1e9 }), { nil: undefined }),
    history: fc.array(fc.record({ content: words, type: label, tags, metadata, replacedAt: time }), { maxLength: 3 }),
  })
  .map(({ threaded, expires, history, ...fields }) => ({
    ...fields,
    ...threaded,
    ...(expires === undefined ? {} : { expiresAt: expires }),
    author: 'usr_me',
    version: history.length + 1,
    versions: history.length,
    importId: 'imp_1',
    ...(history.length === 0 ? {} : { history: history.map((old, at) => ({ ...old, version: at + 1, replacedBy: 'usr_me' })) }),
  }));

describe('lines of the export format', () => {
  it('a memory written and read is the same memory', () => {
    fc.assert(
      fc.property(memory, (stored) => {
        const { versions: _versions, ...expected } = stored;
        expect(parseLine(JSON.stringify(toLine(space, stored)), context)).toEqual({ kind: 'memory', memory: expected });
      }),
      { numRuns: 200 },
    );
  });

  it('reads the least line there can be', () => {
    const parsed = parseLine('\uFEFF{"content":"x"}\r', { ...context, name: 'notes.jsonl' });
    expect(parsed).toMatchObject({
      kind: 'memory',
      memory: { content: 'x', type: 'note', occurredAt: NOW, source: { origin: 'notes.jsonl' }, uuid: 'f'.repeat(32) },
    });
  });

  it('nobody is an author by what a line says', () => {
    const parsed = parseLine(
      '{"content":"x","author":"usr_other","history":[{"version":1,"content":"y","type":"note","tags":[],"metadata":{},"replacedAt":1,"replacedBy":"usr_other"}]}',
      context,
    );
    expect(JSON.stringify(parsed)).not.toContain('usr_other');
  });

  it('passes over blank lines, headers and ends', () => {
    for (const line of ['', '  \t', '{"polymnia":"memories","version":1}', '{"polymnia":"end","memories":3}'])
      expect(parseLine(line, context)).toEqual({ kind: 'none' });
  });

  it.each([
    ['{', 'not a JSON object'],
    ['[1]', 'not a JSON object'],
    ['{"content":5}', 'content: '],
    ['{"content":""}', 'content: content is empty'],
    ['{"content":"x","place":1}', 'place: place needs a thread'],
    ['{"content":"x","occurredAt":"soon"}', 'occurredAt: '],
    ['{"content":"x","expiresAt":"2020-01-01T00:00:00Z"}', 'expired before'],
    ['{"polymnia":"memories","version":2}', 'newer than 1'],
  ])('says what is wrong with %s', (line, message) => {
    expect(parseLine(line, context)).toMatchObject({ kind: 'bad', message: expect.stringContaining(message) as string });
  });

  it('never repeats a line in a message', () => {
    const secret = 'correct horse battery staple';
    for (const line of [secret, JSON.stringify({ content: 1, type: secret.repeat(9) }), JSON.stringify({ content: 'x', metadata: secret })]) {
      expect(JSON.stringify(parseLine(line, context))).not.toContain('horse');
    }
  });
});
