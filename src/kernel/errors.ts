/**
 * The one error table. Every failure a caller can see has a row here; the surfaces, the CLI's exit
 * codes and `docs/errors.md` are all derived from it.
 */

interface ErrorRow {
  /** HTTP status of a REST answer (RFC 9457 problem). */
  readonly status: number;
  /** Short human title, the same for every error of this code. */
  readonly title: string;
  /** What the caller can do about it. */
  readonly remedy: string;
  /** May the same call succeed later, unchanged? */
  readonly retry: boolean;
  /** Exit code of the CLI. */
  readonly exitCode: number;
}

export const ERROR_TABLE = {
  invalid_input: {
    status: 400,
    title: 'The input is not valid',
    remedy: 'Correct the field named in the message and call again.',
    retry: false,
    exitCode: 2,
  },
  unauthenticated: {
    status: 401,
    title: 'No valid credential',
    remedy: 'Send a valid API key as "Authorization: Bearer pmn_…".',
    retry: false,
    exitCode: 3,
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    remedy: 'Use a credential with the scope or role named in the message.',
    retry: false,
    exitCode: 4,
  },
  quota_exceeded: {
    status: 403,
    title: 'Quota exceeded',
    remedy: 'Delete what is no longer needed, or ask an administrator for a larger quota.',
    retry: false,
    exitCode: 5,
  },
  not_found: {
    status: 404,
    title: 'Not found',
    remedy: 'Check the id: it does not exist, or this credential may not see it.',
    retry: false,
    exitCode: 6,
  },
  conflict: {
    status: 409,
    title: 'Conflict',
    remedy: 'Read the current state, then decide; details name what stands in the way.',
    retry: false,
    exitCode: 7,
  },
  too_large: { status: 413, title: 'Too large', remedy: 'Send less; the message names the limit.', retry: false, exitCode: 8 },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    remedy: 'Wait for the time in Retry-After; the limit is your own.',
    retry: true,
    exitCode: 9,
  },
  cancelled: { status: 499, title: 'Cancelled', remedy: 'The caller gave up; nothing was kept of an uncommitted write.', retry: true, exitCode: 10 },
  internal: { status: 500, title: 'Internal error', remedy: 'Report the requestId to whoever runs this server.', retry: false, exitCode: 1 },
  upstream_failed: {
    status: 502,
    title: 'An upstream service failed',
    remedy: 'Try later; the failing service is named in the message.',
    retry: true,
    exitCode: 11,
  },
  overloaded: {
    status: 503,
    title: 'Server overloaded',
    remedy: 'The server sheds load for everyone; wait for the time in Retry-After.',
    retry: true,
    exitCode: 12,
  },
  storage_unavailable: {
    status: 503,
    title: 'Storage unavailable',
    remedy: 'Try again shortly; if it lasts, the operator must look at disk and log.',
    retry: true,
    exitCode: 13,
  },
  timed_out: {
    status: 504,
    title: 'Timed out',
    remedy: 'The limit named in the message was exceeded; ask for less or try later.',
    retry: true,
    exitCode: 14,
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** Extra facts of one failure. Everything here may be shown to the caller: no secrets, no foreign data. */
export interface ErrorFacts {
  readonly retryAfterMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The only error type that crosses a domain's door on purpose. */
export class PolymniaError extends Error {
  override readonly name = 'PolymniaError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.retryAfterMs = facts.retryAfterMs;
    this.details = facts.details;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }
}

/** RFC 9457 problem document, the wire form of every error on every surface. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly requestId: string;
  readonly retryAfterMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A failure as its caller may see it. Foreign errors arrive here already translated by {@link toPolymniaError}. */
export function toProblem(error: PolymniaError, requestId: string): Problem {
  const row = ERROR_TABLE[error.code];
  return {
    type: `urn:polymnia:error:${error.code}`,
    title: row.title,
    status: row.status,
    code: error.code,
    detail: error.message,
    requestId,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(error.retryAfterMs) }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

/**
 * Foreign errors become ours here and nowhere else. An abort becomes `cancelled` unless its reason is one of
 * ours (a deadline aborts with `timed_out`); anything unknown becomes `internal` with its message kept only as cause.
 */
export function toPolymniaError(error: unknown): PolymniaError {
  if (error instanceof PolymniaError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    const { cause } = error;
    return cause instanceof PolymniaError ? cause : new PolymniaError('cancelled', 'The call was cancelled.', { cause: error });
  }
  return new PolymniaError('internal', 'Something went wrong inside the server.', { cause: error });
}

/** The answer for "does not exist" and for "not yours" alike: the same words, so that nothing can be told apart. */
export function notFound(what: string): PolymniaError {
  return new PolymniaError('not_found', `No such ${what}.`);
}

/** The code of an error of the operating system, such as `ENOENT`; undefined for every other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof PolymniaError || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
