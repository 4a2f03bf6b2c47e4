import { orAbort, within } from '../../kernel/abort.ts';
import { BoundedMap } from '../../kernel/bounded-map.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { RECORD_NOUNS } from '../../kernel/ids.ts';
import type { BoundOperation, OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import type { Gate } from '../admission/index.ts';
import { oneSpace, storeCall } from '../memory/index.ts';
import { ConversationReader } from './conversation-reader.ts';
import type { ChatInput, CompleteChatInput, GetTurnInput } from './inputs.ts';
import { TURN_KIND } from './model.ts';
import type { ModelBook, ModelListing } from './models/model-book.ts';
import { type OrderLimits, orderOfChat, orderOfCompletion } from './orders.ts';
import { type ChatOutput, type CompleteChatOutput, conversationId, toChatOutput, toTurnOutput, turnId, type TurnOutput } from './outputs.ts';
import type { ShortTerm } from './ports.ts';
import { uuidOf } from './record-ids.ts';
import type { RecallDeps } from './recall.ts';
import type { ConversationStore, StoredTurn } from './store.ts';
import { OwnTools } from './tools/own-tools.ts';
import { TokenBudget } from './turns/token-budget.ts';
import { TurnDesk, type TurnDeskOptions } from './turns/turn-desk.ts';
import type { ChatEvent, NumberedEvent } from './turns/turn-events.ts';
import type { TurnOrder } from './turns/turn-order.ts';
import { TurnRecords, type TurnRecordsDeps } from './turns/turn-records.ts';
import { type TurnLimits, TurnRunner } from './turns/turn-runner.ts';
import { Turn, type TurnOutcome } from './turns/turn.ts';

export type { ChatEvent, NumberedEvent } from './turns/turn-events.ts';

export interface ConversationDeps extends RecallDeps, TurnRecordsDeps, Omit<TurnDeskOptions, 'queueMs'> {
  readonly models: ModelBook;
  readonly store: ConversationStore;
  readonly shortTerm: ShortTerm;
  /** Tools of the model pass it, as the user. */
  readonly gate: Gate;
  /** The operations there are; a few of them are offered to models. */
  readonly operations: readonly BoundOperation[];
  readonly limits: ConversationLimits;
}

export interface ConversationLimits extends OrderLimits, TurnLimits {
  /** `CHAT_TOKENS_PER_DAY`; 0 = none. */
  readonly tokensPerDay: number;
  /** `MCP_WAIT`, ms: how long an assistant's call waits when it does not say. */
  readonly mcpWaitMs: number;
}

/** Conversations whose last turn is remembered; of one that was forgotten the store is asked. */
const MAX_REMEMBERED = 50_000;

/** The use cases of conversation. Callers were admitted; what changes in a turn lives in the turn. */
export class ConversationService implements AsyncDisposable {
  readonly reader: ConversationReader;
  readonly #deps: ConversationDeps;
  readonly #desk: TurnDesk;
  readonly #runner: TurnRunner;
  /** Who writes the turns of this run of the server. */
  readonly owner: string;

  constructor(deps: ConversationDeps) {
    const { clock, limits } = deps;
    const records = new TurnRecords(deps);
    this.#deps = deps;
    this.#desk = new TurnDesk({ ...deps, queueMs: limits.queueMs });
    this.reader = new ConversationReader({
      ...deps,
      live: (space, uuid) => this.#desk.find(space, uuid),
      liveIn: (space, conversation) => this.#desk.findIn(space, conversation),
    });
    this.owner = records.owner;
    this.#runner = new TurnRunner({
      ...deps,
      desk: this.#desk,
      records,
      budget: new TokenBudget(clock, limits.tokensPerDay),
      tools: new OwnTools(deps.gate, deps.operations),
      lastAnswered: new BoundedMap({ maxSize: MAX_REMEMBERED }),
    });
  }

  /** The models there are, the default one first. */
  models(): readonly ModelListing[] {
    return this.#deps.models.list();
  }

  /** The line of turns, for metrics and administrators. */
  get line(): Pick<TurnDesk, 'load' | 'lane' | 'locks'> {
    return this.#desk;
  }

  /** Says something and waits for the answer as long as asked; the answer goes on when nobody waits. Rejects as the answer failed. */
  async chat(input: ChatInput, ctx: OperationContext): Promise<ChatOutput> {
    const begun = await this.#runner.begin(orderOfChat(input, ctx, this.#deps.limits), ctx);
    const space = oneSpace(ctx);
    const waitMs = input.wait === 'end' ? Infinity : input.wait === undefined ? this.#usualWaitMs(ctx) : input.wait * 1000;
    if (!(begun instanceof Turn)) return this.#earlier(begun.earlier, ctx);
    const { place } = begun;
    if (place === undefined) throw new PolymniaError('internal', 'A chat was not kept.');
    const outcome = await this.#endWithin(begun, waitMs, ctx.signal);
    if (outcome === undefined) return toChatOutput(space, place, { state: begun.state, text: begun.text });
    if (outcome.state === 'failed') throw naming(outcome, placeOf(space, place));
    return toChatOutput(space, place, outcome);
  }

  /** The same as it comes: its first event names the turn. The answer goes on when the reader leaves. */
  async *chatEvents(input: ChatInput, ctx: OperationContext): AsyncGenerator<NumberedEvent> {
    const begun = await this.#runner.begin(orderOfChat(input, ctx, this.#deps.limits), ctx);
    if (begun instanceof Turn) yield* this.#eventsOf(begun, 0, ctx);
    else yield* this.turnEvents({ id: turnId(oneSpace(ctx), begun.earlier.uuid), wait: 0, after: 0 }, ctx);
  }

  /** The answer to a conversation that is told whole, as it comes. Nothing is yielded before the model's first step, so that a model that refuses does so before the answer has begun. */
  async *stream(input: CompleteChatInput, ctx: OperationContext): AsyncGenerator<ChatEvent> {
    const turn = await this.#completion(input, ctx);
    let hasBegun = false;
    for await (const event of turn.log.read(0, ctx.signal)) {
      hasBegun ||= event.type === 'start';
      if (event.type === 'start' && turn.place !== undefined) yield { type: 'turn', ...placeOf(oneSpace(ctx), turn.place) };
      if (event.type !== 'end') yield event;
    }
    const { state, error } = await turn.ended;
    // Without one event nobody has been told anything yet, not even of a stop.
    if (error !== undefined && (state === 'failed' || !hasBegun)) throw error;
  }

  /** The whole answer at once. */
  async complete(input: CompleteChatInput, ctx: OperationContext): Promise<CompleteChatOutput> {
    const turn = await this.#completion(input, ctx);
    const outcome = await orAbort(turn.ended, ctx.signal);
    const { model, usage, recall, error, text } = outcome;
    if (outcome.state === 'failed' && error !== undefined) throw error;
    // Stopped before the model was asked.
    if (model === undefined || usage === undefined || recall === undefined)
      throw error ?? new PolymniaError('internal', 'An answer ended without its end.');
    return {
      model,
      text,
      toolCalls: turn.clientCalls.map((call) => ({ ...call })),
      finishReason: outcome.finishReason ?? 'stop',
      usage: { ...usage },
      recall: { state: recall.state, memories: [...recall.memories] },
      ...(turn.place === undefined ? {} : { conversation: conversationId(oneSpace(ctx), turn.place.conversation) }),
    };
  }

  /** A turn as it stands when it has ended or the wait is over. */
  async turn({ id, wait }: Pick<GetTurnInput, 'id' | 'wait'>, ctx: OperationContext): Promise<TurnOutput> {
    const uuid = uuidOf(TURN_KIND, id);
    let found = await this.#found(uuid, ctx);
    if (found.live !== undefined && wait > 0) {
      await this.#endWithin(found.live, wait * 1000, ctx.signal);
      found = await this.#found(uuid, ctx);
    }
    return toTurnOutput(oneSpace(ctx), found.stored, found.live);
  }

  /** What happened and happens in a turn after a position; of one that has ended, what is left to tell. */
  async *turnEvents({ id, after }: GetTurnInput, ctx: OperationContext): AsyncGenerator<NumberedEvent> {
    const { stored, live } = await this.#found(uuidOf(TURN_KIND, id), ctx);
    if (live !== undefined) return yield* this.#eventsOf(live, after, ctx);
    if (after === 0) yield { type: 'turn', ...placeOf(oneSpace(ctx), stored), seq: 0 };
    yield* eventsOfEnded(stored, after);
  }

  /** Ends a turn that is under way; what it has said so far is its answer. Answers with the turn as it stands then. */
  async stop(id: string, ctx: OperationContext): Promise<TurnOutput> {
    const uuid = uuidOf(TURN_KIND, id);
    const { live } = await this.#found(uuid, ctx);
    live?.abort(new PolymniaError('cancelled', 'The answer was stopped by its user.'));
    if (live !== undefined) await orAbort(live.ended, ctx.signal);
    const { stored } = await this.#found(uuid, ctx);
    return toTurnOutput(oneSpace(ctx), stored);
  }

  /** No new turns; resolves when those under way have ended, or after `graceMs`. */
  drain(graceMs: number): Promise<void> {
    return this.#desk.drain(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#desk[Symbol.asyncDispose]();
  }

  async #completion(input: CompleteChatInput, ctx: OperationContext): Promise<Turn> {
    const order: TurnOrder = orderOfCompletion(input, ctx, this.#deps.limits);
    const begun = await this.#runner.begin(order, ctx);
    if (begun instanceof Turn) return begun;
    throw new PolymniaError('conflict', 'This idempotency key was used before, and its answer has been given.', {
      details: { reason: 'idempotency_key_reused', ...placeOf(oneSpace(ctx), begun.earlier) },
    });
  }

  #usualWaitMs({ origin }: OperationContext): number {
    return origin.surface === 'mcp' ? this.#deps.limits.mcpWaitMs : Infinity;
  }

  #endWithin(turn: Turn, ms: number, signal: AbortSignal): Promise<TurnOutcome | undefined> {
    return orAbort(within(this.#deps.clock, turn.ended, ms), signal);
  }

  /** The answer an idempotency key has been given before. */
  async #earlier(place: { readonly uuid: string; readonly conversation: string }, ctx: OperationContext): Promise<ChatOutput> {
    const { state, answer: text, model, finishReason, error, tokens } = await this.#stored(place.uuid, ctx);
    if (error !== undefined) throw new PolymniaError(error.code, error.message);
    const usage = { inputTokens: tokens.input, outputTokens: tokens.output, estimated: false };
    return toChatOutput(oneSpace(ctx), place, {
      state,
      text,
      usage,
      ...(model === undefined ? {} : { model }),
      ...(finishReason === undefined ? {} : { finishReason }),
    });
  }

  async *#eventsOf(turn: Turn, after: number, ctx: OperationContext): AsyncGenerator<NumberedEvent> {
    const { place } = turn;
    if (after === 0 && place !== undefined) yield { type: 'turn', ...placeOf(oneSpace(ctx), place), seq: 0 };
    yield* turn.log.read(after, ctx.signal);
  }

  /** A turn of the call's space; with its live part while it is under way. Rejects with `not_found`. */
  async #found(uuid: string, ctx: OperationContext): Promise<{ readonly stored: StoredTurn; readonly live: Turn | undefined }> {
    const stored = await this.#stored(uuid, ctx);
    const live = this.#desk.find(oneSpace(ctx).key, uuid);
    // It may have ended between the two looks.
    return live === undefined && stored.endedAt === undefined ? { stored: await this.#stored(uuid, ctx), live } : { stored, live };
  }

  async #stored(uuid: string, ctx: OperationContext): Promise<StoredTurn> {
    const stored = await this.#deps.store.turn(storeCall(ctx, oneSpace(ctx), this.#deps.clock.now()), uuid);
    if (stored === undefined) throw notFound(RECORD_NOUNS[TURN_KIND]);
    return stored;
  }
}

type Place = Pick<ChatOutput, 'turn' | 'conversation'>;

function placeOf(space: SpaceAccess, { uuid, conversation }: { readonly uuid: string; readonly conversation: string }): Place {
  return { turn: turnId(space, uuid), conversation: conversationId(space, conversation) };
}

/** Positions are those of the live turn. */
function* eventsOfEnded({ state, answer, error }: StoredTurn, after: number): Generator<NumberedEvent> {
  const rest = answer.slice(after);
  const seq = answer.length;
  if (rest !== '') yield { type: 'text', text: rest, seq };
  yield { type: 'end', state, ...(error === undefined ? {} : { error }), seq };
}

/** The failure with the ids by which the message is found again. */
function naming({ error }: TurnOutcome, ids: Place): PolymniaError {
  if (error === undefined) return new PolymniaError('internal', 'An answer failed without a reason.');
  const { code, message, details, retryAfterMs } = error;
  return new PolymniaError(code, message, { details: { ...details, ...ids }, cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
