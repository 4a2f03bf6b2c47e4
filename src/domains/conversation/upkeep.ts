import { startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { SpaceAccess, StorageQuota } from '../../kernel/operation.ts';
import { type SpaceAuthority, type SpaceWork, type SpaceWorkKind, type SweepFrame, type SweepResult, systemCall } from '../memory/index.ts';
import type { ConversationStore } from './store.ts';

export interface TurnUpkeepDeps {
  readonly store: ConversationStore;
  readonly quota: StorageQuota;
  readonly clock: Clock;
}

/** Turns and conversations looked at in one transaction, and transactions of one piece of work. */
const SLICE = 50;
const MAX_SLICES = 40;
/** What the look at one space may take when the server starts. */
const RECOVER_MS = 30_000;
const SPACES = 100_000;
const TURN_WORK: SpaceWorkKind = 'turns';

/**
 * Background work of kind `turns` on one space: ends turns whose lease has passed, removes conversations that have expired. With
 * `owner` also the turns of every other owner are ended: at the start, when nobody else can be at work on them.
 */
export async function sweepTurns(deps: TurnUpkeepDeps, space: SpaceAccess, frame: SweepFrame, owner?: string): Promise<SweepResult> {
  for (let count = 0; count < MAX_SLICES; count++) {
    throwIfAborted(frame.signal);
    using reservation = await deps.quota.reserve(space, 0);
    const sweep = { limit: SLICE, ...(owner === undefined ? {} : { owner }) };
    const { interrupted, freedBytes, nextAt } = await deps.store.sweep(systemCall(deps, space, frame), sweep);
    reservation.settle(-freedBytes);
    const isDue = nextAt !== undefined && nextAt <= deps.clock.now();
    if (interrupted < SLICE && !isDue) return { state: 'done', ...(nextAt === undefined ? {} : { nextDueAt: nextAt }) };
  }
  return { state: 'more' };
}

/** Ends as `failed: interrupted` what an earlier run of this server left running. Number of spaces looked at. */
export async function recoverTurns(
  deps: TurnUpkeepDeps & { readonly work: SpaceWork; readonly authority: SpaceAuthority },
  owner: string,
  signal: AbortSignal,
): Promise<number> {
  const entries = await deps.work.due(Number.MAX_SAFE_INTEGER, SPACES, TURN_WORK);
  for (const { space: key } of entries) {
    throwIfAborted(signal);
    const space = await deps.authority.account(key);
    if (space === undefined) continue;
    using limit = startDeadline(deps.clock, RECOVER_MS, 'the look at interrupted answers', signal);
    await sweepTurns(deps, space, { signal: limit.signal, deadlineAt: limit.at }, owner);
  }
  return entries.length;
}
