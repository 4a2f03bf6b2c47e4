import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { RECORD_NOUNS } from '../../kernel/ids.ts';
import type { OperationContext } from '../../kernel/operation.ts';
import { oneSpace, storeCall } from './calls.ts';
import { readCursor, writeCursor } from './cursor.ts';
import type { MemoryServiceDeps } from './deps.ts';
import { filterOf, rangeOf, saidRange } from './filtering.ts';
import type { GetInput, ListTagsInput, RetrieveInput, SearchInput, StatsInput } from './inputs.ts';
import { type ListPosition, MEMORY_KIND } from './model.ts';
import {
  type GetOutput,
  isoTime,
  type ListTagsOutput,
  type RetrieveOutput,
  type SearchOutput,
  type StatsOutput,
  toMemoryOutput,
  toVersionOutput,
} from './outputs.ts';
import type { QueryEmbedding } from './query-embedding.ts';
import { mergeByRank } from './ranking.ts';
import { uuidOf } from './remembering.ts';
import type { SearchRequest } from './store.ts';
import { mentionedSpans } from './time/time-range.ts';

/** Ranked search over one or several spaces: one store search each, merged by rank. */
export async function retrieveMemory(
  deps: MemoryServiceDeps,
  embedding: QueryEmbedding | undefined,
  input: RetrieveInput,
  ctx: OperationContext,
): Promise<RetrieveOutput> {
  if (input.space !== undefined && input.spaces !== undefined) {
    throw new PolymniaError('invalid_input', 'space and spaces are both given; give one of them.', { details: { field: 'spaces' } });
  }
  const now = deps.clock.now();
  const range = rangeOf(input, ctx, now);
  const request: SearchRequest = {
    query: input.query,
    filter: filterOf(input, range),
    limit: input.limit,
    spans: mentionedSpans(input.query, { nowMs: now, timeZone: input.timeZone ?? ctx.caller.timeZone }),
    ...(input.minScore === undefined ? {} : { minScore: input.minScore }),
    ...(input.recencyWeight === undefined ? {} : { recencyWeight: input.recencyWeight }),
  };
  const vector = await embedding?.vectorOf(input.query, ctx.signal);
  const answers = await Promise.all(
    ctx.spaces.map(async (space) => ({
      space,
      ...(await deps.store.search(storeCall(ctx, space, now), vector === undefined ? request : { ...request, vector })),
    })),
  );
  const lists = answers.map(({ space, hits }) => hits.map((hit) => ({ space, occurredAt: hit.memory.occurredAt, ...hit })));
  const pending = answers.reduce((sum, answer) => sum + answer.pendingVectors, 0);
  return {
    mode: answers.some((answer) => answer.mode === 'hybrid') ? 'hybrid' : 'lexical',
    ...(deps.embedder === undefined || pending === 0 ? {} : { pending }),
    ...saidRange(range),
    results: mergeByRank(lists, input.limit).map(({ space, memory, score, why }) => ({ ...toMemoryOutput(space, memory), score, why: { ...why } })),
  };
}

/** Memories that match, newest first, a page at a time. */
export async function searchMemory(deps: MemoryServiceDeps, input: SearchInput, ctx: OperationContext): Promise<SearchOutput> {
  const space = oneSpace(ctx);
  const now = deps.clock.now();
  const end = input.cursor === undefined ? undefined : readCursor(space.key, input, input.cursor);
  const range = end?.range ?? rangeOf(input, ctx, now);
  const after: ListPosition | undefined = end?.occurredAt === undefined ? undefined : { occurredAt: end.occurredAt, uuid: end.uuid };
  const page = { limit: input.limit + 1, ...(after === undefined ? {} : { after }) };
  const found = await deps.store.list(storeCall(ctx, space, now), filterOf(input, range), page);
  const results = found.slice(0, input.limit);
  const last = results.at(-1);
  const more = found.length > input.limit && last !== undefined;
  return {
    ...saidRange(range),
    results: results.map((memory) => toMemoryOutput(space, memory)),
    ...(more ? { cursor: writeCursor(space.key, input, { uuid: last.uuid, occurredAt: last.occurredAt, range }) } : {}),
  };
}

/** One memory by id. Rejects with `not_found`. */
export async function getMemory(deps: MemoryServiceDeps, input: GetInput, ctx: OperationContext): Promise<GetOutput> {
  const space = oneSpace(ctx);
  const wanted = input.versions === true;
  const memory = await deps.store.get(storeCall(ctx, space, deps.clock.now()), uuidOf(input.id), { versions: wanted });
  if (memory === undefined) throw notFound(RECORD_NOUNS[MEMORY_KIND]);
  const history = wanted ? { history: (memory.history ?? []).map(toVersionOutput) } : {};
  return { ...toMemoryOutput(space, memory), versions: memory.versions, ...history };
}

/** Tags with the number of memories that carry them, most used first. */
export async function listTags(deps: MemoryServiceDeps, input: ListTagsInput, ctx: OperationContext): Promise<ListTagsOutput> {
  const options = { limit: input.limit, ...(input.prefix === undefined ? {} : { prefix: input.prefix.toWellFormed() }) };
  const tags = await deps.store.tags(storeCall(ctx, oneSpace(ctx), deps.clock.now()), options);
  return { tags: tags.map(({ tag, count }) => ({ tag, count })) };
}

/** What a space holds. */
export async function memoryStats(deps: MemoryServiceDeps, _input: StatsInput, ctx: OperationContext): Promise<StatsOutput> {
  const space = oneSpace(ctx);
  const { types, oldest, newest, ...stats } = await deps.store.stats(storeCall(ctx, space, deps.clock.now()));
  return {
    space: space.id,
    ...stats,
    types: types.map(({ type, count }) => ({ type, count })),
    ...(oldest === undefined ? {} : { oldest: isoTime(oldest) }),
    ...(newest === undefined ? {} : { newest: isoTime(newest) }),
  };
}
