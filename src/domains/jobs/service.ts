import type { JobCall, JobDoor, RateStanding } from '../admission/index.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import type { BoundOperation, Caller, JobLane, Principal, Reservation, SpaceAccess, StorageQuota } from '../../kernel/operation.ts';
import { AuthorityWatch } from './authority-watch.ts';
import { EventStreams, type WatchRequest } from './event-streams.ts';
import type { PageStart } from './inputs.ts';
import { JobAdmin } from './job-admin.ts';
import { type JobEvent, JobHub } from './job-hub.ts';
import { JobIntake, type JobIntakeDeps } from './job-intake.ts';
import { splitJobInput } from './job-operation.ts';
import { JobRunner, type JobRunnerDeps } from './job-runner.ts';
import { JobUpkeep } from './job-upkeep.ts';
import { JobWaits, type WaitFor } from './job-waits.ts';
import { isFinal, type Job } from './model.ts';
import { cancelledError, roleSuffices } from './run-driver.ts';
import type { JobFilter } from './store.ts';
import { UploadLedger, type UploadLimits } from './upload-ledger.ts';
import { viewJob } from './views.ts';

export interface JobServiceDeps extends Omit<JobIntakeDeps, 'ledger'>, Omit<JobRunnerDeps, 'hub' | 'ended' | 'operation' | 'quota'> {
  /** `JOB_DETACH_GRACE`, ms. */
  readonly detachGraceMs: number;
  /** `JOB_QUEUE_TIMEOUT`, ms. */
  readonly queueTimeoutMs: number;
  /** `MAX_EVENT_STREAMS_PER_USER`, `MAX_EVENT_STREAMS`. */
  readonly maxStreamsPerUser: number;
  readonly maxStreams: number;
  readonly uploadLimits: UploadLimits;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  /** Where the next page begins after; present when there may be more. */
  readonly last?: PageStart;
}

/** How long a cancel waits to tell that the work has stopped. */
const CANCEL_WAIT_MS = 2000;
/** Rows looked through for one page: what the credential may not see is passed over. */
const MAX_PAGE_READS = 10;
const CANCELLED_BY_USER = 'Its user asked for it.';

/**
 * Work that may outlive its request. Calls of job operations come in through {@link call}; jobs run with the rights their
 * user has now, are watched, listed and cancelled by that user, and go on after a restart. Owns its runner and timers.
 */
export class JobService implements JobDoor, AsyncDisposable {
  readonly admin: JobAdmin;
  readonly #deps: JobServiceDeps;
  readonly #hub: JobHub;
  readonly #ledger: UploadLedger;
  readonly #intake: JobIntake;
  readonly #waits: JobWaits;
  readonly #streams: EventStreams;
  readonly #runner: JobRunner;
  readonly #upkeep: JobUpkeep;
  readonly #watch: AuthorityWatch;
  readonly #operations = new Map<string, BoundOperation>();
  #quota: StorageQuota | undefined;

