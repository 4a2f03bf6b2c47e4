import { throwIfAborted } from '../../../kernel/abort.ts';
import type { OperationContext, SpaceAccess } from '../../../kernel/operation.ts';
import { oneSpace, storeCall } from '../calls.ts';
import { readCursor, writeCursor } from '../cursor.ts';
import type { MemoryServiceDeps } from '../deps.ts';
import { filterOf, type HalfOpenRange, rangeOf } from '../filtering.ts';
import type { ExportInput } from '../inputs.ts';
import { endLine, EXPORT_NOTE, headerLine, toLine } from './line-format.ts';
import type { MemoryFilter } from '../model.ts';
import { isoTime, type ExportOutput } from '../outputs.ts';
import type { MemoryWithHistory } from '../store.ts';

/** Bytes of lines one page should hold; a page has at least one line. */
const PAGE_BYTES = 1024 * 1024;
/** Memories asked for at once: with all versions one can have 1.7 MB, so the first look is short. */
const FIRST_SCAN = 8;
const LONGEST_SCAN = 200;

/** One page of an export, in the order of ids. */
export async function exportPage(deps: MemoryServiceDeps, input: ExportInput, ctx: OperationContext): Promise<ExportOutput> {
  const space = oneSpace(ctx);
  const end = input.cursor === undefined ? undefined : readCursor(space.key, input, input.cursor);
  const range = end?.range ?? rangeOf(input, ctx, deps.clock.now());
  const lines: Record<string, unknown>[] = [];
  let bytes = 0;
  let last = end?.uuid;
  for await (const memory of scanAll(deps, ctx, space, filterOf(input, range), last)) {
    const line = toLine(space, memory);
    bytes += Buffer.byteLength(JSON.stringify(line));
    if (lines.length === input.limit || (lines.length > 0 && bytes > PAGE_BYTES))
      return { lines, cursor: cursorAt(space, input, range, last), note: EXPORT_NOTE };
    lines.push(line);
    last = memory.uuid;
  }
  return { lines, note: EXPORT_NOTE };
}

function cursorAt(space: SpaceAccess, input: ExportInput, range: HalfOpenRange, uuid = ''): string {
  return writeCursor(space.key, input, { uuid, range });
}

/** A whole export as lines: a header, each memory with its history, an end line with their number. Reads page by page. */
export async function* exportLines(deps: MemoryServiceDeps, input: ExportInput, ctx: OperationContext): AsyncGenerator<Record<string, unknown>> {
  const space = oneSpace(ctx);
  const now = deps.clock.now();
  const end = input.cursor === undefined ? undefined : readCursor(space.key, input, input.cursor);
  const filter = filterOf(input, end?.range ?? rangeOf(input, ctx, now));
  const total = await deps.store.count(storeCall(ctx, space, now), filter);
  yield headerLine(isoTime(now));
  let done = 0;
  for await (const memory of scanAll(deps, ctx, space, filter, end?.uuid)) {
    yield toLine(space, memory);
    done += 1;
    if (done % LONGEST_SCAN === 0) ctx.progress({ phase: 'export', done, total: Math.max(total, done), unit: 'memories' });
  }
  ctx.progress({ phase: 'export', done, total: done, unit: 'memories' });
  yield endLine(done);
}

/** All matching memories in the order of ids. Each look asks for about a page's bytes, judged by the look before. */
async function* scanAll(
  deps: MemoryServiceDeps,
  ctx: OperationContext,
  space: SpaceAccess,
  filter: MemoryFilter,
  afterUuid: string | undefined,
): AsyncGenerator<MemoryWithHistory> {
  let after = afterUuid;
  let limit = FIRST_SCAN;
  for (;;) {
    throwIfAborted(ctx.signal);
    const found = await deps.store.scan(storeCall(ctx, space, deps.clock.now()), filter, after, limit);
    yield* found;
    if (found.length < limit) return;
    after = found.at(-1)?.uuid;
    limit = nextLimit(found, limit);
  }
}

function nextLimit(found: readonly MemoryWithHistory[], limit: number): number {
  const characters = found.reduce(
    (sum, memory) => sum + memory.content.length + (memory.history ?? []).reduce((old, { content }) => old + content.length, 0),
    1,
  );
  const fitting = Math.floor((found.length * PAGE_BYTES) / characters);
  return Math.max(1, Math.min(LONGEST_SCAN, limit * 2, fitting));
}
