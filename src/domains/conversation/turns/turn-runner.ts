import { abortError } from '../../../kernel/abort.ts';
import type { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { OperationContext, Reservation } from '../../../kernel/operation.ts';
import { oneSpace, storeCall } from '../../memory/index.ts';
import { inTurns, windowOf } from '../history.ts';
import type { Exchange, ModelMessage } from '../model.ts';
import type { ModelBook } from '../models/model-book.ts';
import type { SharedModel } from '../models/shared-model.ts';
import { estimateUsage } from '../models/token-estimate.ts';
import type { ShortTerm } from '../ports.ts';
import { type RecallDeps, recallFor } from '../recall.ts';
import type { ConversationStore } from '../store.ts';
import type { OwnTools } from '../tools/own-tools.ts';
import { answer } from './answering.ts';
import type { TokenBudget } from './token-budget.ts';
import type { TurnDesk } from './turn-desk.ts';
import type { TurnOrder } from './turn-order.ts';
import type { RecordedTurn, TurnRecords } from './turn-records.ts';
import { Turn, type TurnOutcome } from './turn.ts';

export interface TurnRunnerDeps extends RecallDeps {
  readonly clock: Clock;
  readonly models: ModelBook;
  readonly store: ConversationStore;
  readonly shortTerm: ShortTerm;
  readonly desk: TurnDesk;
  readonly records: TurnRecords;
  readonly budget: TokenBudget;
  readonly tools: OwnTools;
  /** Number of the last turn that this server ended with an answer, by conversation. */
  readonly lastAnswered: BoundedMap<string, number>;
  readonly limits: TurnLimits;
}

export interface TurnLimits {
  /** `CHAT_QUEUE_TIMEOUT`, ms. */
  readonly queueMs: number;
  /** `CHAT_TURN_TOKENS` */
  readonly turnTokens: number;
}

/** A turn of an earlier call with the same idempotency key, which has ended. */
export interface EarlierTurn {
  readonly earlier: RecordedTurn['begun'];
}

/** Output assumed of an answer that names no limit, for the token budget. */
const USUAL_ANSWER_TOKENS = 4096;
/** Text of a conversation that is kept at hand, bytes. */
const KEPT_BYTES = 192 * 1024;

/** What one turn holds until it has ended. */
interface Reserved {
  readonly storage: Reservation | undefined;
  readonly tokens: Reservation;
  /** These, and the user's place. */
  readonly all: Disposable;
}

/** Carries turns from what was asked to what became of it. Nothing of a turn is kept here. */
export class TurnRunner {
  readonly #deps: TurnRunnerDeps;

  constructor(deps: TurnRunnerDeps) {
    this.#deps = deps;
  }

  /**
   * Begins a turn: resolves when the user's message is on disk, and the answer goes on by itself. Rejects with `not_found` (model,
   * conversation), `rate_limited` (line, token budget), `quota_exceeded`.
   */
  async begin(order: TurnOrder, ctx: OperationContext): Promise<Turn | EarlierTurn> {
    const { desk, models, clock } = this.#deps;
    const model = models.find(order.model);
    const reserved = await this.#reserve(order, ctx, desk.enter(ctx.caller));
    try {
      const recorded = order.keep && (await this.#deps.records.begin(order, order.keep, ctx, this.#deps.limits.queueMs));
      if (recorded?.isReplay === true) {
        reserved.all[Symbol.dispose]();
        return desk.find(oneSpace(ctx).key, recorded.begun.uuid) ?? { earlier: recorded.begun };
      }
      const turn = new Turn(recorded?.begun, clock);
      this.#start(turn, order, { ctx, model, recorded, reserved });
      return turn;
    } catch (failure) {
      reserved.all[Symbol.dispose]();
      throw failure;
    }
  }

  /** Gives the place back when something cannot be had. */
  async #reserve(order: TurnOrder, ctx: OperationContext, place: Disposable): Promise<Reserved> {
    using held = new DisposableStack();
    held.use(place);
    const { budget, store, records, clock } = this.#deps;
    const { userId } = ctx.caller;
    const said: readonly ModelMessage[] = order.told ?? [{ role: 'user', content: order.userText }];
    const wanted = estimateUsage(said, '').inputTokens + (order.settings.maxTokens ?? USUAL_ANSWER_TOKENS);
    const spent = (day: number): Promise<number> => store.tokensSpent(storeCall(ctx, oneSpace(ctx), clock.now()), userId, day);
    const tokens = held.use(await budget.reserve(userId, wanted, spent));
    const storage = order.keep && held.use(await records.reserve(order, ctx));
    return { tokens, storage, all: held.move() };
  }

  #start(
    turn: Turn,
    order: TurnOrder,
    { ctx, model, recorded, reserved }: { ctx: OperationContext; model: SharedModel; recorded: RecordedTurn | undefined; reserved: Reserved },
  ): void {
    const leave = (): void => turn.abort(cancelled());
    if (order.stopsWithCaller) ctx.signal.addEventListener('abort', leave, { once: true });
    if (ctx.signal.aborted) this.#leaveAtOnce(turn, order, abortError(ctx.signal));
    const work = async (within: OperationContext): Promise<void> => {
      const uuid = turn.place?.uuid;
      await using _saving = uuid === undefined ? undefined : this.#deps.records.keepSaving(turn, uuid, within, () => turn.abort(lost()));
      const messages = await this.#messages(turn, order, recorded, within);
      const recall = order.recalls ? await recallFor(this.#deps, messages, within) : ({ state: 'nothing_asked', passages: [] } as const);
      const tools = order.usesTools ? { tools: this.#deps.tools } : {};
      await answer(turn, { model, messages, recall, settings: order.settings, maxTokens: this.#deps.limits.turnTokens, ...tools }, within);
    };
    const conclude = async (failure: unknown): Promise<void> => {
      ctx.signal.removeEventListener('abort', leave);
      await this.#conclude(turn, order, ctx, { failure, recorded, reserved });
    };
    this.#deps.desk.start(turn, ctx, work, conclude);
  }

  /** The call has ended before the turn began. Authority that was lost meanwhile is known to nobody but the call. */
  #leaveAtOnce(turn: Turn, { stopsWithCaller }: TurnOrder, reason: PolymniaError): void {
    if (stopsWithCaller || reason.code === 'unauthenticated') turn.abort(reason);
  }

  /** What the model reads: the client's own account, or what is stored with the new message after it. */
  async #messages(turn: Turn, order: TurnOrder, recorded: RecordedTurn | undefined, ctx: OperationContext): Promise<readonly ModelMessage[]> {
    if (order.told !== undefined) return order.told;
    const asked: ModelMessage = { role: 'user', content: order.userText };
    const system: readonly ModelMessage[] = order.system === undefined ? [] : [{ role: 'system', content: order.system }];
    if (turn.place === undefined || recorded === undefined) return [...system, asked];
    const exchanges = await this.#exchanges(turn.place.conversation, recorded.begun, ctx);
    return inTurns([...system, ...windowOf(exchanges, order.window), asked]);
  }

  /** From the cache when it is up to date, else from the store. */
  async #exchanges(conversation: string, { number, lastAnswered }: RecordedTurn['begun'], ctx: OperationContext): Promise<readonly Exchange[]> {
    const { shortTerm, store, clock, lastAnswered: ended } = this.#deps;
    const { key } = oneSpace(ctx);
    const newest = Math.max(lastAnswered, ended.get(`${key}/${conversation}`) ?? 0);
    if (newest === 0) return [];
    const kept = await shortTerm.read(key, conversation);
    // One that was stopped while it waited has ended before its time.
    if (kept?.at(-1)?.turn === newest) return kept.filter(({ turn }) => turn < number);
    const exchanges = await store.exchanges(storeCall(ctx, oneSpace(ctx), clock.now()), conversation, number, KEPT_BYTES);
    await shortTerm.write(key, conversation, exchanges);
    return exchanges;
  }

  /** Stores what became of the turn and tells everybody. Never rejects. */
  async #conclude(
    turn: Turn,
    order: TurnOrder,
    ctx: OperationContext,
    { failure, recorded, reserved }: { failure: unknown; recorded: RecordedTurn | undefined; reserved: Reserved },
  ): Promise<void> {
    let outcome = outcomeOf(turn, failure);
    try {
      const ended = await this.#deps.records.end(turn, order, outcome, ctx);
      if (ended === undefined) outcome = { ...outcome, state: 'failed', error: lost() };
      if (turn.place === undefined) await this.#deps.records.spend(turn.inputTokens + turn.outputTokens, ctx);
      reserved.storage?.settle((recorded?.begun.addedBytes ?? 0) + (ended?.addedBytes ?? 0));
      if (ended !== undefined && recorded !== undefined && outcome.state !== 'failed') await this.#keepAtHand(turn, order, recorded.begun, ctx);
    } catch (error) {
      ctx.logger.error('the end of a turn could not be stored', { turn: turn.place?.uuid, requestId: ctx.requestId }, error);
      reserved.storage?.settle(recorded?.begun.addedBytes ?? 0);
      outcome = { ...outcome, state: 'failed', error: outcome.error ?? toPolymniaError(error) };
    }
    reserved.tokens.settle(turn.inputTokens + turn.outputTokens);
    reserved.all[Symbol.dispose]();
    tellAnswer(turn, outcome);
    turn.end(outcome);
  }

  /** Only onto what was up to date: whoever reads would else miss what lies between. */
  async #keepAtHand(
    { place, text, steps }: Turn,
    order: TurnOrder,
    { lastAnswered: before }: RecordedTurn['begun'],
    ctx: OperationContext,
  ): Promise<void> {
    if (place === undefined) return;
    const { shortTerm, lastAnswered } = this.#deps;
    const { key } = oneSpace(ctx);
    const at = `${key}/${place.conversation}`;
    const newest = Math.max(before, lastAnswered.get(at) ?? 0);
    lastAnswered.set(at, Math.max(newest, place.number));
    // A later one has ended before: only the store has them in order.
    if (place.number < newest) return shortTerm.drop(key, place.conversation);
    const kept = newest === 0 ? [] : ((await shortTerm.read(key, place.conversation)) ?? []);
    if ((kept.at(-1)?.turn ?? 0) !== newest) return;
    await shortTerm.write(key, place.conversation, [...kept, { turn: place.number, user: order.userText, assistant: text, steps }]);
  }
}

