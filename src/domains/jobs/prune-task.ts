import { throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ScheduledTask } from './scheduler.ts';
import type { JobStore } from './store.ts';

/** Jobs removed in one transaction. */
const SLICE = 500;

/** Removes jobs that ended longer ago than `JOB_RETENTION`. */
export function pruneJobsTask(deps: { readonly store: Pick<JobStore, 'prune'>; readonly clock: Clock; readonly retentionMs: number }): ScheduledTask {
  return {
    name: 'prune_jobs',
    pattern: '17 3 * * *',
    description: 'Removes ended jobs older than JOB_RETENTION.',
    async run(signal) {
      let total = 0;
      for (;;) {
        throwIfAborted(signal);
        const removed = await deps.store.prune(deps.clock.now() - deps.retentionMs, SLICE);
        total += removed;
        if (removed < SLICE) return `removed ${total} jobs`;
      }
    },
  };
}
