import type { SystemFile } from './open-system-file.ts';
import { writeFailureOf } from './write-failure.ts';
import type { WriteOutcome } from './writer-protocol.ts';

/** One write, ready to run. */
export interface PendingWrite {
  readonly id: number;
  readonly run: (file: SystemFile) => unknown;
}

/**
 * Runs writes that waited together in one transaction, each in a savepoint of its own: one that fails leaves no trace and
 * does not touch the others. When the commit itself fails, all of them have failed.
 */
export function commitTogether(file: SystemFile, writes: readonly PendingWrite[]): readonly WriteOutcome[] {
  try {
    file.db.exec('BEGIN IMMEDIATE');
    const outcomes = writes.map((write) => runInSavepoint(file, write));
    file.db.exec('COMMIT');
    return outcomes;
  } catch (error) {
    if (file.db.isTransaction) file.db.exec('ROLLBACK');
    const failure = writeFailureOf(error);
    return writes.map(({ id }) => ({ id, ok: false, failure }));
  }
}

/** An error after which SQLite has rolled the whole transaction back (disk full, I/O) is passed on: nothing of the batch stands. */
function runInSavepoint(file: SystemFile, { id, run }: PendingWrite): WriteOutcome {
  file.db.exec('SAVEPOINT one');
  try {
    const value = run(file);
    file.db.exec('RELEASE one');
    return { id, ok: true, value };
  } catch (error) {
    if (!file.db.isTransaction) throw error;
    file.db.exec('ROLLBACK TO one');
    file.db.exec('RELEASE one');
    return { id, ok: false, failure: writeFailureOf(error) };
  }
}
