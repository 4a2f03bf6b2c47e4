import type { ErrorCode } from '../../../kernel/errors.ts';
import type { SystemFileConfig } from './open-system-file.ts';
import type { SystemWriteName } from './writes/system-writes.ts';

/** `workerData` of the writer thread. */
export interface WriterData {
  readonly file: SystemFileConfig;
}

/** Between main thread and writer: `run` is answered by one `done` with the same id, in the order of commits. */
export type ToWriter =
  | { readonly kind: 'run'; readonly id: number; readonly name: SystemWriteName; readonly args: unknown }
  | { readonly kind: 'stop' };

export interface WriteFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Technical, for the log only. */
  readonly cause?: string;
}

export type WriteOutcome =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly failure: WriteFailure };

export type FromWriter =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly failure: WriteFailure }
  | { readonly kind: 'done'; readonly outcomes: readonly WriteOutcome[] };
