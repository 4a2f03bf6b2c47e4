import { afterEach, beforeEach, describe } from 'vitest';
import type { JobStoreUnderTest } from './job-store-fixture.ts';
import { describeJobChanges } from './job-store-changes.ts';
import { describeJobEnqueue } from './job-store-enqueue.ts';
import { describeJobLine } from './job-store-line.ts';
import { describeJobRuns } from './job-store-runs.ts';
import { describeSchedules } from './job-store-schedules.ts';

/** What every job store must do, whatever it stands on. */
export function describeJobStore(name: string, open: () => Promise<JobStoreUnderTest>): void {
  describe(`job store: ${name}`, () => {
    let subject: JobStoreUnderTest;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(async () => subject[Symbol.asyncDispose]());
    const getStore = (): JobStoreUnderTest['store'] => subject.store;

    describeJobEnqueue(getStore);
    describeJobLine(getStore);
    describeJobRuns(getStore);
    describeJobChanges(getStore);
    describeSchedules(getStore);
  });
}
