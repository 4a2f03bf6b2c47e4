import { ERROR_TABLE } from '../../kernel/errors.ts';
import type { BoundOperation } from '../../kernel/operation.ts';
import type { JsonSchema } from './json-schema.ts';

const ROWS = Object.entries(ERROR_TABLE);

/** RFC 9457 document of every failure. */
export const PROBLEM_SCHEMA: JsonSchema = {
  type: 'object',
  title: 'Problem',
  description: 'A failure (RFC 9457). Decide by `code`; `detail` is for people.',
  required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
  properties: {
    type: { type: 'string', description: 'URN of the kind of failure.', examples: ['urn:polymnia:error:not_found'] },
    title: { type: 'string', description: 'Short title, the same for every failure of this code.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    code: { type: 'string', enum: Object.keys(ERROR_TABLE), description: 'Stable code of the error table.' },
    detail: { type: 'string', description: 'What was wrong and what would be right.' },
    requestId: { type: 'string', description: 'Names this call in the log of the server.' },
    retryAfterMs: { type: 'integer', description: 'When the same call may succeed, in milliseconds.' },
    details: { type: 'object', additionalProperties: true, description: 'Further facts of this failure.' },
  },
};

const text = (description: string, example: string): JsonSchema => ({ description, schema: { type: 'string', examples: [example] } });

/** Headers of answers. */
export const HEADERS: Readonly<Record<string, JsonSchema>> = {
  RequestId: text('Names this call in the log of the server.', 'req_3v8k2d0m9x1c7b5n4q6r8s0tew'),
  RateLimit: text('What is left of the rate of this lane: remaining units (r) and seconds until more are free (t).', '"memory";r=42;t=13'),
  RateLimitPolicy: text('The rate of this lane: units (q) in a sliding window of seconds (w).', '"memory";q=100;w=60'),
  RetryAfter: { description: 'Seconds after which the same call may succeed.', schema: { type: 'integer', minimum: 1 } },
  Challenge: text('How to authenticate (RFC 6750).', 'Bearer realm="polymnia"'),
};

const header = (name: keyof typeof HEADERS): JsonSchema => ({ $ref: `#/components/headers/${name}` });
const REQUEST_ID = { 'X-Request-Id': header('RequestId') };

/** Headers of an answer that passed the gate. */
export const STANDING = { ...REQUEST_ID, RateLimit: header('RateLimit'), 'RateLimit-Policy': header('RateLimitPolicy') };

/** Request headers as parameters. */
export const PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'Makes a retry safe: the same key with the same input answers as the first time, with another input it is a conflict.',
    schema: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[ -~]+$' },
  },
  OnBehalfOf: {
    name: 'X-Polymnia-User',
    in: 'header',
    description: 'The external id of a user of your service. Only for credentials with scope `on_behalf`.',
    schema: { type: 'string' },
  },
};

/** Errors an operation can answer with, by status. */
export function errorStatuses(operation: Pick<BoundOperation, 'http' | 'target' | 'effect'>): readonly number[] {
  const { method, path } = operation.http;
  const isWrite = operation.effect !== 'read';
  const seesThings = operation.target.kind !== 'none' || path.includes('{');
  return [400, 401, 403, ...(seesThings ? [404] : []), ...(isWrite ? [409] : []), ...(method === 'GET' ? [] : [413]), 429, 500, 503, 504];
}

/** One reusable response per status of the error table. */
export function problemResponse(status: number): JsonSchema {
  const rows = ROWS.filter(([, row]) => row.status === status);
  const description = rows.map(([code, row]) => `\`${code}\`: ${row.title}. ${row.remedy}`).join('\n\n');
  const more: Readonly<Record<number, JsonSchema>> = {
    401: { 'WWW-Authenticate': header('Challenge') },
    429: { 'Retry-After': header('RetryAfter'), RateLimit: header('RateLimit'), 'RateLimit-Policy': header('RateLimitPolicy') },
    503: { 'Retry-After': header('RetryAfter') },
  };
  return {
    description,
    headers: { ...REQUEST_ID, ...more[status] },
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}
