import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { JOB_LANES, type JobLane } from '../../kernel/operation.ts';
import { isFinal, type Job, type JobPriority, type LaneLine, type LaneMode } from './model.ts';
import type { PageStart } from './inputs.ts';
import type { JobFilter, JobStore } from './store.ts';

export interface JobAdminDeps {
  readonly store: JobStore;
  readonly clock: Clock;
  changed(job: Job): void;
  wake(): void;
}

/** A lane of jobs as it stands. */
export interface JobLaneState {
  readonly lane: JobLane;
  readonly mode: LaneMode;
  readonly queued: number;
  readonly running: number;
  readonly oldestWaitMs: number;
  readonly lines: readonly LaneLine[];
}

/** What administrators see of all jobs, and may do with them. */
export class JobAdmin {
  readonly #deps: JobAdminDeps;

  constructor(deps: JobAdminDeps) {
    this.#deps = deps;
  }

  async list(filter: JobFilter, limit: number, after?: PageStart): Promise<{ readonly jobs: readonly Job[]; readonly last?: Job }> {
    const rows = await this.#deps.store.list(filter, limit + 1, after);
    const jobs = rows.slice(0, limit);
    const last = jobs.at(-1);
    return { jobs, ...(rows.length > limit && last !== undefined ? { last } : {}) };
  }

  async lanes(maxUsers: number): Promise<readonly JobLaneState[]> {
    const { store, clock } = this.#deps;
    const [modes, load, lines] = await Promise.all([
      store.laneModes(),
      store.load(clock.now()),
      Promise.all(JOB_LANES.map((lane) => store.lines(lane, maxUsers))),
    ]);
    return JOB_LANES.map((lane, at) => {
      const { queued = 0, running = 0, oldestWaitMs = 0 } = load.find((each) => each.lane === lane) ?? {};
      return { lane, mode: modes[lane], queued, running, oldestWaitMs, lines: lines[at] ?? [] };
    });
  }

  /** `paused` claims nothing; `draining` takes nothing new either. */
  async setLaneMode(lane: JobLane, mode: LaneMode): Promise<void> {
    await this.#deps.store.setLaneMode(lane, mode);
    this.#deps.wake();
  }

  /** Rejects with `conflict` when the job is not queued any more. */
  async setPriority(id: string, priority: JobPriority): Promise<Job> {
    const job = await this.#deps.store.setPriority(id, priority);
    if (job !== undefined) return this.#told(job);
    const { state } = await this.#known(id);
    throw new PolymniaError('conflict', `Only a queued job has a priority to change; this one is ${state}.`);
  }

  /** Queues a failed or cancelled job once more. Rejects with `conflict` when it is neither, or when its upload is gone. */
  async retry(id: string): Promise<Job> {
    const before = await this.#known(id);
    if (before.upload !== undefined && isFinal(before.state)) {
      throw new PolymniaError('conflict', 'The data that came with this job is gone with its end; it must be sent again.');
    }
    const job = await this.#deps.store.retry(id, this.#deps.clock.now());
    if (job === undefined) throw new PolymniaError('conflict', `Only a failed or cancelled job can be tried again; this one is ${before.state}.`);
    this.#deps.wake();
    return this.#told(job);
  }

  async #known(id: string): Promise<Job> {
    const job = await this.#deps.store.get(id);
    if (job === undefined) throw notFound('job');
    return job;
  }

  #told(job: Job): Job {
    this.#deps.changed(job);
    return job;
  }
}
