import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseInput } from './parse-input.ts';

const schema = z.strictObject({
  query: z.string().min(1).max(5),
  limit: z.coerce.number().int().min(2).max(9).optional(),
  since: z.union([z.number(), z.string()]).optional(),
  tags: z.array(z.string()).min(1).max(2).optional(),
  role: z.enum(['reader', 'owner']).optional(),
  metadata: z
    .unknown()
    .refine((value) => typeof value === 'object', 'metadata must be a JSON object')
    .optional(),
});

test.each<[unknown, string]>([
  [{}, 'query: is missing'],
  [{ query: 5 }, 'query: must be text'],
  [{ query: '' }, 'query: must not be empty'],
  [{ query: 'a longer one' }, 'query: must have at most 5 characters'],
  [{ query: 'a', limit: '100' }, 'limit: must be at most 9'],
  [{ query: 'a', limit: 1 }, 'limit: must be at least 2'],
  [{ query: 'a', limit: 2.5 }, 'limit: must be a whole number'],
  [{ query: 'a', limit: 'many' }, 'limit: must be a number'],
  [{ query: 'a', since: {} }, 'since: must be a number, or must be text'],
  [{ query: 'a', tags: [] }, 'tags: must not be empty'],
  [{ query: 'a', tags: ['a', 1] }, 'tags.1: must be text'],
  [{ query: 'a', role: 'boss' }, 'role: must be "reader" or "owner"'],
  [{ query: 'a', metadata: 5 }, 'metadata must be a JSON object'],
  [{ query: 'a', top: 5 }, 'there is no field "top"; the fields are query, limit, since, tags, role, metadata'],
])('%j is refused with "%s"', (input, message) => {
  expect(() => parseInput(schema, input)).toThrow(message);
});

test('a good input comes out parsed', () => {
  expect(parseInput(schema, { query: 'a', limit: '7' })).toEqual({ query: 'a', limit: 7 });
});
