import { throwIfAborted } from '../../kernel/abort.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { RECORD_NOUNS } from '../../kernel/ids.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import { oneSpace, scrubWork, storeCall } from './calls.ts';
import type { MemoryServiceDeps } from './deps.ts';
import { filterOf, rangeOf, saidRange } from './filtering.ts';
import type { DeleteInput, ForgetInput } from './inputs.ts';
import { MEMORY_KIND, type MemoryFilter } from './model.ts';
import type { DeleteOutput, ForgetOutput } from './outputs.ts';
import { uuidOf } from './remembering.ts';

/** Memories deleted in one transaction; a few milliseconds of a writer thread. */
const SLICE = 50;

/**
 * Deletes one memory with its history. Rejects with `not_found`, also on a repeat: no idempotency key is kept, so that a
 * repeated deletion cannot be counted as freed storage twice.
 */
export async function deleteMemory(deps: MemoryServiceDeps, input: DeleteInput, ctx: OperationContext): Promise<DeleteOutput> {
  const space = oneSpace(ctx);
  const now = deps.clock.now();
  using reservation = await ctx.quota.reserve(space, 0);
  using _hold = await deps.marks.hold(space.key, [scrubWork(now)]);
  const outcome = await deps.store.remove(storeCall(ctx, space, now), uuidOf(input.id));
  if (outcome === undefined || outcome.removed === 0) throw notFound(RECORD_NOUNS[MEMORY_KIND]);
  reservation.settle(-outcome.freedBytes);
  return { id: input.id, deleted: true };
}

/** Deletes, or only counts, what matches the conditions, in slices. Words of time mean the moment at which it was asked for. */
export async function forgetMemories(deps: MemoryServiceDeps, input: ForgetInput, ctx: OperationContext): Promise<ForgetOutput> {
  const space = oneSpace(ctx);
  const now = deps.clock.now();
  const range = rangeOf(input, ctx, ctx.job?.askedAt ?? now);
  const filter = filterOf(input, range);
  refuseUnclear(input);
  const total = await deps.store.count(storeCall(ctx, space, now), filter);
  const removed = input.dryRun ? { count: total, freedBytes: 0 } : await removeAll(deps, ctx, space, filter, total);
  return { ...removed, dryRun: input.dryRun, ...saidRange(range) };
}

/** Throws unless there is a condition, or `all: true` is said instead of one. */
export function refuseUnclear(input: ForgetInput): void {
  const { since, until } = input;
  const conditions = Object.keys(filterOf(input, {})).length + [since, until].filter((bound) => bound !== undefined).length;
  if (conditions === 0 && input.all !== true) {
    throw new PolymniaError(
      'invalid_input',
      'No condition is given. Name what to forget (tags, type, thread, since, until, metadata, importId), or say all: true to forget everything.',
    );
  }
  if (conditions > 0 && input.all === true) {
    throw new PolymniaError('invalid_input', 'all: true and conditions are both given; leave one of them out.', { details: { field: 'all' } });
  }
}

async function removeAll(
  deps: MemoryServiceDeps,
  ctx: OperationContext,
  space: SpaceAccess,
  filter: MemoryFilter,
  total: number,
): Promise<{ readonly count: number; readonly freedBytes: number }> {
  using _hold = await deps.marks.hold(space.key, [scrubWork(deps.clock.now())]);
  let count = 0;
  let freedBytes = 0;
  let after: string | undefined;
  for (;;) {
    throwIfAborted(ctx.signal);
    using reservation = await ctx.quota.reserve(space, 0);
    const outcome = await deps.store.removeMatching(storeCall(ctx, space, deps.clock.now()), filter, SLICE, after);
    reservation.settle(-outcome.freedBytes);
    count += outcome.removed;
    freedBytes += outcome.freedBytes;
    if (outcome.removed > 0) ctx.progress({ phase: 'forget', done: count, total: Math.max(total, count), unit: 'memories' });
    if (outcome.next === undefined) return { count, freedBytes };
    after = outcome.next;
  }
}
