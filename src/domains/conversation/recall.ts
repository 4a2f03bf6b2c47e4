import { orAbort, startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { OperationContext } from '../../kernel/operation.ts';
import type { MemoryService } from '../memory/index.ts';
import { CHAT_LIMITS } from './limits.ts';
import type { ModelMessage, Passage } from './model.ts';
import { lastUserText, toPassage } from './prompt.ts';

export const RECALL_STATES = ['done', 'late', 'failed', 'not_allowed', 'nothing_asked'] as const;

/** What was recalled, and whether it could be: an answer goes without rather than fail. */
export interface Recall {
  readonly state: (typeof RECALL_STATES)[number];
  readonly passages: readonly Passage[];
}

const LONGEST_QUERY = 1000;

/** The memories of the call's space that bear on the last user message, within a time of its own. Rejects only when the call itself is over. */
export async function recallFor(
  deps: { readonly memory: Pick<MemoryService, 'retrieve'>; readonly clock: Clock },
  messages: readonly ModelMessage[],
  ctx: OperationContext,
): Promise<Recall> {
  if (!ctx.credential.scopes.includes('memory:read')) return { state: 'not_allowed', passages: [] };
  const query = lastUserText(messages)?.slice(-LONGEST_QUERY).toWellFormed().trim() ?? '';
  if (query === '') return { state: 'nothing_asked', passages: [] };
  using limit = startDeadline(deps.clock, CHAT_LIMITS.recallMs, 'the time for recall', ctx.signal);
  // Its own meter: thread time is another unit than the tokens of this lane.
  const within = { ...ctx, signal: limit.signal, deadlineAt: Math.min(limit.at, ctx.deadlineAt), meter: { add: () => {} } };
  try {
    const { results } = await orAbort(deps.memory.retrieve({ query, limit: CHAT_LIMITS.passages }, within), limit.signal);
    return { state: 'done', passages: results.map(({ id, content }) => toPassage(id, content)) };
  } catch (failure) {
    throwIfAborted(ctx.signal);
    const isLate = limit.signal.aborted || (failure instanceof PolymniaError && failure.code === 'timed_out');
    if (!isLate) ctx.logger.warn('recall for a chat failed', { requestId: ctx.requestId }, failure);
    return { state: isLate ? 'late' : 'failed', passages: [] };
  }
}
