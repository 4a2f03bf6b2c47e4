import { HTTPException } from 'hono/http-exception';
import { notFound, PolymniaError, type Problem, toPolymniaError, toProblem } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Reply, ReplyHeaders } from './reply.ts';

/** RFC 6750 challenge of every 401. */
const CHALLENGE = 'Bearer realm="polymnia"';

/** Whole seconds for `Retry-After`, never 0: a client that obeys must not come back at once. */
export function retryAfterSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** An error as an RFC 9457 answer. */
export function problemReply(error: PolymniaError, requestId: string, headers: ReplyHeaders = {}): Reply {
  const problem = toProblem(error, requestId);
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.status === 401 ? { 'www-authenticate': CHALLENGE } : {}),
      ...(problem.retryAfterMs === undefined ? {} : { 'retry-after': String(retryAfterSeconds(problem.retryAfterMs)) }),
      // The rest of an oversized or late body is not worth reading.
      ...(problem.status === 413 || problem.status === 504 ? { connection: 'close' } : {}),
      ...headers,
    },
    body: JSON.stringify(problem),
  };
}

/** Turns whatever was thrown into one of our errors; what nobody foresaw is logged here, once, with its cause. */
export function translate(thrown: unknown, requestId: string, logger: Logger): PolymniaError {
  if (thrown instanceof PolymniaError) return thrown;
  if (thrown instanceof HTTPException && thrown.status < 500) {
    return new PolymniaError(thrown.status === 413 ? 'too_large' : 'invalid_input', 'The request is not valid HTTP for this address.', {
      cause: thrown,
    });
  }
  const error = toPolymniaError(thrown);
  if (error.code === 'internal') logger.error('unexpected failure of a request', { requestId }, thrown);
  return error;
}

/** As {@link translate}, for a failure inside a stream that has begun. */
export function translatedProblem(thrown: unknown, requestId: string, logger: Logger): Problem {
  return toProblem(translate(thrown, requestId, logger), requestId);
}

/** No such address, or not with this method; `allow` then names the methods it has. */
export function unknownRoute(method: string, allow: readonly string[]): { readonly error: PolymniaError; readonly headers: ReplyHeaders } {
  if (allow.length === 0) return { error: notFound('address; /openapi.json lists them all'), headers: {} };
  const methods = allow.join(', ');
  return { error: new PolymniaError('not_found', `This address does not answer ${method}, but ${methods}.`), headers: { allow: methods } };
}
