import type { ErrorCode } from '../../../kernel/errors.ts';
import type { Cell, CellMethod } from '../cell/cell.ts';

/** Calls one message may carry; also the number of stop flags of a thread. */
export const MAX_BATCH_CALLS = 64;

/** A write that does nothing but open the file, and so run the migrations it lacks. Every writer knows it. */
export const OPEN_METHOD = 'open';

export type ThreadRole = 'reader' | 'writer';

/** What a thread can do, by name. Arguments are unknown here; the caller of `SpaceFiles` gives them their type. */
export type MethodRegistry = Readonly<Record<string, CellMethod<never, unknown>>>;

/** How the answer of a method is kept under an idempotency key, and made whole again. */
export interface AnswerForm {
  keep(answer: unknown): unknown;
  /** `now` is the wall time of the call, ms. */
  recall(cell: Cell, kept: unknown, now: number): unknown;
}

/** By method; one without a form keeps its answer as it is. */
export type AnswerForms = Readonly<Record<string, AnswerForm>>;

/** Fixed for the life of a thread; handed over as `workerData`. */
export interface ThreadConfig {
  readonly role: ThreadRole;
  /** Folder of the space files. */
  readonly folder: string;
  readonly openFiles: number;
  readonly cacheKiB: number;
  readonly mmapBytes: number;
  readonly busyTimeoutMs: number;
  readonly idempotencyTtlMs: number;
  /** Priority for the operating system: 0 is usual, up to 19 gives way to others. */
  readonly niceness: number;
  /** Path of the sqlite-vec library; absent = not loaded. */
  readonly vectorExtension?: string;
}

/** One flag a slot of the running batch, over shared memory: 1 = stop. */
export type StopFlags = Int32Array<SharedArrayBuffer>;

export interface ThreadData {
  readonly config: ThreadConfig;
  readonly stopFlags: StopFlags;
}

export interface Idempotency {
  readonly user: string;
  readonly operation: string;
  readonly key: string;
  readonly inputHash: string;
}

export interface CallMessage {
  readonly method: string;
  readonly args: unknown;
  /** Wall time of the call, ms: what the idempotency table goes by. */
  readonly now: number;
  readonly idempotency?: Idempotency;
}

/** Calls of one space that are run, and for a writer committed, together. The slot of a call is its index. */
export interface RunMessage {
  readonly kind: 'run';
  readonly space: string;
  /** Make the file if there is none. Only heeded by writers. */
  readonly create: boolean;
  readonly calls: readonly CallMessage[];
}

export type ToThread = RunMessage | { readonly kind: 'release'; readonly id: number; readonly space: string } | { readonly kind: 'stop' };

/** An error in the form that crosses threads. `cause` is technical text without content. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: string;
  /** Something an operator must look at: a foreign or damaged file. */
  readonly serious?: boolean;
}

/**
 * How one call ended. `aborted`: stopped, nothing written. `absent`: the space has no file. `stale`: the file waits for
 * migrations, which only a writer runs.
 */
export type Result =
  | { readonly status: 'ok'; readonly value: unknown }
  | { readonly status: 'failed'; readonly failure: Failure }
  | { readonly status: 'aborted' }
  | { readonly status: 'absent' | 'stale' };

export type Outcome = Result & {
  /** What the call cost, µs: of a read, processor time; of a write, the time it kept its thread, its part of the commit included. */
  readonly busyUs: number;
  /** Processor time of the method alone, µs. */
  readonly ownUs: number;
};

export interface BatchDone {
  readonly outcomes: readonly Outcome[];
  /** The file was not open before. */
  readonly opened: boolean;
  /** The file is open now. */
  readonly isOpen: boolean;
  /** Spaces whose files this batch made the thread close. */
  readonly closed: readonly string[];
  /** Duration of each commit, µs. */
  readonly commitsUs: readonly number[];
  /** Of all files the thread has open for writing. */
  readonly walBytes: number;
}

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly done: BatchDone }
  | { readonly kind: 'released'; readonly id: number }
  /** After checkpoints made while idle. */
  | { readonly kind: 'wal'; readonly walBytes: number };
