import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Principal, SpaceAccess } from '../../kernel/operation.ts';
import type { Job } from './model.ts';
import type { AuthorityLoss, JobAuthority } from './ports.ts';
import { GROUND_GONE } from './run-driver.ts';
import type { JobStore } from './store.ts';

export interface AuthorityWatchDeps {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly authority: JobAuthority;
  /** Jobs that run here. */
  running(): readonly Job[];
  /** Does a role suffice for what the job does? */
  suffices(job: Job, space: SpaceAccess): boolean;
  /** Told of each job whose cancel is stored. */
  stopped(job: Job, reason: string): void;
}

/** Jobs of one user or space looked at after a loss. A claim asks for the rights again, so none that is missed here runs. */
const MAX_LOOKED_AT = 10_000;
const PAGE = 500;

/** Ends what rests on authority that is gone: jobs of a user, of a member, of a space, and streams of their events. */
export class AuthorityWatch implements AsyncDisposable {
  readonly #deps: AuthorityWatchDeps;
  readonly #unsubscribe: () => void;
  readonly #followers = new Set<{ readonly principal: Principal; readonly spaceId: string; readonly controller: AbortController }>();
  /** Losses looked into one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(deps: AuthorityWatchDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.authority.onAuthorityChange((loss) => {
      this.#endFollowers(loss);
      // A job belongs to its user, not to the key that asked for it.
      if (loss.userId === undefined && loss.spaceId === undefined) return;
      this.#work = this.#work.then(() => this.#look(loss));
    });
  }

  /** A signal that aborts with the parent, or when the principal's ground or the job's space is gone. */
  follow(principal: Principal, { spaceId }: Job, parent: AbortSignal): { readonly signal: AbortSignal } & Disposable {
    const controller = new AbortController();
    const follower = { principal, spaceId, controller };
    const onParent = (): void => controller.abort(parent.reason);
    this.#followers.add(follower);
    parent.addEventListener('abort', onParent, { once: true });
    if (parent.aborted) onParent();
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        this.#followers.delete(follower);
        parent.removeEventListener('abort', onParent);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.#work;
  }

  #endFollowers({ userId, credentialId, spaceId }: AuthorityLoss): void {
    for (const { principal, spaceId: space, controller } of this.#followers) {
      if (userId !== undefined && userId !== principal.caller.userId) continue;
      if (credentialId !== undefined && credentialId !== principal.credential.id) continue;
      if (spaceId !== undefined && spaceId !== space) continue;
      controller.abort(new PolymniaError('unauthenticated', 'The credential, role or user this stream rested on is gone.'));
    }
  }

  /** Never rejects. */
  async #look(loss: AuthorityLoss): Promise<void> {
    try {
      const jobs = await this.#concerned(loss);
      for (const group of Map.groupBy(jobs, ({ userId, spaceId }) => `${userId} ${spaceId}`).values()) await this.#recheck(group);
    } catch (error) {
      this.#deps.logger.warn('jobs that may have lost their ground could not be looked at', {}, error);
    }
  }

  /** Unfinished jobs the loss is about; those of a service's users are found by what runs. */
  async #concerned({ userId, spaceId }: AuthorityLoss): Promise<readonly Job[]> {
    const found = new Map<string, Job>();
    for (const job of this.#deps.running()) {
      const isUsers = userId === undefined || job.userId === userId || job.group === userId;
      if (isUsers && (spaceId === undefined || job.spaceId === spaceId)) found.set(job.id, job);
    }
    const filter = {
      states: ['queued', 'running'],
      ...(userId === undefined ? {} : { userId }),
      ...(spaceId === undefined ? {} : { spaceId }),
    } as const;
    let after: Job | undefined;
    for (let seen = 0; seen < MAX_LOOKED_AT; seen += PAGE) {
      const rows = await this.#deps.store.list(filter, PAGE, after);
      for (const job of rows) found.set(job.id, job);
      after = rows.at(-1);
      if (rows.length < PAGE) break;
    }
    return [...found.values()];
  }

  /** Jobs of one user in one space. */
  async #recheck(jobs: readonly Job[]): Promise<void> {
    const { authority, store, clock } = this.#deps;
    const [first] = jobs;
    if (first === undefined) return;
    const { userId, spaceId } = first;
    const standIn = await authority.standIn(userId, spaceId);
    if (standIn === undefined) {
      for (const job of await store.cancelAll({ userId, spaceId }, GROUND_GONE, clock.now())) this.#deps.stopped(job, GROUND_GONE);
      return;
    }
    for (const job of jobs.filter((each) => !this.#deps.suffices(each, standIn.space))) {
      const cancelled = await store.cancel(job.id, undefined, GROUND_GONE, clock.now());
      if (cancelled !== undefined) this.#deps.stopped(cancelled, GROUND_GONE);
    }
  }
}
