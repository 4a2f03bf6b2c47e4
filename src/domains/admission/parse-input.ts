import type { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';

/** Problems told at once; the rest is counted. */
const MAX_ISSUES = 10;

/** Parses raw input by the operation's schema, or says what is wrong with which field. */
export function parseInput(schema: z.ZodObject, input: unknown): Readonly<Record<string, unknown>> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, MAX_ISSUES).map((issue) => ({ field: issue.path.map(String).join('.'), message: issue.message }));
  const sentence = issues.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  const more = result.error.issues.length - issues.length;
  throw new PolymniaError('invalid_input', more > 0 ? `${sentence}; and ${more} more.` : sentence, { details: { issues } });
}
