import { ERROR_TABLE, PolymniaError } from '../../kernel/errors.ts';
import type { ErrorCode } from '../../kernel/errors.ts';

/** The first and only message to a child: what it is there for. */
export interface StartMessage {
  readonly kind: 'start';
  readonly task: string;
  readonly payload: unknown;
  /** Its own folder, also its HOME and TMPDIR; gone with it. */
  readonly folder: string;
}

/** A failure as JSON. `cause` is for the log only. */
export interface WireFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterMs?: number;
  readonly cause?: { readonly name: string; readonly message: string; readonly stack?: string };
}

/** What a child says; `done` and `failed` are its last word. `cpuMs`: of the child and its ended children, in all. */
export type ChildMessage =
  | { readonly kind: 'events'; readonly events: readonly unknown[] }
  | { readonly kind: 'done'; readonly result?: unknown; readonly cpuMs: number }
  | { readonly kind: 'failed'; readonly failure: WireFailure; readonly cpuMs: number };

/** Events leave a child in batches, no two of them closer than this, ms. */
export const EVENT_INTERVAL_MS = 50;

/** An error of a task as it crosses to the parent: one of ours as it is, any other as `internal` with the error kept as its cause. */
export function failureToWire(error: unknown): WireFailure {
  if (!(error instanceof PolymniaError)) return { code: 'internal', message: 'Something went wrong inside the server.', ...causeToWire(error) };
  const { code, message, details, retryAfterMs } = error;
  return {
    code,
    message,
    ...(details === undefined ? {} : { details }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...causeToWire(error.cause),
  };
}

/** The error again. What a child says about itself is checked: a code that is not in the table becomes `internal`. */
export function failureFromWire({ code, message, details, retryAfterMs, cause }: WireFailure): PolymniaError {
  const known = Object.hasOwn(ERROR_TABLE, code) ? code : 'internal';
  return new PolymniaError(known, message, {
    ...(details === undefined ? {} : { details }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause: errorOf(cause) }),
  });
}

function causeToWire(cause: unknown): Pick<WireFailure, 'cause'> {
  if (cause === undefined) return {};
  if (!(cause instanceof Error)) return { cause: { name: 'Error', message: JSON.stringify(cause) } };
  const { name, message, stack } = cause;
  return { cause: { name, message, ...(stack === undefined ? {} : { stack }) } };
}

function errorOf({ name, message, stack }: NonNullable<WireFailure['cause']>): Error {
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
