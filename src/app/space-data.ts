import type { SpaceData } from '../domains/identity/index.ts';
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

/** Deletes what spaces hold, for identity. */
export function createSpaceData(deps: { readonly files: SpaceFiles; readonly store: MemoryStore; readonly clock: Clock }): SpaceData {
  const { files, store, clock } = deps;
  return {
    async drop(spaceKey) {
      using deadline = startDeadline(clock, DROP_LIMIT_MS, 'the limit of deleting a space');
      const bytes = await files.fileBytes(spaceKey);
      await files.drop(spaceKey, { holder: 'delete space', signal: deadline.signal });
      return { bytes };
    },
    async purgeAuthored(spaceKey, author) {
      let removed = 0;
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

/**
 * Bytes counted against quotas in one space, read from the space itself. It stands in its payer's line: after a start
 * everybody's first write asks for this, and one line for all of them would make each wait for all others.
 */
export async function readUsedBytes(store: MemoryStore, clock: Clock, payer: string, spaceKey: string): Promise<number> {
  using call = callOnAccount(payer, clock, spaceKey, READ_LIMIT_MS);
  return await store.usedBytes(call);
}
