import type { z } from 'zod';

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries', object: ' fields', record: ' fields' };
const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
/** Longest list of allowed values a message repeats. */
const MAX_VALUES = 20;

/** Words for what a schema finds wrong, for people and models: what would be right. `fields` are the operation's own. */
export function plainMessage(fields: readonly string[]): z.core.$ZodErrorMap {
  return (issue) => {
    switch (issue.code) {
      case 'invalid_type':
        return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
      case 'too_small':
        return Number(issue.minimum) === 1 && UNITS[issue.origin] !== undefined
          ? 'must not be empty'
          : `must ${verb(issue.origin)} at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
      case 'too_big':
        return `must ${verb(issue.origin)} at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
      case 'invalid_value':
        return issue.values.length > MAX_VALUES ? undefined : `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
      case 'unrecognized_keys':
        return `there is no field ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}${issue.path?.length ? '' : `; the fields are ${fields.join(', ')}`}`;
      case 'invalid_union':
        return [...new Set(issue.errors.flatMap((branch) => branch.slice(0, 1).map(({ message }) => message)))].join(', or ') || undefined;
      case 'invalid_format':
      case 'not_multiple_of':
      case 'invalid_key':
      case 'invalid_element':
      case 'custom':
        return undefined;
    }
  };
}

function verb(origin: string): string {
  return UNITS[origin] === undefined ? 'be' : 'have';
}
