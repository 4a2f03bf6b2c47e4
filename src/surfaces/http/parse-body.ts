import type { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';

/** Reads a part of a foreign form of body. Throws `invalid_input` naming the first field that is wrong; `prefix` leads to the part. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, value: unknown, prefix = ''): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidField(`${prefix}${issue?.path.join('.') ?? ''}`, issue?.message ?? 'is not valid');
}

export function invalidField(field: string, what: string): PolymniaError {
  return new PolymniaError('invalid_input', `${field === '' ? 'The body' : field}: ${what}.`, { details: { field } });
}
