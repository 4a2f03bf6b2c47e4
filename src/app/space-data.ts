import type { SpaceData } from '../domains/identity/index.ts';
import type { RepositoryService } from '../domains/code/index.ts';
import type { RepositoryStore } from '../domains/code/store.ts';
import type { MemoryStore, StoreCall } from '../domains/memory/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { startDeadline } from '../kernel/abort.ts';
import type { SpaceFiles } from '../storage/sqlite/space-files.ts';

/** The server's own account in the storage lines: it stands in them like one user. */
const SYSTEM_USER = 'system';
const NO_METER = { add() {} };
const DROP_LIMIT_MS = 60_000;
const PURGE_LIMIT_MS = 30 * 60_000;
const READ_LIMIT_MS = 30_000;
const SLICE = 100;

/** A store call that no call of a user asks for, on this account, for at most `limitMs`. Dispose it when the call has ended. */
function callOnAccount(user: string, clock: Clock, space: string, limitMs: number): StoreCall & Disposable {
  const deadline = startDeadline(clock, limitMs, 'the limit of background work');
  return {
    space,
    flow: { user, group: user, weight: 1 },
    signal: deadline.signal,
    deadlineAt: deadline.at,
    meter: NO_METER,
    now: clock.now(),
    [Symbol.dispose]: () => deadline[Symbol.dispose](),
  };
}

interface SpaceDataDeps {
  readonly files: SpaceFiles;
  readonly store: MemoryStore;
  readonly repositories: Pick<RepositoryService, 'dropSpace' | 'purgeAuthored'>;
  readonly clock: Clock;
}

/** Deletes what spaces hold, for identity. */
export function createSpaceData({ files, store, repositories, clock }: SpaceDataDeps): SpaceData {
  return {
    async drop(spaceKey) {
      using deadline = startDeadline(clock, DROP_LIMIT_MS, 'the limit of deleting a space');
      const bytes = await files.fileBytes(spaceKey);
      await files.drop(spaceKey, { holder: 'delete space', signal: deadline.signal });
      const indexes = await repositories.dropSpace(spaceKey);
      return { bytes: bytes + indexes.bytes };
    },
    async purgeAuthored(spaceKey, author) {
      let { removed } = await repositories.purgeAuthored(spaceKey, author);
      let after: string | undefined;
      do {
        using call = callOnAccount(SYSTEM_USER, clock, spaceKey, PURGE_LIMIT_MS);
        const slice = await store.removeMatching(call, { author }, SLICE, after);
        removed += slice.removed;
        after = slice.next;
      } while (after !== undefined);
      return { removed };
    },
  };
}

interface UsedBytesDeps {
  readonly memory: MemoryStore;
  readonly repositories: RepositoryStore;
}

/**
 * Bytes counted against quotas in one space, read from the space itself and from what is published of its repositories. It stands
 * in its payer's line: after a start everybody's first write asks for this, and one line for all of them would make each wait for all others.
 */
export async function readUsedBytes({ memory, repositories }: UsedBytesDeps, clock: Clock, payer: string, spaceKey: string): Promise<number> {
  using call = callOnAccount(payer, clock, spaceKey, READ_LIMIT_MS);
  const [memories, indexes] = await Promise.all([memory.usedBytes(call), repositories.indexBytes(spaceKey)]);
  return memories + indexes;
}
