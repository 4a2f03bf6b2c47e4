import { toPolymniaError } from '../../kernel/errors.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { SyncReport } from '../../domains/code/model.ts';
import type { SyncTask } from '../../domains/code/ports.ts';
import { createSourceOpener } from '../../providers/sources/source-opener.ts';
import type { ChildHost } from './child-host.ts';
import { syncRepository } from './sync-repository.ts';

/** Brings a repository's index up to date: the `sync` task of a child process. */
export async function runSync(payload: unknown, host: ChildHost): Promise<SyncReport> {
  const task = payload as SyncTask;
  const installation = task.gitCaFile === undefined ? {} : { caFile: task.gitCaFile };
  try {
    return await syncRepository(task, {
      opener: createSourceOpener({ ...task, clock: systemClock, installation }),
      clock: systemClock,
      signal: host.signal,
      event: (event) => host.event(event),
    });
  } catch (error) {
    throw toPolymniaError(error);
  }
}
