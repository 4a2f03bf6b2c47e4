import type { PolymniaError } from '../../kernel/errors.ts';
import type { BoundOperation, CallOrigin, Lane, Principal, Progress, Upload } from '../../kernel/operation.ts';

/** What a surface hands to the gate besides operation, principal and raw input. */
export interface CallOptions {
  readonly requestId: string;
  readonly origin: CallOrigin;
  /** Aborts when the client hangs up or cancels. */
  readonly signal: AbortSignal;
  readonly idempotencyKey?: string;
  readonly upload?: Upload;
  /** Told when a job has taken the upload over: it goes with the job, not with the call. */
  readonly onUploadTaken?: () => void;
  /** How long the call waits for its job when its input does not say; to the end when absent. Milliseconds. */
  readonly defaultWaitMs?: number;
  readonly onProgress?: (progress: Progress) => void;
}

/** A caller's standing against the rate of one lane, for `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers). */
export interface RateStanding {
  readonly lane: Lane;
  readonly limit: number;
  readonly windowMs: number;
  readonly remaining: number;
  /** Until at least one more unit is free; 0 when one is. */
  readonly resetMs: number;
}

/** What is left of all limits of a caller. */
export interface CallerStanding {
  readonly rates: readonly RateStanding[];
  readonly storage: { readonly usedBytes: number; readonly limitBytes: number };
  /** Calls in flight, and waiting for their turn. */
  readonly running: number;
  readonly waiting: number;
}

/** What became of a call. Errors are values here: a refusal, too, carries the caller's standing. */
export type CallOutcome =
  | { readonly ok: true; readonly output: unknown; readonly rate?: RateStanding }
  | { readonly ok: false; readonly error: PolymniaError; readonly rate?: RateStanding };

/** As {@link CallOutcome}, for operations that stream. The stream holds its permit until it ends or is closed (`return()`). */
export type StreamOutcome =
  | { readonly ok: true; readonly items: AsyncIterable<unknown>; readonly rate?: RateStanding }
  | { readonly ok: false; readonly error: PolymniaError; readonly rate?: RateStanding };

/** A credential as a surface found it in a request. Nothing else in a request ever names a user. */
export interface PresentedCredential {
  /** The `Authorization` header, whole. */
  readonly authorization?: string;
  /** `X-Polymnia-User`: a user of the service's own, only with scope `on_behalf`. */
  readonly onBehalfOf?: string;
}

/** The gate every operation passes, whatever the surface. */
export interface Gate {
  /** Proves who calls; rejects with `unauthenticated`, or `forbidden` for `onBehalfOf` without the scope. */
  authenticate(presented: PresentedCredential): Promise<Principal>;
  /** Parses, authorises, admits and runs. Never rejects. */
  call(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): Promise<CallOutcome>;
  /** The same for an operation's `stream`. Never rejects; the stream itself may. */
  stream(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): Promise<StreamOutcome>;
}
