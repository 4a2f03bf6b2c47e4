import { PolymniaError } from '../../kernel/errors.ts';
import type { ProviderAnswer } from './provider-call.ts';

/** A failure that may pass: the same request can be sent again, as long as nothing of an answer has come. */
export class Retryable extends Error {
  override readonly name = 'Retryable';
  readonly error: PolymniaError;
  /** The pause the provider asked for, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(error: PolymniaError, retryAfterMs?: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a provider did wrong, in our words: its own may quote keys and texts. */
export function upstreamError(name: string, what: string, facts: { readonly cause?: unknown; readonly status?: number } = {}): PolymniaError {
  const { cause, status } = facts;
  return new PolymniaError('upstream_failed', `${name} ${what}.`, {
    ...(cause === undefined ? {} : { cause }),
    ...(status === undefined ? {} : { details: { status } }),
  });
}

/** No answer at all. */
export function unreachable(name: string, cause: unknown): Retryable {
  return new Retryable(upstreamError(name, 'could not be reached', { cause }));
}

/** The connection ended inside an answer. */
export function brokeOff(name: string, cause?: unknown): Retryable {
  return new Retryable(upstreamError(name, 'broke off its answer', { cause }));
}

const BUSY: ReadonlySet<number> = new Set([429, 503, 529]);
/** The caller's request is at fault: too long, or not what this model takes. */
const CALLERS_FAULT: ReadonlySet<number> = new Set([400, 413, 422]);
/** Advice where a busy provider gives none. */
const BUSY_RETRY_MS = 5000;

/** An answer with a status that is none of success. */
export function refusalOf(name: string, answer: ProviderAnswer, now: number): PolymniaError | Retryable {
  const { status } = answer;
  if (BUSY.has(status)) {
    const told = pauseToldBy(answer, now);
    const error = new PolymniaError('overloaded', `${name} takes no more calls at the moment (status ${status}).`, {
      retryAfterMs: told ?? BUSY_RETRY_MS,
      details: { status },
    });
    return new Retryable(error, told);
  }
  if (CALLERS_FAULT.has(status)) {
    return new PolymniaError(
      'invalid_input',
      `${name} refused the request (status ${status}): too long for the model, or of a kind it does not take.`,
      {
        details: { status },
      },
    );
  }
  const error = upstreamError(
    name,
    status >= 300 && status < 400 ? 'answered with a redirect, which is not followed' : `answered with status ${status}`,
    {
      status,
    },
  );
  return status >= 500 || status === 408 ? new Retryable(error) : error;
}

/** `Retry-After` in seconds or as a date, or the finer `retry-after-ms`. */
function pauseToldBy(answer: ProviderAnswer, now: number): number | undefined {
  const milliseconds = Number(answer.header('retry-after-ms') ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const text = answer.header('retry-after');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (seconds >= 0) return seconds * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
