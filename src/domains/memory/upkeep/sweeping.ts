import { throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import type { Caller, SpaceAccess, StorageQuota } from '../../../kernel/operation.ts';
import { type CallFrame, scrubWork, storeCall } from '../calls.ts';
import { embedTexts } from './embedding.ts';
import type { Embedder, SpaceAuthority, SpaceWorkKind } from '../ports.ts';
import type { MemoryStore, StoreCall } from '../store.ts';
import type { WorkMarks } from './work-marks.ts';

/** What background work on a space uses. */
export interface SweepDeps {
  readonly store: MemoryStore;
  readonly clock: Clock;
  readonly marks: WorkMarks;
  readonly authority: SpaceAuthority;
  readonly quota: StorageQuota;
  readonly embedder?: Embedder;
  /** `EMBEDDING_BATCH`: texts in one request. */
  readonly embeddingBatch: number;
  /** What is done for kind `turns`; without it there is none. */
  readonly sweepTurns?: (space: SpaceAccess, frame: SweepFrame) => Promise<SweepResult>;
  /** What is done for kind `retention`; without it there is none. Rejects when it has to be tried again. */
  readonly applyRetention?: (space: SpaceKey, frame: SweepFrame) => Promise<void>;
}

/** `more`: call again soon; `done`: nothing left now, `nextDueAt` (UTC ms) when there will be. */
export type SweepResult = { readonly state: 'more' } | { readonly state: 'done'; readonly nextDueAt?: number };

/** The right to go on of one piece of background work. */
export type SweepFrame = Pick<CallFrame, 'signal' | 'deadlineAt'>;

/** Slices of one piece of work before another space has its turn. */
const MAX_SLICES = 40;
const EXPIRE_SLICE = 100;
const REINDEX_SLICE = 100;
const VECTOR_BATCHES = 16;

/** On whose account background work runs: nobody's, and it stands in line like one user. */
const SYSTEM: Caller = Object.freeze({ userId: 'system', name: 'system', timeZone: 'UTC', group: 'system', weight: 1, limits: {} });
const NO_METER = { add() {} };

/** Does one kind of background work on one space, for a bounded time. A space that is gone has none. */
export async function sweepSpace(deps: SweepDeps, kind: SpaceWorkKind, key: SpaceKey, frame: SweepFrame): Promise<SweepResult> {
  const space = await deps.authority.account(key);
  if (space === undefined) return { state: 'done' };
  switch (kind) {
    case 'retention':
      await deps.applyRetention?.(key, frame);
      return { state: 'done' };
    case 'expire':
      return sweepExpired(deps, space, frame);
    case 'turns':
      return (await deps.sweepTurns?.(space, frame)) ?? { state: 'done' };
    case 'vectors':
      return sweepVectors(deps, space, frame);
    case 'scrub':
      return repeat(frame, () => deps.store.scrubText(systemCall(deps, space, frame)));
    case 'reindex':
      return repeat(frame, () => deps.store.reindexText(systemCall(deps, space, frame), REINDEX_SLICE));
  }
}

/** A store call of background work. */
export function systemCall(deps: Pick<SweepDeps, 'clock'>, space: SpaceAccess, frame: SweepFrame): StoreCall {
  return storeCall({ ...frame, caller: SYSTEM, meter: NO_METER }, space, deps.clock.now());
}

async function repeat(frame: SweepFrame, slice: () => Promise<{ readonly done: boolean }>): Promise<SweepResult> {
  for (let count = 0; count < MAX_SLICES; count += 1) {
    throwIfAborted(frame.signal);
    if ((await slice()).done) return { state: 'done' };
  }
  return { state: 'more' };
}

async function sweepExpired(deps: SweepDeps, space: SpaceAccess, frame: SweepFrame): Promise<SweepResult> {
  using _hold = await deps.marks.hold(space.key, [scrubWork(deps.clock.now())]);
  for (let count = 0; count < MAX_SLICES; count += 1) {
    throwIfAborted(frame.signal);
    using reservation = await deps.quota.reserve(space, 0);
    const { removed, freedBytes, nextAt } = await deps.store.sweepExpired(systemCall(deps, space, frame), EXPIRE_SLICE);
    reservation.settle(-freedBytes);
    if (removed < EXPIRE_SLICE) return { state: 'done', ...(nextAt === undefined ? {} : { nextDueAt: nextAt }) };
  }
  return { state: 'more' };
}

/** Embeds what lacks a vector, batch by batch; then lets the space switch to the model and drop vectors of others. */
async function sweepVectors(deps: SweepDeps, space: SpaceAccess, frame: SweepFrame): Promise<SweepResult> {
  const { embedder, store } = deps;
  if (embedder === undefined) return { state: 'done' };
  for (let count = 0; count < VECTOR_BATCHES; count += 1) {
    throwIfAborted(frame.signal);
    const waiting = await store.vectorsPending(systemCall(deps, space, frame), embedder.model, deps.embeddingBatch);
    const vectors =
      waiting.length === 0
        ? []
        : await embedTexts(
            embedder,
            waiting.map(({ text }) => text),
            frame.signal,
          );
    const rows = vectors.flatMap((values, at) =>
      waiting[at] === undefined ? [] : [{ uuid: waiting[at].uuid, version: waiting[at].version, values }],
    );
    const { pending, stale } = await store.vectorsPut(systemCall(deps, space, frame), embedder.model, rows);
    if (pending === 0 && stale === 0) return { state: 'done' };
  }
  return { state: 'more' };
}
