import type { JobLane, Principal, SpaceAccess, Upload } from '../../kernel/operation.ts';
import type { Job } from './model.ts';

/** What jobs ask of identity: for a user who is not calling, and for one who asks after a job. */
export interface JobAuthority {
  /**
   * The user as a principal with every scope a member's key can hold, and the space with the role held there now. Undefined when the
   * user is disabled or gone, or holds no role in the space any more.
   */
  standIn(userId: string, spaceId: string): Promise<StandIn | undefined>;
  /** By public id; not a member, or outside the credential's spaces: rejects with `not_found`. */
  space(principal: Principal, spaceId: string): Promise<SpaceAccess>;
  readableSpaces(principal: Principal): Promise<readonly SpaceAccess[]>;
  /** Told, after the commit, of every loss of authority. The returned function ends the subscription. */
  onAuthorityChange(listener: (change: AuthorityLoss) => void): () => void;
}

export interface StandIn {
  readonly principal: Principal;
  readonly space: SpaceAccess;
}

/** Whose authority shrank. */
export interface AuthorityLoss {
  readonly userId?: string;
  readonly credentialId?: string;
  readonly spaceId?: string;
}

/** Where uploads wait for their job. A job that has ended has none. */
export interface JobUploads {
  /** Writes a whole body, durable when resolved. */
  write(body: Iterable<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<Upload>;
  /** No error when it is gone already. */
  remove(spoolId: string): Promise<void>;
  /** Removes the files that are not in `keep`; only while no upload is under way. Number removed. */
  sweepOrphans(keep: ReadonlySet<string>): Promise<number>;
}

/** Told of what becomes of jobs, for log and metrics. */
export interface JobObserver {
  /** A run has ended; `outcome` is the job's state now, `queued` when it goes back to the line. Times in ms. */
  ended(run: { readonly job: Job; readonly ranMs: number; readonly waitedMs: number; readonly cost: number; readonly error?: unknown }): void;
  /** A run found that another one has taken its place. */
  leaseLost(job: Job): void;
  /** A job was failed because it keeps killing its workers. */
  parked(job: Job): void;
}

/** One piece of CPU-heavy work for a child process. `payload` and what comes back are JSON. */
export interface ChildTask {
  /** Which entry runs it, e.g. `sync` or `analyse`. */
  readonly kind: string;
  readonly payload: unknown;
  readonly lane: JobLane;
  /** Whose work it is: children of several users share the processor fairly. */
  readonly userId: string;
  readonly weight: number;
}

export interface ChildTaskHooks {
  readonly signal: AbortSignal;
  /** Whatever the child reports on its way. */
  onEvent(event: unknown): void;
  /** Processor time spent since the last call, ms, of the child and all its own children. */
  onCpu(ms: number): void;
}

/**
 * Runs tasks in child processes of low OS priority. A task has a process group of its own: an abort kills it whole (≤ 250 ms), so
 * does exceeding its memory. The result is the child's last word. Rejects with the signal's reason, with the `PolymniaError`
 * the child reported, or with {@link WorkerDied} when it ended without a word.
 */
export interface ChildTasks {
  run(task: ChildTask, hooks: ChildTaskHooks): Promise<unknown>;
}

/** A child process ended without a result: killed, out of memory, or crashed. The job that ran there may have done it. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
  /** `memory`: it outgrew its limit; `killed`: by a signal; `exit`: by itself. */
  readonly reason: 'memory' | 'killed' | 'exit';

  constructor(reason: WorkerDied['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}
