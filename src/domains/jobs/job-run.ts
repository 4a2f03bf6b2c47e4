import { startDeadline, type Deadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { BoundOperation, OperationContext, StorageQuota } from '../../kernel/operation.ts';
import type { Job, JobProgress } from './model.ts';
import type { StandIn } from './ports.ts';
import { ProgressCourse } from './progress-course.ts';
import type { RunOutcome, StopKind } from './retry.ts';
import type { Heartbeat } from './store.ts';

/** How often watchers are told of progress that comes faster. */
const TELL_MS = 100;

export interface JobRunDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quota: StorageQuota;
  /** The lane's time-out, from the start of the run. */
  readonly timeoutMs: number;
  readonly timeoutName: string;
  /** Rejects once the run may not go on; see `RunningJob.confirm`. */
  confirm(run: JobRun): Promise<void>;
  told(run: JobRun, progress: JobProgress): void;
}

/** One run of a job in this process: its signal, its progress, its cost, and why it was told to stop. */
export class JobRun implements Disposable {
  readonly job: Job;
  readonly startedAt: number;
  readonly #deps: JobRunDeps;
  readonly #deadline: Deadline;
  readonly #course: ProgressCourse;
  #stop: { readonly kind: StopKind; readonly reason: PolymniaError } | undefined;
  #cost = 0;
  #toldAt = -Infinity;
  #isTold = true;
  #isKept = true;
  /** Monotonic ms at which the lease ends unless a heartbeat prolongs it. */
  leaseEndsAt: number;
  /** Its end is being written: it keeps no lease any more. */
  isEnding = false;

  constructor(job: Job, leaseEndsAt: number, deps: JobRunDeps) {
    this.job = job;
    this.leaseEndsAt = leaseEndsAt;
    this.#deps = deps;
    this.startedAt = deps.clock.monotonic();
    this.#course = new ProgressCourse(deps.clock);
    this.#deadline = startDeadline(deps.clock, deps.timeoutMs, deps.timeoutName);
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }

  /** What was metered; of an operation that meters nothing, what was assumed. */
  get cost(): number {
    return this.#cost === 0 ? this.job.estimate : this.#cost;
  }

  get progress(): JobProgress | undefined {
    return this.#course.latest;
  }

  /** Why it was told to stop, if it was; its deadline counts. */
  get stop(): { readonly kind: StopKind; readonly reason: PolymniaError } | undefined {
    if (this.#stop !== undefined) return this.#stop;
    const reason: unknown = this.signal.reason;
    return reason instanceof PolymniaError ? { kind: 'deadline', reason } : undefined;
  }

  /** Tells it to stop; the first reason counts, but a lost lease outranks all others. */
  tellToStop(kind: Exclude<StopKind, 'deadline'>, reason: PolymniaError): void {
    if (this.#stop === undefined || kind === 'lost') this.#stop = { kind, reason };
    this.#deadline.abort(reason);
  }

  /** The operation's own outcome; never rejects. */
  async perform(operation: BoundOperation, standIn: StandIn): Promise<RunOutcome> {
    try {
      return { ok: true, output: await operation.run(this.job.input, this.#context(standIn)) };
    } catch (failure) {
      return { ok: false, failure };
    }
  }

  /** What to keep of it now. Progress goes along when it has changed since it was last kept. */
  beat(leaseUntil: number): Heartbeat {
    const progress = this.#isKept ? undefined : this.progress;
    this.#isKept = true;
    return { id: this.job.id, attempt: this.job.attempt, leaseUntil, ...(progress === undefined ? {} : { progress }) };
  }

  /** The last heartbeat did not get through. */
  beatFailed(): void {
    this.#isKept = false;
  }

  /** Tells watchers what they have not been told yet. */
  tellRest(): void {
    if (!this.#isTold && this.progress !== undefined) this.#tell(this.progress);
  }

  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
  }

  #context({ principal, space }: StandIn): OperationContext {
    const { logger, quota } = this.#deps;
    const { job } = this;
    return {
      caller: principal.caller,
      credential: principal.credential,
      spaces: [space],
      signal: this.signal,
      deadlineAt: this.#deadline.at,
      requestId: job.id,
      logger,
      meter: { add: (cost) => void (this.#cost += cost) },
      quota,
      origin: job.origin,
      // Every run writes under the job's own key: what an earlier run wrote once is found by a later one.
      idempotencyKey: job.id,
      ...(job.upload === undefined ? {} : { upload: job.upload }),
      job: { id: job.id, attempt: job.attempt, askedAt: job.createdAt, confirm: () => this.#deps.confirm(this) },
      progress: (progress) => {
        const before = this.progress?.phase;
        this.#report(this.#course.report(progress), before !== progress.phase);
      },
    };
  }

  #report(progress: JobProgress, isNewPhase: boolean): void {
    this.#isKept = false;
    this.#isTold = false;
    if (isNewPhase || this.#deps.clock.monotonic() - this.#toldAt >= TELL_MS) this.#tell(progress);
  }

  #tell(progress: JobProgress): void {
    this.#isTold = true;
    this.#toldAt = this.#deps.clock.monotonic();
    this.#deps.told(this, progress);
  }
}
