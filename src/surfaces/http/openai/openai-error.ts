import type { ErrorCode, PolymniaError } from '../../../kernel/errors.ts';
import { problemReply } from '../problem.ts';
import type { Reply, ReplyHeaders } from '../reply.ts';

const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  unauthenticated: 'authentication_error',
  forbidden: 'permission_error',
  not_found: 'not_found_error',
  rate_limited: 'rate_limit_error',
  quota_exceeded: 'insufficient_quota',
};

/** An error in the form OpenAI clients read. */
export function openAiError(error: PolymniaError): { readonly error: Readonly<Record<string, string | null>> } {
  const { code, message, details, status } = error;
  const field = details?.['field'];
  const type = TYPES[code] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  return { error: { message, type, param: typeof field === 'string' && field !== '' ? field : null, code } };
}

/** The same as an answer: status and headers of every other error, and the exact pause for clients that know it. */
export function openAiErrorReply(error: PolymniaError, requestId: string, headers: ReplyHeaders = {}): Reply {
  const pause = error.retryAfterMs === undefined ? {} : { 'retry-after-ms': String(Math.ceil(error.retryAfterMs)) };
  const problem = problemReply(error, requestId, { ...pause, ...headers });
  return { ...problem, headers: { ...problem.headers, 'content-type': 'application/json' }, body: JSON.stringify(openAiError(error)) };
}
