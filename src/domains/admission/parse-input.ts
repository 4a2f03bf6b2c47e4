import type { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import { plainMessage } from './plain-message.ts';

/** Problems told at once; the rest is counted. */
const MAX_ISSUES = 10;
/** Characters told of one problem: names of fields come from outside, as many and as long as a body can hold. */
const MAX_TEXT = 300;
/** More than any operation has. */
const MAX_FIELDS = 100;

/** Parses raw input by the operation's schema, or says what is wrong with which field. */
export function parseInput(schema: z.ZodObject, input: unknown): Readonly<Record<string, unknown>> {
  refuseManyFields(input);
  const result = schema.safeParse(input ?? {}, { error: plainMessage(Object.keys(schema.shape)) });
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, MAX_ISSUES)
    .map((issue) => ({ field: cut(issue.path.map(String).join('.')), message: cut(issue.message) }));
  const sentence = issues
    .map(({ field, message }) => (field === '' || message.startsWith(`${field} `) ? message : `${field}: ${message}`))
    .join('; ');
  const more = result.error.issues.length - issues.length;
  throw new PolymniaError('invalid_input', more > 0 ? `${sentence}; and ${more} more.` : sentence, { details: { issues } });
}

/** Counted before the schema names each of them. */
function refuseManyFields(input: unknown): void {
  if (typeof input !== 'object' || input === null) return;
  let fields = 0;
  for (const _field in input) {
    if (++fields > MAX_FIELDS) throw new PolymniaError('invalid_input', `The input has more than ${MAX_FIELDS} fields; no operation has so many.`);
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}…`;
}
