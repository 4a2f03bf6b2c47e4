import { abortError } from '../../kernel/abort.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { type BoundOperation, roleAllows, type SpaceAccess } from '../../kernel/operation.ts';
import { FinishLine } from './finish-line.ts';
import type { JobRun } from './job-run.ts';
import type { JobRunnerDeps } from './job-runner.ts';
import { isFinal, type Job } from './model.ts';
import type { StandIn } from './ports.ts';
import { endOfRun, isParked, type RunOutcome } from './retry.ts';
import type { RetryRules, RunEnd } from './store.ts';

type RunDriverDeps = Pick<JobRunnerDeps, 'store' | 'clock' | 'hub' | 'authority' | 'observer' | 'operation' | 'ended'> & {
  readonly retry: RetryRules;
};

/** How long a run that was told to stop may take to say what became of it. */
const STOP_GRACE_MS = 2000;

/** Takes one run from its claim to its end: with its user's rights as they are now, through the operation, into the store. */
export class RunDriver {
  readonly #deps: RunDriverDeps;
  readonly #finishes: FinishLine;

  constructor(deps: RunDriverDeps) {
    this.#deps = deps;
    this.#finishes = new FinishLine(deps.store, deps.clock);
  }

  /** From the claim to the end. Resolves when the work itself has ended, which may be after the job has. */
  async drive(run: JobRun): Promise<void> {
    const operation = this.#deps.operation(run.job.operation);
    const work = this.#work(run, operation);
    const outcome = await this.#orGivenUp(work, run.signal);
    run.isEnding = true;
    await this.#end(run, operation, outcome);
    await work;
  }

  async #work(run: JobRun, operation: BoundOperation | undefined): Promise<RunOutcome> {
    if (operation === undefined) return refused(new PolymniaError('not_found', 'This server no longer has the operation of the job.'));
    try {
      const standIn = await this.standIn(run.job, operation);
      if (standIn === undefined) run.tellToStop('cancel', cancelledError(GROUND_GONE));
      if (standIn === undefined || run.signal.aborted) return refused(abortError(run.signal));
      return await run.perform(operation, standIn);
    } catch (failure) {
      return refused(failure);
    }
  }

  /** The job's user and space as they are now, if they still suffice for the operation. */
  async standIn(job: Job, operation: BoundOperation): Promise<StandIn | undefined> {
    const standIn = await this.#deps.authority.standIn(job.userId, job.spaceId);
    return standIn !== undefined && roleSuffices(operation, standIn.space) ? standIn : undefined;
  }

  /** The work's outcome; when it was told to stop and does not, the reason for stopping after a grace time. */
  #orGivenUp(work: Promise<RunOutcome>, signal: AbortSignal): Promise<RunOutcome> {
    return new Promise((resolve) => {
      let cancelGrace = (): void => {};
      const onAbort = (): void => {
        cancelGrace = this.#deps.clock.after(STOP_GRACE_MS, () => resolve(refused(abortError(signal))));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      const settle = (outcome: RunOutcome): void => {
        signal.removeEventListener('abort', onAbort);
        cancelGrace();
        resolve(outcome);
      };
      void work.then(settle);
    });
  }

  async #end(run: JobRun, operation: BoundOperation | undefined, outcome: RunOutcome): Promise<void> {
    const { clock, store, observer, retry } = this.#deps;
    run.tellRest();
    const { job, stop, cost, progress } = run;
    const now = clock.now();
    const end = endOfRun({ job, rules: operation?.job ?? {}, retry, outcome, now, ...(stop === undefined ? {} : { stop }) });
    const counted =
      end !== undefined && (await this.#finishes.finish({ id: job.id, attempt: job.attempt, now, cost, end: withProgress(end, progress) }));
    if (!counted) return observer.leaseLost(job);
    const stored = (await store.get(job.id)) ?? job;
    const ranMs = clock.monotonic() - run.startedAt;
    observer.ended({
      job: stored,
      ranMs,
      waitedMs: Math.max(0, (job.startedAt ?? now) - job.createdAt),
      cost,
      ...(outcome.ok ? {} : { error: outcome.failure }),
    });
    this.tellChange(stored);
    if (stored.state === 'queued' && stored.cancelReason !== undefined) await this.#cancelQueued(stored, stored.cancelReason);
  }

  /** The cancel came while the run was on its way back to the line. */
  async #cancelQueued(job: Job, reason: string): Promise<void> {
    const cancelled = await this.#deps.store.cancel(job.id, undefined, reason, this.#deps.clock.now());
    if (cancelled !== undefined) this.tellChange(cancelled);
  }

  /** To whoever watches, and to whoever keeps what came with the job. */
  tellChange(job: Job): void {
    const { hub, observer, retry } = this.#deps;
    hub.changed(job);
    if (isParked(job, retry)) observer.parked(job);
    if (isFinal(job.state)) this.#deps.ended(job);
  }
}

/** Why jobs of a user or space that lost its ground end. */
export const GROUND_GONE = 'The user, role or space this job rested on is gone.';

/** Does the role held in the space allow what the operation does? */
export function roleSuffices({ target }: BoundOperation, space: SpaceAccess): boolean {
  return target.kind === 'none' || roleAllows(space.role, target.role);
}

export function cancelledError(reason: string): PolymniaError {
  return new PolymniaError('cancelled', `The job was cancelled. ${reason}`);
}

function refused(failure: unknown): RunOutcome {
  return { ok: false, failure };
}

function withProgress(end: RunEnd['end'], progress: Job['progress']): RunEnd['end'] {
  return end.kind === 'final' && progress !== undefined ? { ...end, progress } : end;
}
