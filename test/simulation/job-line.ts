import { DatabaseSync } from 'node:sqlite';
import type { Job, NewJob } from '../../src/domains/jobs/model.ts';
import type { EnqueueOutcome, RunEnd } from '../../src/domains/jobs/store.ts';
import type { JobLane } from '../../src/kernel/operation.ts';
import { Cell } from '../../src/storage/sqlite/cell/cell.ts';
import { migrate } from '../../src/storage/sqlite/migrations.ts';
import type { SystemFile } from '../../src/storage/sqlite/system/open-system-file.ts';
import { SYSTEM_APPLICATION_ID, SYSTEM_MAJOR, SYSTEM_MIGRATIONS } from '../../src/storage/sqlite/system/schema.ts';
import { toStoredJob, toStoredRunEnd } from '../../src/storage/sqlite/system/sqlite-job-store.ts';
import { SYSTEM_WRITES } from '../../src/storage/sqlite/system/writes/system-writes.ts';

/** A whole number, both ends included. */
export function pick(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

export interface Ask extends Partial<NewJob> {
  readonly userId: string;
  readonly weight?: number;
  readonly cap?: number;
  readonly maxUnfinished?: number;
  /** What the group has together, when it is a service's. */
  readonly service?: { readonly weight: number; readonly cap: number; readonly maxUnfinished?: number };
}

/** A system file in memory; what is done between `begin` and `end` leaves nothing, so that one file serves all seeds. */
export class JobLine implements Disposable {
  readonly #db = new DatabaseSync(':memory:');
  readonly file: SystemFile;
  now = 1_800_000_000_000;
  #serial = 0;

  constructor() {
    migrate(this.#db, { applicationId: SYSTEM_APPLICATION_ID, major: SYSTEM_MAJOR, migrations: SYSTEM_MIGRATIONS });
    this.file = new Cell(this.#db);
  }

  begin(): void {
    this.#db.exec('BEGIN');
    this.now = 1_800_000_000_000;
    this.#serial = 0;
  }

  end(): void {
    this.#db.exec('ROLLBACK');
  }

  /** The writer dies before its commit: whatever `work` did has not happened. */
  lose(work: () => unknown): void {
    this.#db.exec('SAVEPOINT lost');
    work();
    this.#db.exec('ROLLBACK TO lost; RELEASE lost');
  }

  ask({ userId, weight = 1, cap = 1000, maxUnfinished = 10_000, service, ...fields }: Ask): EnqueueOutcome {
    const job: NewJob = {
      id: `job_${String(++this.#serial).padStart(8, '0')}`,
      userId,
      group: userId,
      spaceId: `space_${userId}`,
      spaceKey: '00000000000000aa',
      operation: 'work',
      lane: 'sync',
      input: {},
      priority: 3,
      maxAttempts: 3,
      estimate: 1,
      background: true,
      origin: { surface: 'internal' },
      createdAt: this.now,
      runAt: this.now,
      ...fields,
    };
    const rate = { limit: 10_000, windowMs: 1 };
    const group = service && { maxUnfinished, rateLimit: rate.limit, ...service, maxRunning: service.cap };
    const limits = { maxUnfinished, rate, maxQueuedInLane: 10_000, weight, maxRunningPerUser: cap, ...(group && { group }) };
    return SYSTEM_WRITES.enqueueJob(this.file, { job: toStoredJob(job), limits });
  }

  claim(lane: JobLane, count: number, maxRunningInLane: number): readonly Job[] {
    return SYSTEM_WRITES.claimJobs(this.file, { lane, count, maxRunningInLane, now: this.now, leaseMs: 30_000 });
  }

  finish({ id, attempt }: Pick<Job, 'id' | 'attempt'>, cost: number, end: RunEnd['end']): boolean {
    return SYSTEM_WRITES.finishJobs(this.file, { runs: [toStoredRunEnd({ id, attempt, now: this.now, cost, end })] })[0] === true;
  }

  succeed(job: Pick<Job, 'id' | 'attempt'>, cost: number): boolean {
    return this.finish(job, cost, { kind: 'final', state: 'succeeded' });
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