  constructor(deps: JobServiceDeps) {
    const { store, clock } = deps;
    this.#deps = deps;
    this.#hub = new JobHub(clock);
    this.#ledger = new UploadLedger(deps.uploadLimits);
    this.#intake = new JobIntake({ ...deps, ledger: this.#ledger });
    this.#waits = new JobWaits({ ...deps, hub: this.#hub });
    this.#streams = new EventStreams({ hub: this.#hub, waits: this.#waits, maxPerUser: deps.maxStreamsPerUser, maxTotal: deps.maxStreams });
    const ended = (job: Job): void => this.#ended(job);
    const quota: StorageQuota = { reserve: (space, bytes) => this.#reserve(space, bytes) };
    this.#runner = new JobRunner({ ...deps, quota, hub: this.#hub, ended, operation: (name) => this.#operations.get(name) });
    const stopped = (job: Job, reason: string): void => this.#stopped(job, reason);
    const suffices = ({ operation: name }: Job, space: SpaceAccess): boolean => {
      const operation = this.#operations.get(name);
      return operation === undefined || roleSuffices(operation, space);
    };
    this.#watch = new AuthorityWatch({ ...deps, running: () => this.#runner.running(), stopped, suffices });
    this.#upkeep = new JobUpkeep({ ...deps, ledger: this.#ledger, stopped });
    this.admin = new JobAdmin({ store, clock, changed: (job) => this.#changed(job), wake: () => this.#runner.wake() });
  }

  /** After a start, before calls are taken: what was left by those who waited, and by uploads, is cleared up. */
  recover(): Promise<void> {
    return this.#upkeep.recover();
  }

  /** Gives the service the operations its jobs run and the account of what they store, and begins to run them. */
  start(operations: readonly BoundOperation[], quota: StorageQuota): void {
    this.#quota = quota;
    for (const operation of operations) if (operation.job !== undefined) this.#operations.set(operation.name, operation);
    this.#upkeep.start();
    this.#runner.start();
  }

  /** Streams of events that are open, for metrics. */
  get openStreams(): number {
    return this.#streams.open;
  }

  /** Jobs that run in this process. */
  get running(): number {
    return this.#runner.running().length;
  }

  /** Takes no new runs; those under way have `graceMs`, then go back to the line. Resolves when none is left. */
  async drain(graceMs: number): Promise<void> {
    const drained = this.#runner.drain(graceMs);
    await this.#waits.stop((id) => this.#runner.isRunning(id));
    await drained;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
    await this.#watch[Symbol.asyncDispose]();
    await this.#upkeep[Symbol.asyncDispose]();
    await this.#runner[Symbol.asyncDispose]();
    await this.#waits.stop(() => false);
  }

  async call(request: JobCall): Promise<unknown> {
    const { own, wish } = splitJobInput(request.input);
    const { job, isNew } = await this.#intake.take(request, own, wish.background);
    if (isNew) {
      this.#hub.changed(job);
      this.#runner.wake();
    }
    if (wish.background) return { job: viewJob(job) };
    const { signal, onProgress, defaultWaitMs = Infinity } = request.options;
    const ms = wish.waitMs ?? defaultWaitMs;
    const stands = await this.#waits.until(job.id, { ms, signal, ...(onProgress === undefined ? {} : { onProgress }) });
    return answerOf(this.#runner.withNewest(stands));
  }

  async standing(caller: Caller, lane: JobLane): Promise<RateStanding> {
    const { store, clock, lanes } = this.#deps;
    const { rateLimit, windowMs } = lanes[lane];
    const limit = caller.limits.rate?.[lane] ?? rateLimit;
    const now = clock.now();
    const times = await store.counted(caller.userId, lane, now - windowMs, limit);
    const remaining = Math.max(0, limit - times.length);
    const [oldest = now] = times;
    return { lane, limit, windowMs, remaining, resetMs: remaining > 0 ? 0 : Math.max(0, oldest + windowMs - now) };
  }

  /** A job of the caller's own; waits for its end when asked to. Foreign and unknown ones are `not_found` alike. */
  async get(principal: Principal, id: string, wait: WaitFor): Promise<Job> {
    await this.#visible(principal, id);
    await this.#waits.until(id, wait);
    return this.#visible(principal, id);
  }

  /** The caller's own jobs, newest first, as far as the credential may see them. */
  async list(principal: Principal, filter: Omit<JobFilter, 'userId' | 'spaceId'>, limit: number, after?: PageStart): Promise<JobPage> {
    const spaces = new Set((await this.#deps.authority.readableSpaces(principal)).map(({ id }) => id));
    const found: Job[] = [];
    let last: PageStart | undefined = after;
    for (let reads = 0; reads < MAX_PAGE_READS; reads += 1) {
      const rows = await this.#deps.store.list({ ...filter, userId: principal.caller.userId }, limit + 1, last);
      for (const job of rows) {
        if (found.length === limit) return { jobs: found, ...(last === undefined ? {} : { last }) };
        if (spaces.has(job.spaceId) && this.#inScope(principal, job)) found.push(this.#runner.withNewest(job));
        last = job;
      }
      if (rows.length <= limit) return { jobs: found };
    }
    return { jobs: found, ...(last === undefined ? {} : { last }) };
  }

  /** Ends a job of the caller's own, or any job when the credential is an administrator's; answers when it has stopped. */
  async cancel(principal: Principal, id: string, signal: AbortSignal): Promise<Job> {
    const isAdmin = principal.credential.scopes.includes('admin');
    const job = isAdmin ? await this.#known(id) : await this.#visible(principal, id);
    if (isFinal(job.state)) return job;
    const reason = isAdmin && job.userId !== principal.caller.userId ? 'An administrator asked for it.' : CANCELLED_BY_USER;
    const cancelled = await this.#deps.store.cancel(id, undefined, reason, this.#deps.clock.now());
    if (cancelled === undefined) throw notFound('job');
    this.#stopped(cancelled, reason);
    if (isFinal(cancelled.state)) return cancelled;
    return this.#waits.until(id, { ms: CANCEL_WAIT_MS, signal });
  }

  /** Ends anybody's job for a reason of the server's own, such as the removal of what it works on. Resolves when its run has been told. */
  async stop(id: string, reason: string): Promise<void> {
    const before = await this.#deps.store.get(id);
    if (before === undefined || isFinal(before.state)) return;
    const job = await this.#deps.store.cancel(id, undefined, reason, this.#deps.clock.now());
    if (job !== undefined) this.#stopped(job, reason);
  }

  /**
   * Events of a job of the caller's own, ending with its end; closed with `unauthenticated` once the caller's ground is gone.
   * Rejects at the first step with `not_found`, `rate_limited` or `overloaded`.
   */
  async *watch(principal: Principal, id: string, request: WatchRequest): AsyncGenerator<JobEvent> {
    const job = await this.#visible(principal, id);
    using ground = this.#watch.follow(principal, job, request.signal);
    yield* this.#streams.watch(principal.caller.userId, id, { ...request, signal: ground.signal }, () => this.#visible(principal, id));
  }

  #reserve(space: SpaceAccess, bytes: number): Promise<Reservation> {
    if (this.#quota === undefined) throw new PolymniaError('internal', 'A job ran before the service was started.');
    return this.#quota.reserve(space, bytes);
  }

  async #visible(principal: Principal, id: string): Promise<Job> {
    const job = await this.#deps.store.get(id);
    if (job === undefined || job.userId !== principal.caller.userId || !this.#inScope(principal, job)) throw notFound('job');
    await this.#deps.authority.space(principal, job.spaceId).catch((error: unknown) => {
      throw error instanceof PolymniaError && error.code === 'not_found' ? notFound('job') : error;
    });
    return this.#runner.withNewest(job);
  }

  async #known(id: string): Promise<Job> {
    const job = await this.#deps.store.get(id);
    if (job === undefined) throw notFound('job');
    return job;
  }

  #inScope({ credential }: Principal, { operation }: Job): boolean {
    const scope = this.#operations.get(operation)?.scope;
    return scope === null || (scope !== undefined && credential.scopes.includes(scope));
  }

  /** A cancel is stored: its run is told, and what has ended by it is told to whoever waits. */
  #stopped(job: Job, reason: string): void {
    if (isFinal(job.state)) this.#changed(job);
    else this.#runner.cancel(job.id, reason);
  }

  #changed(job: Job): void {
    this.#hub.changed(job);
    if (isFinal(job.state)) this.#ended(job);
  }

  /** What came with a job goes with it. */
  #ended(job: Job): void {
    const { uploads, logger } = this.#deps;
    if (job.upload === undefined) return;
    this.#ledger.release(job.id);
    uploads.remove(job.upload.spoolId).catch((error: unknown) => logger.warn('the upload of a job could not be removed', { jobId: job.id }, error));
  }
}

/** What a call of a job operation answers: the operation's own output once there is one, and the job. */
function answerOf(job: Job): unknown {
  if (job.state === 'failed' && job.error !== undefined) throw failure(job, job.error);
  if (job.state === 'cancelled') throw failure(job, job.error ?? cancelledError(job.cancelReason ?? ''));
  const result = typeof job.result === 'object' && job.result !== null ? job.result : {};
  return { ...result, job: viewJob(job) };
}

function failure(
  { id }: Job,
  { code, message, details }: Pick<NonNullable<Job['error']>, 'code' | 'message'> & { readonly details?: unknown },
): PolymniaError {
  return new PolymniaError(code, message, { details: { ...(details as object | undefined), jobId: id } });
}
