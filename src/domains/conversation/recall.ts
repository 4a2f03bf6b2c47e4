import { orAbort, startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { OperationContext } from '../../kernel/operation.ts';
import type { MemoryService } from '../memory/index.ts';
import { questionIn, shownTexts } from './history.ts';
import { CHAT_LIMITS } from './limits.ts';
import type { ModelMessage, Passage } from './model.ts';
import { lastUserText, toPassage } from './prompt.ts';

export const RECALL_STATES = ['done', 'late', 'failed', 'not_allowed', 'nothing_asked'] as const;

/** What was recalled, and whether it could be: an answer goes without rather than fail. */
export interface Recall {
  readonly state: (typeof RECALL_STATES)[number];
  readonly passages: readonly Passage[];
}

/** The same without the texts. */
export interface RecallReport {
  readonly state: Recall['state'];
  /** Ids. */
  readonly memories: readonly string[];
}

const LONGEST_QUERY = 1000;
/** Memories looked at beyond those wanted, since some may be what the window shows already, or one question asked again and again. */
const SPARE = 10;
const MAX_SPARE = 45;

export interface RecallDeps {
  readonly memory: Pick<MemoryService, 'retrieve'>;
  readonly clock: Clock;
  /** `CHAT_RECALL_TIMEOUT`, ms: beyond it the answer goes without. */
  readonly recallMs: number;
}

/**
 * The memories of the call's space that bear on the last user message, within a time of its own. What stands among the messages
 * already is left out. Rejects only when the call itself is over.
 */
export async function recallFor(deps: RecallDeps, messages: readonly ModelMessage[], ctx: OperationContext): Promise<Recall> {
  const query = lastUserText(messages)?.slice(-LONGEST_QUERY).toWellFormed().trim() ?? '';
  return recallMemories(deps, query, shownTexts(messages), ctx);
}

/** The memories that bear on a text; none of those with one of the `shown` contents. */
export async function recallMemories(deps: RecallDeps, query: string, shown: ReadonlySet<string>, ctx: OperationContext): Promise<Recall> {
  if (!ctx.credential.scopes.includes('memory:read')) return { state: 'not_allowed', passages: [] };
  if (query === '') return { state: 'nothing_asked', passages: [] };
  using limit = startDeadline(deps.clock, deps.recallMs, 'CHAT_RECALL_TIMEOUT', ctx.signal);
  // Its own meter: thread time is another unit than the tokens of this lane.
  const within = { ...ctx, signal: limit.signal, deadlineAt: Math.min(limit.at, ctx.deadlineAt), meter: { add: () => {} } };
  const wanted = CHAT_LIMITS.passages + Math.min(MAX_SPARE, SPARE + shown.size);
  try {
    const { results } = await orAbort(deps.memory.retrieve({ query, limit: wanted }, within), limit.signal);
    const fresh = onePerQuestion(results.filter(({ content }) => !shown.has(content.trim()))).slice(0, CHAT_LIMITS.passages);
    return { state: 'done', passages: fresh.map(({ id, content }) => toPassage(id, content)) };
  } catch (failure) {
    throwIfAborted(ctx.signal);
    const isLate = limit.signal.aborted || (failure instanceof PolymniaError && failure.code === 'timed_out');
    if (!isLate) ctx.logger.warn('recall for a chat failed', { requestId: ctx.requestId }, failure);
    return { state: isLate ? 'late' : 'failed', passages: [] };
  }
}

/** Of the exchanges that began with the same question the first: else one that is asked often would crowd out what answers it. */
function onePerQuestion<Memory extends { readonly content: string }>(memories: readonly Memory[]): readonly Memory[] {
  const asked = new Set<string>();
  return memories.filter(({ content }) => {
    const question = questionIn(content);
    const isNew = question === undefined || !asked.has(question);
    if (question !== undefined) asked.add(question);
    return isNew;
  });
}

export function reportOf({ state, passages }: Recall): RecallReport {
  return { state, memories: passages.map(({ source }) => source) };
}
