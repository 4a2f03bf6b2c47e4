import { throwIfAborted, within } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { type BoundOperation, type JobLane, type StorageQuota } from '../../kernel/operation.ts';
import type { JobHub } from './job-hub.ts';
import { JobRun } from './job-run.ts';
import { GROW_AFTER_MS, type LaneSize, resized, startingSize } from './lane-size.ts';
import type { Job } from './model.ts';
import type { JobAuthority, JobObserver } from './ports.ts';
import { RETRY } from './retry.ts';
import { cancelledError, GROUND_GONE, RunDriver } from './run-driver.ts';
import type { HeartbeatAnswer, JobStore, LaneLoad, RetryRules } from './store.ts';

/** Lanes that share something, such as child processes, and how many jobs they may run together. */
export interface LaneGroup {
  readonly lanes: readonly JobLane[];
  readonly cap: number;
}

export interface JobLaneLimits {
  /** Jobs running at once. */
  readonly max: number;
  /** From the start of a run. */
  readonly timeoutMs: number;
  /** The option that sets it, as messages will name it. */
  readonly timeoutName: string;
  readonly rateLimit: number;
  readonly windowMs: number;
}

export type JobLaneTable = Readonly<Record<JobLane, JobLaneLimits>>;

export interface JobRunnerDeps {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hub: JobHub;
  readonly authority: JobAuthority;
  readonly quota: StorageQuota;
  readonly observer: JobObserver;
  readonly lanes: JobLaneTable;
  readonly groups: readonly LaneGroup[];
  /** `JOB_LEASE`, ms. */
  readonly leaseMs: number;
  /** Default {@link RETRY}. */
  readonly retry?: RetryRules;
  operation(name: string): BoundOperation | undefined;
  /** Told of each job that has ended. */
  ended(job: Job): void;
}

/** The floor: how often the line is looked at when nothing calls for it. */
const LOOK_MS = 1000;
/** Progress that is kept is never older than this. */
const BEAT_MS = 1000;
/** Of a lease between two heartbeats. */
const BEATS_PER_LEASE = 3;
/** Runs whose lease ended, taken up at one look. */
const MAX_EXPIRED = 100;
/** After that grace, how long the end of a server waits for work that does not heed its signal. */
const GIVE_UP_MS = 5000;

/**
 * Runs jobs: claims them fairly when there is room, keeps their leases and progress, and writes their ends. Each run has its
 * user's rights as they are now, a deadline, and a signal that a cancel, a lost lease, or the server's stop aborts. A place in
 * a lane is free when the work has really ended.
 */
export class JobRunner implements AsyncDisposable {
  readonly #deps: JobRunnerDeps;
  readonly #retry: RetryRules;
  readonly #driver: RunDriver;
  readonly #runs = new Map<JobRun, Promise<void>>();
  readonly #sizes: Map<JobLane, LaneSize>;
  /** Number of each lane's last claim here. */
  readonly #served = new Map<JobLane, number>();
  #claims = 0;
  #mode: 'off' | 'on' | 'draining' = 'off';
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #nextBeatAt = 0;
  #cancelTimer = (): void => {};

  constructor(deps: JobRunnerDeps) {
    this.#deps = deps;
    this.#retry = deps.retry ?? RETRY;
    this.#driver = new RunDriver({ ...deps, operation: (name) => deps.operation(name), ended: (job) => deps.ended(job), retry: this.#retry });
    const now = deps.clock.monotonic();
    this.#sizes = new Map(deps.groups.flatMap(({ lanes }) => lanes.map((lane) => [lane, startingSize(now)] as const)));
  }

