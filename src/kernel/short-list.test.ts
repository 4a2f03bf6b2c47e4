import { expect, it } from 'vitest';
import { z } from 'zod';
import { shortList } from './short-list.ts';

it('refuses a list by its length without one issue for each of its items, and shows the same schema to clients', () => {
  const inner = z.array(z.string()).max(3);
  const list = shortList(3, inner);
  expect(list.safeParse(['a', 'b', 'c']).data).toEqual(['a', 'b', 'c']);
  expect(list.safeParse([1, 2]).error?.issues).toHaveLength(2);
  const refused = list.safeParse(Array.from({ length: 1_000_000 }, () => 1));
  expect(refused.error?.issues).toMatchObject([{ message: 'the list has 1000000 items; at most 3 are allowed' }]);
  expect(z.toJSONSchema(list, { io: 'input' })).toEqual(z.toJSONSchema(inner, { io: 'input' }));
});