/** A stop is no failure: what was said until then is the answer. */
function outcomeOf(turn: Turn, failure: unknown): TurnOutcome {
  const error = failure === undefined ? undefined : toPolymniaError(failure);
  const { text, steps, model, recall, finishReason } = turn;
  const usage = { inputTokens: turn.inputTokens, outputTokens: turn.outputTokens, estimated: turn.isEstimated };
  return {
    state: error === undefined ? 'done' : error.code === 'cancelled' ? 'stopped' : 'failed',
    text,
    steps,
    usage,
    ...(model === undefined ? {} : { model }),
    ...(recall === undefined ? {} : { recall }),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(error === undefined ? {} : { error }),
  };
}

/** Of an answer that never began there is nothing to tell but its end. */
function tellAnswer(turn: Turn, { state, finishReason, usage }: TurnOutcome): void {
  if (state === 'failed' || turn.log.isEmpty) return;
  turn.log.add({ type: 'finish', reason: finishReason ?? 'stop' });
  if (usage !== undefined) turn.log.add({ type: 'usage', usage });
}

function cancelled(): PolymniaError {
  return new PolymniaError('cancelled', 'The reader of the answer has gone.');
}

function lost(): PolymniaError {
  return new PolymniaError('overloaded', 'interrupted: this server took too long to keep the turn as its own.', { retryAfterMs: 1000 });
}