  /** Begins to claim. Does nothing if it has. */
  start(): void {
    if (this.#mode !== 'off') return;
    this.#mode = 'on';
    this.wake();
  }

  /** Looks at the line now: something was added, or is due. */
  wake(): void {
    if (this.#mode === 'off') return;
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return;
    }
    this.#cancelTimer();
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Jobs that run here, at most one a name. */
  running(): readonly Job[] {
    return [...this.#runs.keys()].map(({ job }) => job);
  }

  isRunning(id: string): boolean {
    return this.running().some((job) => job.id === id);
  }

  /** A running job with the progress its run here has told last, which may be newer than what is kept. */
  withNewest(job: Job): Job {
    if (job.state !== 'running') return job;
    const { progress } = [...this.#runs.keys()].find((run) => run.job.id === job.id && run.job.attempt === job.attempt) ?? {};
    return progress === undefined ? job : { ...job, progress };
  }

  /** Tells the run of a job here to stop, at once; the store has been told before. */
  cancel(id: string, reason: string): void {
    for (const run of this.#runs.keys()) if (run.job.id === id) run.tellToStop('cancel', cancelledError(reason));
  }

  /** Claims nothing more; runs may end within `graceMs`, then they go back to the line. Resolves when none is left, or none heeds its signal. */
  async drain(graceMs: number): Promise<void> {
    const { clock, logger } = this.#deps;
    if (this.#mode !== 'off') this.#mode = 'draining';
    if (graceMs <= 0) this.#putBack();
    const cancelEnd = clock.after(graceMs, () => this.#putBack());
    await within(clock, this.#allEnded(), graceMs + GIVE_UP_MS);
    cancelEnd();
    if (this.#runs.size > 0) logger.error('jobs did not stop when told to', { jobs: this.#runs.size });
  }

  async #allEnded(): Promise<void> {
    await this.#looking;
    while (this.#runs.size > 0) await Promise.all(this.#runs.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
    this.#mode = 'off';
    this.#cancelTimer();
    await this.#looking;
  }

  #putBack(): void {
    for (const run of this.#runs.keys()) run.tellToStop('server', new PolymniaError('overloaded', 'The server is stopping.'));
  }

  /** One look: heartbeats that are due, leases that ended, then claims. Never rejects. */
  async #look(): Promise<void> {
    let nextMs = LOOK_MS;
    do {
      this.#lookAgain = false;
      try {
        if (this.#deps.clock.monotonic() >= this.#nextBeatAt) await this.#beatAll();
        nextMs = this.#mode === 'on' ? await this.#claimAll() : LOOK_MS;
      } catch (error) {
        nextMs = LOOK_MS;
        this.#deps.logger.warn('the line of jobs could not be looked at', {}, error);
      }
    } while (this.#lookAgain);
    this.#arm(nextMs);
  }

  #arm(nextMs: number): void {
    if (this.#mode === 'off') return;
    const beatMs = this.#runs.size > 0 ? Math.max(0, this.#nextBeatAt - this.#deps.clock.monotonic()) : Infinity;
    this.#cancelTimer = this.#deps.clock.after(Math.min(nextMs, beatMs), () => this.wake());
  }

  /** Answers with how long the next look may wait. */
  async #claimAll(): Promise<number> {
    const { store, clock, groups } = this.#deps;
    const load = new Map((await store.load(clock.now())).map((each) => [each.lane, each]));
    await this.#expire(load);
    let nextMs = LOOK_MS;
    for (const group of groups) nextMs = Math.min(nextMs, await this.#claimInTurn(group, load));
    const dueAt = [...load.values()].some(({ queued, running }) => queued + running > 0) ? await store.nextDueAt(clock.now()) : undefined;
    return dueAt === undefined ? nextMs : Math.min(nextMs, Math.max(1, dueAt - clock.now()));
  }

  /** Lanes that share their room take it place by place: the one with fewer running first, then the one served longer ago. */
  async #claimInTurn({ lanes, cap }: LaneGroup, load: ReadonlyMap<JobLane, LaneLoad>): Promise<number> {
    for (const lane of lanes) this.#resize(lane, load.get(lane)?.oldestWaitMs ?? 0);
    const queuing = lanes.filter((lane) => (load.get(lane)?.queued ?? 0) > 0);
    const claimed = new Map<JobLane, number>();
    let asking = queuing;
    while (asking.length > 0 && lanes.reduce((sum, each) => sum + this.#runningIn(each), 0) < cap) {
      const [lane, ...others] = asking.toSorted((a, b) => this.#runningIn(a) - this.#runningIn(b) || this.#servedIn(a) - this.#servedIn(b));
      if (lane === undefined) break;
      if (await this.#claimOne(lane)) claimed.set(lane, (claimed.get(lane) ?? 0) + 1);
      else asking = others;
    }
    const mayGrow = (lane: JobLane): boolean =>
      (claimed.get(lane) ?? 0) < (load.get(lane)?.queued ?? 0) && this.#sizeOf(lane).size < this.#deps.lanes[lane].max;
    return queuing.some(mayGrow) ? GROW_AFTER_MS : LOOK_MS;
  }

  /** False when the lane has no place, or nothing that may run. */
  async #claimOne(lane: JobLane): Promise<boolean> {
    const { store, clock, lanes, leaseMs } = this.#deps;
    if (this.#runningIn(lane) >= this.#sizeOf(lane).size) return false;
    const claimedAt = clock.monotonic();
    const [job] = await store.claim({ lane, count: 1, maxRunningInLane: lanes[lane].max, now: clock.now(), leaseMs });
    if (job === undefined) return false;
    this.#served.set(lane, ++this.#claims);
    this.#begin(job, claimedAt + leaseMs);
    return true;
  }

  #resize(lane: JobLane, oldestWaitMs: number): void {
    const { clock, lanes } = this.#deps;
    this.#sizes.set(lane, resized(this.#sizeOf(lane), { oldestWaitMs, max: lanes[lane].max, now: clock.monotonic() }));
  }

  #sizeOf(lane: JobLane): LaneSize {
    return this.#sizes.get(lane) ?? startingSize(this.#deps.clock.monotonic());
  }

  #servedIn(lane: JobLane): number {
    return this.#served.get(lane) ?? 0;
  }

  #runningIn(lane: JobLane): number {
    let count = 0;
    for (const { job } of this.#runs.keys()) if (job.lane === lane) count += 1;
    return count;
  }

  /** Looks for ended leases only when more jobs are running than run here. */
  async #expire(load: ReadonlyMap<JobLane, LaneLoad>): Promise<void> {
    const running = [...load.values()].reduce((sum, each) => sum + each.running, 0);
    if (running <= this.#runs.size - [...this.#runs.keys()].filter((run) => run.isEnding).length) return;
    const touched = await this.#deps.store.expireLeases(this.#deps.clock.now(), MAX_EXPIRED, this.#retry);
    for (const job of touched) this.#driver.tellChange(job);
  }

  #begin(job: Job, leaseEndsAt: number): void {
    const { clock, logger, quota, lanes, hub } = this.#deps;
    const { timeoutMs, timeoutName } = lanes[job.lane];
    const run = new JobRun(job, leaseEndsAt, {
      clock,
      logger,
      quota,
      timeoutMs,
      timeoutName,
      confirm: (each) => this.#confirm(each),
      told: (each, progress) => hub.progress(each.job.id, progress),
    });
    hub.changed(job);
    if (this.#runs.size === 0) this.#nextBeatAt = clock.monotonic() + this.#beatMs();
    const driven = this.#driver
      .drive(run)
      .catch((error: unknown) => logger.error('a job could not be ended', { jobId: job.id, operation: job.operation }, error))
      .finally(() => {
        this.#runs.delete(run);
        run[Symbol.dispose]();
        this.wake();
      });
    this.#runs.set(run, driven);
    if (this.#mode === 'off') run.tellToStop('server', new PolymniaError('overloaded', 'The server is stopping.'));
  }

  #beatMs(): number {
    return Math.min(BEAT_MS, this.#deps.leaseMs / BEATS_PER_LEASE);
  }

  async #beatAll(): Promise<void> {
    const { clock, logger } = this.#deps;
    this.#nextBeatAt = clock.monotonic() + this.#beatMs();
    const runs = [...this.#runs.keys()].filter((run) => !run.isEnding);
    if (runs.length === 0) return;
    try {
      await this.#beat(runs);
    } catch (error) {
      logger.warn('the leases of running jobs could not be prolonged', { jobs: runs.length }, error);
      for (const run of runs) {
        run.beatFailed();
        if (clock.monotonic() >= run.leaseEndsAt) run.tellToStop('lost', leaseLost());
      }
    }
    for (const run of runs) run.tellRest();
  }

  async #beat(runs: readonly JobRun[]): Promise<void> {
    const { store, clock, leaseMs } = this.#deps;
    const sentAt = clock.monotonic();
    const answers = await store.heartbeat(runs.map((run) => run.beat(clock.now() + leaseMs)));
    runs.forEach((run, at) => heed(run, answers[at], sentAt + leaseMs));
  }

  /** Asked before something is published: is this run still the one, and its user still allowed to? */
  async #confirm(run: JobRun): Promise<void> {
    throwIfAborted(run.signal);
    await this.#beat([run]);
    const operation = this.#deps.operation(run.job.operation);
    const standIn = operation === undefined ? undefined : await this.#driver.standIn(run.job, operation);
    if (standIn === undefined) run.tellToStop('cancel', cancelledError(GROUND_GONE));
    throwIfAborted(run.signal);
  }
}

function heed(run: JobRun, answer: HeartbeatAnswer | undefined, leaseEndsAt: number): void {
  if (answer?.kind === 'goes_on') run.leaseEndsAt = leaseEndsAt;
  else if (answer?.kind === 'cancel') {
    run.leaseEndsAt = leaseEndsAt;
    run.tellToStop('cancel', cancelledError(answer.reason));
  } else run.tellToStop('lost', leaseLost());
}

function leaseLost(): PolymniaError {
  return new PolymniaError('conflict', 'This run of the job has lost its lease; a later one has taken its place.');
}
