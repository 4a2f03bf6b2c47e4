import { CleanUp, type CleanUpReport, type IdentityService, type IdleSpaces } from '../domains/identity/index.ts';
import type { ScheduledTask } from '../domains/jobs/index.ts';
import type { SpaceKey } from '../kernel/ids.ts';
import type { SpaceFiles } from '../storage/sqlite/space-files.ts';
import type { CommonParts } from './common-parts.ts';
import type { EmbeddedStorage } from './storage.ts';

/** What is kept of conversations to be quick; it never rejects. */
interface ShortTermState {
  drop(space: SpaceKey): Promise<void>;
}

interface CleanUpParts extends CommonParts {
  readonly storage: EmbeddedStorage;
  readonly identity: IdentityService;
  readonly shortTerm: ShortTermState;
}

/** The clean-up over the embedded storage. It runs when it is asked to. */
export function openCleanUp({ settings, clock, logger, storage, identity, shortTerm }: CleanUpParts): CleanUp {
  return new CleanUp({
    store: storage.identity,
    activity: identity.activity,
    spaces: idleSpaces(storage.files, shortTerm),
    clock,
    logger,
    inactiveAfterMs: settings.INACTIVE_AFTER,
    archiveAfterMs: settings.ARCHIVE_AFTER,
  });
}

/** The clean-up once a day, at an hour when few are there. */
export function cleanUpTask(cleanUp: CleanUp): ScheduledTask {
  return {
    name: 'clean_up',
    pattern: '23 4 * * *',
    description: 'Closes what is open of users away for INACTIVE_AFTER, archives the spaces of those away for ARCHIVE_AFTER.',
    run: async (signal) => sentenceOf(await cleanUp.run({ dryRun: false, signal })),
  };
}

function idleSpaces(files: SpaceFiles, shortTerm: ShortTermState): IdleSpaces {
  return {
    async letGo(spaceKey, signal) {
      await shortTerm.drop(spaceKey);
      return await files.release(spaceKey, signal);
    },
    archive: (spaceKey, signal) => files.archive(spaceKey, signal),
    isArchived: (spaceKey) => files.isArchived(spaceKey),
    bytes: (spaceKey) => files.fileBytes(spaceKey),
  };
}

function sentenceOf({ archived, letGo, inUse, failed, bytesBefore, bytesAfter, complete }: CleanUpReport): string {
  const sizes = archived === 0 ? '' : ` (${bytesBefore} bytes, now ${bytesAfter})`;
  const rest = complete ? '' : '; not all were looked at, the next run goes on';
  return `archived ${archived} spaces${sizes}, let go of ${letGo}; ${inUse} were in use, ${failed} failed${rest}`;
}
