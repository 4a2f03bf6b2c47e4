import { describe, expect, it } from 'vitest';
import { contentField, instantField, metadataField, metadataFilterField } from './fields.ts';
import { retrieveInput, searchInput, storeInput, updateInput } from './inputs.ts';

function problem(result: {
  readonly success: boolean;
  readonly error?: { readonly issues: readonly { readonly message: string }[] } | undefined;
}): string {
  return result.error?.issues[0]?.message ?? 'no problem';
}

describe('contentField', () => {
  it('counts UTF-8 bytes and says how many there are', () => {
    expect(contentField.safeParse('é'.repeat(32_768)).success).toBe(true);
    expect(problem(contentField.safeParse('é'.repeat(32_769)))).toBe('content has 65538 bytes of UTF-8; at most 65536 are allowed');
    expect(problem(contentField.safeParse(''))).toContain('empty');
  });

  it('keeps every character but lone surrogates', () => {
    expect(contentField.parse('a\0b \u202e ﷽ 👩‍👩‍👧\r\n')).toBe('a\0b \u202e ﷽ 👩‍👩‍👧\r\n');
    expect(contentField.parse('x\ud800y')).toBe('x\ufffdy');
  });
});

describe('instantField', () => {
  it.each([
    ['2026-05-01T09:30:00Z', Date.UTC(2026, 4, 1, 9, 30)],
    ['2026-05-01T11:30:00.250+02:00', Date.UTC(2026, 4, 1, 9, 30, 0, 250)],
    ['2026-05-01', Date.UTC(2026, 4, 1)],
    [1_777_627_800_000.7, 1_777_627_800_000],
  ])('%s', (given, expected) => expect(instantField.parse(given)).toBe(expected));

  it.each(['2026-05-01T09:30:00', 'yesterday', '', '2026-13-01', Infinity, 9e15, null, {}])('refuses %j', (given) => {
    expect(instantField.safeParse(given).success).toBe(false);
  });
});

describe('metadataField', () => {
  it('keeps fields of any name, also those of objects', () => {
    const given = JSON.parse('{"__proto__":{"a":1},"constructor":2,"":[null,{"x":true}]}') as unknown;
    expect(JSON.stringify(metadataField.parse(given))).toBe('{"__proto__":{"a":1},"constructor":2,"":[null,{"x":true}]}');
  });

  it('takes JSON as text', () => expect(metadataField.parse('{"a":1}')).toEqual({ a: 1 }));

  it('refuses what is no object, too deep or too large, with a sentence', () => {
    expect(problem(metadataField.safeParse([1]))).toBe('metadata must be a JSON object');
    expect(problem(metadataField.safeParse('nothing'))).toBe('metadata must be a JSON object');
    expect(problem(metadataField.safeParse({ a: 'x'.repeat(16_384) }))).toContain('metadata has 16392 bytes');
    let read = 0;
    const endless = Array.from({ length: 100_000 }, () => ({
      get n() {
        return (read += 1);
      },
    }));
    expect(problem(metadataField.safeParse({ endless }))).toContain('far larger than the 16384 bytes');
    expect(read).toBeLessThan(16_384);
    expect(problem(metadataField.safeParse(' '.repeat(200_000)))).toContain('200000 characters');
    expect(problem(metadataField.safeParse(JSON.parse(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)))).toContain('nested too deeply');
  });
});

describe('metadataFilterField', () => {
  it('takes scalars only', () => {
    expect(metadataFilterField.parse({ a: 1, b: 'x', c: null, d: false })).toEqual({ a: 1, b: 'x', c: null, d: false });
    expect(metadataFilterField.safeParse({ a: [] }).success).toBe(false);
    expect(metadataFilterField.safeParse({}).success).toBe(false);
  });
});

describe('inputs', () => {
  it('refuse fields nobody knows, so that a misspelled condition cannot widen a search', () => {
    expect(problem(retrieveInput.safeParse({ query: 'x', tag: 'y' }))).toContain('tag');
    expect(problem(searchInput.safeParse({ user_id: 'usr_other' }))).toContain('user_id');
  });

  it('take numbers and lists as query strings give them', () => {
    expect(searchInput.parse({ limit: '7', tagsAny: 'a,b', tagsAll: ['c'], metadata: '{"k":1}' })).toMatchObject({
      limit: 7,
      tagsAny: ['a', 'b'],
      tagsAll: ['c'],
      metadata: { k: 1 },
    });
    expect(searchInput.safeParse({ limit: '0' }).success).toBe(false);
    expect(searchInput.safeParse({ limit: '101' }).success).toBe(false);
  });

  it('say which fields do not go together', () => {
    expect(problem(storeInput.safeParse({ content: 'x', place: 3 }))).toBe('place needs a thread');
    expect(problem(storeInput.safeParse({ content: 'x', expiresAt: 1, expiresIn: 1 }))).toContain('not both');
    expect(problem(updateInput.safeParse({ id: 'mem_x' }))).toContain('nothing to change');
    expect(updateInput.safeParse({ id: 'mem_x', expiresAt: null }).success).toBe(true);
  });
});
