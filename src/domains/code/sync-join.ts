import { PolymniaError } from '../../kernel/errors.ts';
import type { RepositoryServiceDeps } from './deps.ts';
import type { Repository } from './model.ts';
import { chooseSource, isSame, namedSource } from './source-choice.ts';
import type { SyncRequest } from './sync-request.ts';

/** A sync that is asked for while another one of the same repository waits or runs. */
interface SecondSync {
  readonly asked: SyncRequest;
  readonly running: SyncRequest;
  /** The repository as it is stored; undefined before its first sync has begun. */
  readonly known: Repository | undefined;
  /** Who asks now. */
  readonly userId: string;
  /** Of the one that waits or runs. */
  readonly jobId: string;
}

/**
 * Rejects with `conflict` unless the running sync does what is asked for: the same source and branch, where any are named, and
 * everything afresh, where that is wanted. Who may not name the source learns nothing but that.
 */
export async function refuseOtherSync(deps: RepositoryServiceDeps, { asked, running, known, userId, jobId }: SecondSync): Promise<void> {
  if (!(await isSameSource(deps, { asked, running, known, userId }))) {
    throw conflict(jobId, 'A sync of this repository from another source or branch is under way');
  }
  if (asked.mode === 'full' && running.mode !== 'full') {
    throw conflict(jobId, 'A sync of this repository that reads only what changed is under way, and everything was to be read afresh');
  }
}

async function isSameSource(deps: RepositoryServiceDeps, { asked, running, known, userId }: Omit<SecondSync, 'jobId'>): Promise<boolean> {
  if (asked.source === undefined && asked.branch === undefined) return true;
  const read = await namedSource(deps, running, known);
  if (read === undefined) return false;
  // What is not named is left to the running one.
  const source = asked.source ?? running.source;
  const branch = asked.branch ?? running.branch;
  const wanted = { ...asked, ...(source !== undefined && { source }), ...(branch !== undefined && { branch }), replaceSource: true };
  return isSame((await chooseSource(deps, wanted, known, userId)).source, read);
}

function conflict(jobId: string, what: string): PolymniaError {
  return new PolymniaError(
    'conflict',
    `${what}. Wait for its end (get_job with wait: "end") or cancel it (cancel_job), then ask again: job ${jobId}.`,
    {
      details: { jobId },
    },
  );
}
