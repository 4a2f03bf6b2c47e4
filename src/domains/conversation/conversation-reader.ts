import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { RECORD_NOUNS, type SpaceKey } from '../../kernel/ids.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { oneSpace, scrubWork, storeCall, type WorkMarks } from '../memory/index.ts';
import { shownTexts, windowOf } from './history.ts';
import type { GetContextInput, GetConversationInput, ListConversationsInput } from './inputs.ts';
import { CONVERSATION_KIND, type ModelMessage } from './model.ts';
import { type OrderLimits, refOf } from './orders.ts';
import { conversationId, type ConversationOutput, type GetContextOutput, toConversationOutput, toTurnOutput, type TurnOutput } from './outputs.ts';
import type { ShortTerm } from './ports.ts';
import { type RecallDeps, recallMemories } from './recall.ts';
import { uuidOf } from './record-ids.ts';
import type { ConversationStore, StoredConversation } from './store.ts';
import type { Turn } from './turns/turn.ts';

interface ReaderDeps extends RecallDeps {
  readonly store: ConversationStore;
  readonly shortTerm: ShortTerm;
  readonly marks: WorkMarks;
  readonly clock: Clock;
  readonly limits: OrderLimits;
  /** The turn with that id, while it is under way. */
  readonly live: (space: SpaceKey, uuid: string) => Turn | undefined;
  /** The turns of a conversation that are under way. */
  readonly liveIn: (space: SpaceKey, conversation: string) => readonly Turn[];
}

/** A page of a conversation. */
interface ConversationPageOutput extends ConversationOutput {
  readonly items: Omit<TurnOutput, 'conversation'>[];
  readonly next?: number;
}

const CONTEXT_BYTES = 192 * 1024;
const place = z.object({ s: z.string(), t: z.int(), u: z.string().regex(/^[0-9a-f]{32}$/) });

/** Conversations as they are stored: looked at, and deleted. */
export class ConversationReader {
  readonly #deps: ReaderDeps;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
  }

  /** Latest first. */
  async list({ limit, cursor }: ListConversationsInput, ctx: OperationContext): Promise<{ conversations: ConversationOutput[]; cursor?: string }> {
    const space = oneSpace(ctx);
    const after = cursor === undefined ? {} : { after: readCursor(cursor, space) };
    const found = await this.#deps.store.conversations(this.#call(ctx), { limit: limit + 1, ...after });
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const more = found.length > limit && last !== undefined ? { cursor: writeCursor(last, space) } : {};
    return { conversations: shown.map((stored) => toConversationOutput(space, stored)), ...more };
  }

  /** With its turns, a page of them. Rejects with `not_found`. */
  async get({ id, after, limit }: GetConversationInput, ctx: OperationContext): Promise<ConversationPageOutput> {
    const space = oneSpace(ctx);
    const uuid = uuidOf(CONVERSATION_KIND, id);
    const stored = await this.#deps.store.conversation(this.#call(ctx), uuid);
    if (stored === undefined) throw notFound(RECORD_NOUNS[CONVERSATION_KIND]);
    const turns = await this.#deps.store.turns(this.#call(ctx), uuid, { after, limit });
    const items = turns.map((turn) => {
      const { conversation: _known, ...item } = toTurnOutput(space, turn, this.#deps.live(space.key, turn.uuid));
      return item;
    });
    const last = turns.at(-1);
    return { ...toConversationOutput(space, stored), items, ...(last !== undefined && last.number < stored.turns ? { next: last.number } : {}) };
  }

  /** With all its turns and the memories of its thread; an answer that is under way is stopped. Rejects with `not_found`. */
  async delete(id: string, ctx: OperationContext): Promise<{ deleted: true; turns: number; memories: number }> {
    const { store, shortTerm, marks, clock } = this.#deps;
    const space = oneSpace(ctx);
    const uuid = uuidOf(CONVERSATION_KIND, id);
    const live = this.#deps.liveIn(space.key, uuid);
    for (const turn of live) turn.abort(new PolymniaError('cancelled', 'The conversation was deleted.'));
    await Promise.all(live.map(({ ended }) => ended));
    using _hold = await marks.hold(space.key, [scrubWork(clock.now())]);
    const total = { turns: 0, memories: 0 };
    for (let isFirst = true; ; isFirst = false) {
      using reservation = await ctx.quota.reserve(space, 0);
      const slice = await store.removeConversation(this.#call(ctx), uuid, conversationId(space, uuid));
      if (slice === undefined && isFirst) throw notFound(RECORD_NOUNS[CONVERSATION_KIND]);
      reservation.settle(-(slice?.freedBytes ?? 0));
      total.turns += slice?.turns ?? 0;
      total.memories += slice?.memories ?? 0;
      if (slice?.done ?? true) break;
    }
    await shortTerm.drop(space.key, uuid);
    return { deleted: true, ...total };
  }

  /** What an answer to `query` should know: the last messages of a conversation, and what is remembered beside them. */
  async context(input: GetContextInput, ctx: OperationContext): Promise<GetContextOutput> {
    if (input.conversation !== undefined && !ctx.credential.scopes.includes('chat')) throw noChat();
    const messages = input.conversation === undefined ? [] : await this.#recent(input.conversation, input.recent ?? Infinity, ctx);
    const { state, passages } = await recallMemories(this.#deps, input.query, shownTexts(messages), ctx);
    const recent = messages.flatMap(({ role, content }) => (role === 'system' || content === '' ? [] : [{ role, content }]));
    return { recent, history: passages.map((passage) => ({ ...passage })), recall: state };
  }

  async #recent(named: string, messages: number, ctx: OperationContext): Promise<readonly ModelMessage[]> {
    const { store, limits } = this.#deps;
    const ref = refOf(named, ctx);
    const call = this.#call(ctx);
    const stored =
      ref.kind === 'id'
        ? await store.conversation(call, ref.uuid)
        : ref.kind === 'key'
          ? await store.conversationOf(call, ctx.caller.userId, ref.key)
          : undefined;
    if (stored === undefined) throw notFound(RECORD_NOUNS[CONVERSATION_KIND]);
    const exchanges = await store.exchanges(this.#call(ctx), stored.uuid, stored.turns + 1, CONTEXT_BYTES);
    return windowOf(exchanges, { messages, tokens: limits.historyTokens });
  }

  #call(ctx: OperationContext) {
    return storeCall(ctx, oneSpace(ctx), this.#deps.clock.now());
  }
}

function writeCursor({ lastAt: t, uuid: u }: StoredConversation, { key: s }: SpaceAccess): string {
  return Buffer.from(JSON.stringify({ s, t, u })).toString('base64url');
}

function readCursor(cursor: string, space: SpaceAccess): { readonly lastAt: number; readonly uuid: string } {
  const parsed = place.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString('utf8')));
  if (parsed.success && parsed.data.s === space.key) return { lastAt: parsed.data.t, uuid: parsed.data.u };
  throw new PolymniaError('invalid_input', 'cursor: it does not belong to this list. Start without it.', { details: { field: 'cursor' } });
}

function noChat(): PolymniaError {
  return new PolymniaError(
    'forbidden',
    'Looking into a conversation needs a credential with scope "chat"; leave conversation out to ask the memories alone.',
  );
}
