import type { ErrorCode } from '../../kernel/errors.ts';
import type { BoundOperation, Caller, JobLane, Lane, Principal, SpaceAccess } from '../../kernel/operation.ts';
import type { CallOptions, RateStanding } from './model.ts';

/** What admission asks of identity. Rejections are final answers to the caller. */
export interface Authority {
  /** Rejects with `unauthenticated` (one text for every reason) or `forbidden` (on behalf of, without the scope). */
  authenticate(secret: string, onBehalfOf?: string): Promise<Principal>;
  /** False once the credential or user of a principal proved earlier is gone. */
  stands(principal: Principal): boolean;
  /** By public id; undefined = the personal space. Not a member, or outside the credential's spaces: `not_found`. */
  space(principal: Principal, spaceId: string | undefined): Promise<SpaceAccess>;
  /** By the key inside a record id; as `space`. */
  spaceByKey(principal: Principal, key: string): Promise<SpaceAccess>;
  readableSpaces(principal: Principal): Promise<readonly SpaceAccess[]>;
  /** Told, after the commit, of every loss of authority. The returned function ends the subscription. */
  onAuthorityChange(listener: (change: AuthorityChange) => void): () => void;
}

/** Whose authority shrank: each given field must match a call for the call to end. */
export interface AuthorityChange {
  readonly userId?: string;
  readonly credentialId?: string;
  readonly spaceId?: string;
}

/** Where the bytes that count against quotas are known. */
export interface StorageAccounts {
  /** Exact, from the spaces the user pays for. */
  usedBytes(payer: string): Promise<number>;
  /** The service the payer belongs to, or the payer itself. */
  groupOf(payer: string): Promise<string>;
  /** Last known total of all payers of a service; 0 when there is none. */
  groupBytes(group: string): Promise<number>;
  /** Last known total of one payer, as saved. */
  savedBytes(payer: string): Promise<number>;
  /** Keeps totals for `groupBytes` and for reports; may be lost by a crash without harm. */
  save(bytesByPayer: ReadonlyMap<string, number>): Promise<void>;
}

/** An authorised call of an operation that runs as a job. */
export interface JobCall {
  readonly operation: BoundOperation;
  readonly principal: Principal;
  /** Parsed, with the fields every job operation has (`background`, `wait`). */
  readonly input: Readonly<Record<string, unknown>>;
  readonly space: SpaceAccess;
  /** `signal` ends the wait, never the job. */
  readonly options: CallOptions;
}

/** Where calls of job operations go: the job table counts their rate and quota, and its lanes run them. */
export interface JobDoor {
  /** Stores or joins the job, waits for it as the input says, and answers with the operation's output. Rejects as the job did. */
  call(request: JobCall): Promise<unknown>;
  /** Counted from the table, so it survives a restart. */
  standing(caller: Caller, lane: JobLane): Promise<RateStanding>;
}

/** One finished or refused call, for log and metrics. */
export interface CallRecord {
  readonly operation: string;
  readonly lane: Lane;
  readonly surface: string;
  readonly caller: Caller;
  readonly requestId: string;
  readonly outcome: 'ok' | ErrorCode;
  readonly waitedMs: number;
  readonly ranMs: number;
  /** Thread time, µs. */
  readonly cost: number;
  /** Set when the outcome is `internal` or `storage_unavailable`: the operator needs it. */
  readonly error?: unknown;
}

export interface CallObserver {
  finished(record: CallRecord): void;
}
