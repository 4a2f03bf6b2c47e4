import type { SyncJob, SyncJobs } from '../domains/code/index.ts';
import type { JobService, JobStore } from '../domains/jobs/index.ts';

const OPERATION = 'sync_repository';

/** The syncs among the stored jobs. `stop` ends one, whoever asked for it. */
export function createSyncJobs(store: Pick<JobStore, 'unfinished'>, stop: JobService['stop']): SyncJobs {
  return {
    async unfinished({ id: spaceId }) {
      const jobs = await store.unfinished(spaceId, OPERATION);
      return jobs.flatMap(({ id, state, uniqueKey, progress }): SyncJob[] =>
        uniqueKey === undefined || (state !== 'queued' && state !== 'running')
          ? []
          : [{ id, state, nameKey: uniqueKey, ...(progress !== undefined && { progress }) }],
      );
    },
    cancel: stop,
  };
}
