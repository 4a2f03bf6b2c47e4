import type { Job, NewJob } from '../../domains/jobs/model.ts';
import type { ClaimRequest, EnqueueLimits, EnqueueOutcome, JobStore, RetryRules, RunEnd } from '../../domains/jobs/store.ts';

/** An implementation under test, on storage of its own that nothing else uses. */
export interface JobStoreUnderTest extends AsyncDisposable {
  readonly store: JobStore;
}

/** Gives the store of the running test. */
export type GetStore = () => JobStore;

export const AT = 1_800_000_000_000;
export const HOUR = 3_600_000;
let serial = 0;

/** A job of lane `sync`, each a millisecond after the one before. */
export function someJob(userId: string, fields: Partial<NewJob> = {}): NewJob {
  const createdAt = fields.createdAt ?? AT + ++serial;
  return {
    id: `job_${String(++serial).padStart(26, '0')}`,
    userId,
    group: userId,
    spaceId: `space_${userId}`,
    spaceKey: '00000000000000aa',
    operation: 'sync_repository',
    lane: 'sync',
    input: { source: 'https://example.org/a.git' },
    priority: 3,
    maxAttempts: 3,
    estimate: 1000,
    background: false,
    origin: { surface: 'http', client: 'test' },
    createdAt,
    runAt: createdAt,
    ...fields,
  };
}

export function limits(fields: Partial<EnqueueLimits> = {}): EnqueueLimits {
  return { maxUnfinished: 1000, rate: { limit: 1000, windowMs: HOUR }, maxQueuedInLane: 10_000, weight: 1, maxRunningPerUser: 100, ...fields };
}

export const RULES: RetryRules = { backoffMs: (attempt) => 1000 * 2 ** (attempt - 1), maxCrashes: 3, maxLosses: 3 };

/** Long after everything that {@link someJob} makes. */
export const LATER = AT + HOUR;

/** Stores it and answers with what is stored. */
export async function enqueue(store: JobStore, job: NewJob, fields: Partial<EnqueueLimits> = {}): Promise<Job> {
  return created(await store.enqueue(job, limits(fields)));
}

export function created(outcome: EnqueueOutcome): Job {
  if (outcome.kind !== 'created') throw new Error(`not created: ${JSON.stringify(outcome)}`);
  return outcome.job;
}

export function claim(store: JobStore, count = 1, fields: Partial<ClaimRequest> = {}): Promise<readonly Job[]> {
  return store.claim({ lane: 'sync', count, maxRunningInLane: 1000, now: LATER, leaseMs: 30_000, ...fields });
}

/** The one job that is claimed next. */
export async function claimOne(store: JobStore, fields: Partial<ClaimRequest> = {}): Promise<Job> {
  const [job] = await claim(store, 1, fields);
  if (job === undefined) throw new Error('nothing to claim');
  return job;
}

export function succeeded({ id, attempt }: Job, fields: Partial<RunEnd> = {}): RunEnd {
  return { id, attempt, now: LATER, cost: 1000, end: { kind: 'final', state: 'succeeded', result: { files: 3 } }, ...fields };
}

export function again({ id, attempt }: Job, fields: Partial<Extract<RunEnd['end'], { kind: 'again' }>> = {}): RunEnd {
  return { id, attempt, now: LATER, cost: 0, end: { kind: 'again', runAt: LATER, attemptCounts: true, crashed: false, ...fields } };
}

export function usersOf(jobs: readonly Job[]): readonly string[] {
  return jobs.map(({ userId }) => userId);
}

export function idsOf(jobs: readonly { readonly id: string }[]): readonly string[] {
  return jobs.map(({ id }) => id);
}
