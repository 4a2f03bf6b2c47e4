import { describe, expect, it } from 'vitest';
import { expiryOf, takeLabels, toNewMemory } from './new-memory.ts';

const NOW = Date.UTC(2026, 4, 1);

describe('takeLabels', () => {
  it('takes type and tags out of metadata, unites tags, lets a type beside it win', () => {
    const metadata = { tags: 'b, c', type: 'fact', other: 1 };
    expect(takeLabels({ tags: ['a', 'b'], type: 'note', metadata })).toEqual({ type: 'note', tags: ['a', 'b', 'c'], metadata: { other: 1 } });
    expect(takeLabels({ metadata: { ...metadata, tags: ['x'] } })).toEqual({ type: 'fact', tags: ['x'], metadata: { other: 1 } });
  });

  it('leaves in metadata what is no type and no tags', () => {
    const metadata = { tags: 5, type: { a: 1 } };
    expect(takeLabels({ metadata })).toEqual({ metadata });
    const many = { tags: Array.from({ length: 40 }, (_, at) => `t${at}`) };
    expect(takeLabels({ tags: ['a'], metadata: many })).toEqual({ tags: ['a'], metadata: many });
  });

  it('says nothing of what was not given', () => expect(takeLabels({})).toEqual({}));
});

describe('expiryOf', () => {
  it('reads both forms and refuses the past', () => {
    expect(expiryOf({ expiresIn: 60 }, NOW)).toBe(NOW + 60_000);
    expect(expiryOf({ expiresAt: NOW + 1 }, NOW)).toBe(NOW + 1);
    expect(expiryOf({ expiresAt: null }, NOW)).toBeNull();
    expect(expiryOf({}, NOW)).toBeUndefined();
    expect(() => expiryOf({ expiresAt: NOW }, NOW)).toThrow('2026-05-01T00:00:00.000Z, which has passed');
  });
});

describe('toNewMemory', () => {
  it('fills in what was not said and nothing else', () => {
    expect(toNewMemory({ content: 'x' }, { uuid: 'u', author: 'usr_a', client: 'claude-code', now: NOW })).toEqual({
      uuid: 'u',
      content: 'x',
      type: 'note',
      tags: [],
      metadata: {},
      source: { client: 'claude-code' },
      author: 'usr_a',
      occurredAt: NOW,
      createdAt: NOW,
      updatedAt: NOW,
    });
  });
});
