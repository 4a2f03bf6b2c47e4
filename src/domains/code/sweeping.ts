import { throwIfAborted } from '../../kernel/abort.ts';
import type { KeyedLock } from '../../kernel/keyed-lock.ts';
import type { RepositoryServiceDeps } from './deps.ts';
import { PolymniaError } from '../../kernel/errors.ts';

type SweepDeps = Pick<RepositoryServiceDeps, 'store' | 'folders' | 'readers'>;

/** What a clean-up found. */
export interface SweepReport {
  /** Folders of repositories that are gone. */
  readonly repositories: number;
  /** Generations nobody reads. */
  readonly generations: number;
  /** Published generations whose files were not there, as after a restore: they need a sync. */
  readonly missing: number;
}

const PAGE = 500;
/** A repository that is being synced is left to its run. */
const LOCK_MS = 1;

/**
 * Removes what no row names, and takes back rows whose files are not there. Safe beside syncs: each repository is looked at
 * under its lock, and its row is read there.
 */
export async function sweepIndexes(deps: SweepDeps, locks: KeyedLock, signal: AbortSignal): Promise<SweepReport> {
  const swept = { repositories: 0, generations: 0 };
  for (const uuid of await deps.folders.list()) {
    throwIfAborted(signal);
    const lock = await tryLock(locks, uuid, signal);
    if (lock === undefined) continue;
    using _held = lock;
    const went = await sweepRepository(deps, uuid);
    swept.repositories += went === 'all' ? 1 : 0;
    swept.generations += went === 'all' ? 0 : went;
  }
  return { ...swept, missing: await unpublishMissing(deps, signal) };
}

async function tryLock(locks: KeyedLock, uuid: string, signal: AbortSignal): Promise<Disposable | undefined> {
  try {
    return await locks.acquire(uuid, 'write', { timeoutMs: LOCK_MS, holder: 'clean-up', signal });
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof PolymniaError && (error.code === 'timed_out' || error.code === 'overloaded')) return undefined;
    throw error;
  }
}

/** Answers with the number of generations that went, or that everything did. */
async function sweepRepository({ store, folders, readers }: SweepDeps, uuid: string): Promise<number | 'all'> {
  const row = await store.publishedOf(uuid);
  const unread = (await folders.generations(uuid)).filter((generation) => generation !== row?.generation);
  for (const generation of unread) {
    await readers.retire(folders.generation(uuid, generation));
    await folders.removeGeneration(uuid, generation);
  }
  await folders.removeHalfClone(uuid);
  if (row !== undefined) return unread.length;
  await folders.remove(uuid);
  return 'all';
}

async function unpublishMissing({ store, folders }: SweepDeps, signal: AbortSignal): Promise<number> {
  let missing = 0;
  let after: string | undefined;
  for (;;) {
    const rows = await store.published(PAGE, after);
    for (const { uuid, generation } of rows) {
      throwIfAborted(signal);
      if (generation === undefined || (await folders.has(uuid, generation))) continue;
      // A newer one may be published by now: then this changes nothing.
      await store.unpublish(uuid, generation);
      missing += 1;
    }
    after = rows.at(-1)?.uuid;
    if (rows.length < PAGE) return missing;
  }
}
