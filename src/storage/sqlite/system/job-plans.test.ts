import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { expect, test } from 'vitest';
import { LATER, limits, RULES, someJob } from '../../contract/job-store-fixture.ts';
import { Cell, type Row } from '../cell/cell.ts';
import { migrate } from '../migrations.ts';
import {
  abandonedJobs,
  countedTimes,
  jobById,
  jobsWaitingSince,
  laneLines,
  laneLoads,
  listJobs,
  nextDueAt,
  unfinishedJobs,
  unfinishedOf,
} from './reads/job-reads.ts';
import { SYSTEM_APPLICATION_ID, SYSTEM_MAJOR, SYSTEM_MIGRATIONS } from './schema.ts';
import { toStoredJob } from './sqlite-job-store.ts';
import { SYSTEM_WRITES } from './writes/system-writes.ts';

/** Remembers every statement it ran. */
class RecordingFile extends Cell {
  readonly statements = new Set<string>();

  override all(sql: string, ...values: SQLInputValue[]): Row[] {
    this.statements.add(sql);
    return super.all(sql, ...values);
  }

  override get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    this.statements.add(sql);
    return super.get(sql, ...values);
  }

  override run(sql: string, ...values: SQLInputValue[]): number {
    this.statements.add(sql);
    return super.run(sql, ...values);
  }
}

function useEverything(file: RecordingFile): void {
  const writes = SYSTEM_WRITES;
  const job = someJob('a', { uniqueKey: 'u', idempotencyKey: 'i' });
  for (const next of [job, job, someJob('b', { uniqueKey: 'u', spaceId: job.spaceId }), someJob('b', { runAt: LATER }), someJob('c')]) {
    writes.enqueueJob(file, { job: toStoredJob(next), limits: limits() });
  }
  const group = { maxUnfinished: 9, rateLimit: 9, weight: 2, maxRunning: 9 };
  writes.enqueueJob(file, { job: toStoredJob(someJob('d', { group: 'service' })), limits: limits({ group }) });
  writes.setJobsUnwatched(file, { ids: [job.id], since: 1 });
  writes.setJobPriority(file, { id: job.id, priority: 1 });
  writes.claimJobs(file, { lane: 'sync', count: 3, maxRunningInLane: 9, now: LATER, leaseMs: 10 });
  writes.heartbeatJobs(file, { beats: [{ id: job.id, attempt: 1, leaseUntil: LATER + 10, progress: null }] });
  const again = { kind: 'again', runAt: LATER, attemptCounts: true, crashed: false } as const;
  writes.finishJobs(file, { runs: [{ id: job.id, attempt: 1, now: LATER, cost: 1, end: again }] });
  writes.expireJobLeases(file, { now: LATER * 2, limit: 9, maxLosses: RULES.maxLosses, backoffMs: [1] });
  writes.cancelJob(file, { id: job.id, userId: 'a', reason: 'x', now: LATER });
  writes.cancelJobs(file, { userId: 'b', reason: 'x', now: LATER });
  writes.cancelJobs(file, { spaceId: 'space_c', reason: 'x', now: LATER });
  writes.retryJob(file, { id: job.id, now: LATER });
  writes.pruneJobs(file, { before: LATER * 3, limit: 1 });
  for (const filter of [
    { userId: 'a', subject: 's' },
    { spaceId: 's', states: ['failed'] },
    { states: ['queued'], lane: 'sync' },
  ] as const) {
    listJobs(file, filter, 10);
  }
  abandonedJobs(file, 1, 1);
  jobsWaitingSince(file, 1, 1);
  countedTimes(file, 'a', 'sync', 1, 1);
  laneLoads(file, LATER);
  laneLines(file, 'sync', 1);
  nextDueAt(file, LATER);
  jobById(file, job.id);
  unfinishedOf(file, 'a');
  unfinishedJobs(file, 'space_a', 'op');
}

test('no statement of the job store walks or sorts the jobs or the lines', () => {
  using db = new DatabaseSync(':memory:');
  migrate(db, { applicationId: SYSTEM_APPLICATION_ID, major: SYSTEM_MAJOR, migrations: SYSTEM_MIGRATIONS });
  const file = new RecordingFile(db);
  useEverything(file);
  expect(file.statements.size).toBeGreaterThan(45);
  const walks = [...file.statements].flatMap((sql) => {
    const steps = db.prepare(`explain query plan ${sql}`).all();
    const bad = steps
      .map(({ detail }) => String(detail))
      .filter((detail) => /^SCAN (jobs|j|t|b|i|job_lines|u|job_groups|g|job_bodies)\b|USE TEMP B-TREE/.test(detail));
    return bad.length === 0 ? [] : [`${bad.join('; ')}: ${sql}`];
  });
  expect(walks).toEqual([]);
});
