import { PolymniaError } from '../../kernel/errors.ts';
import { flowOf, type OperationContext, type SpaceAccess } from '../../kernel/operation.ts';
import type { MemoryServiceDeps } from './deps.ts';
import { hashOf } from './json.ts';
import type { StoreCall, WriteCall } from './store.ts';
import type { ComingWork } from './upkeep/work-marks.ts';

/** What a call is worth on the way to the store: the part of a context that requests and background work have alike. */
export type CallFrame = Pick<OperationContext, 'caller' | 'signal' | 'deadlineAt' | 'meter'>;

/** The one space of a call whose target is one. */
export function oneSpace(ctx: OperationContext): SpaceAccess {
  const space = ctx.spaces[0];
  if (space === undefined) throw new PolymniaError('internal', 'The call was admitted without a space.');
  return space;
}

/** A store call on one space for the caller. `now` is its wall time, UTC ms. */
export function storeCall(frame: CallFrame, space: SpaceAccess, now: number): StoreCall {
  return { space: space.key, flow: flowOf(frame.caller), signal: frame.signal, deadlineAt: frame.deadlineAt, meter: frame.meter, now };
}

/** As {@link storeCall}; under the caller's idempotency key, if there is one. For operations that are one store write. */
export function writeOnceCall(ctx: OperationContext, space: SpaceAccess, now: number, operation: string, input: unknown): WriteCall {
  const call = storeCall(ctx, space, now);
  if (ctx.idempotencyKey === undefined) return call;
  return { ...call, idempotency: { user: ctx.caller.userId, operation, key: ctx.idempotencyKey, inputHash: hashOf(input) } };
}

/** How long deleted words may stay in the full-text index, so that many deletions are cleaned up at once. */
const SCRUB_DELAY_MS = 60_000;

/** The work a deletion leaves behind. */
export function scrubWork(now: number): ComingWork {
  return { kind: 'scrub', dueAt: now + SCRUB_DELAY_MS };
}

/** The work new or changed memories leave behind. */
export function writtenWork(
  deps: Pick<MemoryServiceDeps, 'embedder'>,
  memories: readonly { readonly expiresAt?: number }[],
  now: number,
): ComingWork[] {
  const expiry = memories.reduce((first, { expiresAt = Infinity }) => Math.min(first, expiresAt), Infinity);
  return [
    ...(expiry === Infinity ? [] : [{ kind: 'expire', dueAt: expiry } as const]),
    ...(deps.embedder === undefined ? [] : [{ kind: 'vectors', dueAt: now } as const]),
  ];
}

/** Options of store writes that make new text. */
export function embedModelOf(deps: Pick<MemoryServiceDeps, 'embedder'>): { readonly embedModel?: string } {
  return deps.embedder === undefined ? {} : { embedModel: deps.embedder.model };
}
