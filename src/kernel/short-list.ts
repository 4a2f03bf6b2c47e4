import { z } from 'zod';

/**
 * A list that is refused by its length before its items are looked at. A limit behind the items is no limit: zod would have
 * made one issue for each of the millions of items a body can hold.
 */
export function shortList<Schema extends z.ZodType>(max: number, schema: Schema): z.ZodPreprocess<Schema> {
  return z.preprocess((value, ctx) => {
    if (!Array.isArray(value) || value.length <= max) return value;
    ctx.addIssue({ code: 'custom', message: `the list has ${value.length} items; at most ${max} are allowed` });
    return z.NEVER;
  }, schema);
}
