import { startDeadline } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { type PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { Ids } from '../../../kernel/ids.ts';
import type { OperationContext, Reservation } from '../../../kernel/operation.ts';
import { type ComingWork, MEMORY_LIMITS, type NewMemory, oneSpace, sourceOf, storeCall, type WorkMarks, writeOnceCall } from '../../memory/index.ts';
import { exchangeText, historyHash } from '../history.ts';
import { CHAT_LIMITS, TURN_TIMES } from '../limits.ts';
import type { ModelMessage } from '../model.ts';
import { OFFLINE_MODEL } from '../models/extractive-model.ts';
import { conversationId } from '../outputs.ts';
import type { Retention } from '../retention.ts';
import type { BegunTurn, ConversationStore, StoreCall, TurnEnd } from '../store.ts';
import { dayOf } from './token-budget.ts';
import type { TurnOrder } from './turn-order.ts';
import type { Turn, TurnOutcome } from './turn.ts';

export interface TurnRecordsDeps {
  readonly store: ConversationStore;
  readonly marks: WorkMarks;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retention: Pick<Retention, 'write'>;
  /** Model of the configured embedder, if any. */
  readonly embedModel?: string;
}

/** A turn whose message is on disk. */
export interface RecordedTurn {
  readonly begun: BegunTurn;
  /** An idempotency key found a turn of an earlier call. */
  readonly isReplay: boolean;
}

/** What an answer may add to the space beside the message; settled with what it really added. */
const ANSWER_RESERVE_BYTES = 16 * 1024;
/** Times a text is stored: in its turn and as a memory. */
const COPIES = 2;
const MEMORY_TYPE = 'conversation';

/** Turns on disk: their beginning, their text while they run, and their end with what is remembered of them. */
export class TurnRecords {
  /** Who writes the turns of this run of the server. */
  readonly owner: string;
  readonly #deps: TurnRecordsDeps;

  constructor(deps: TurnRecordsDeps) {
    this.#deps = deps;
    this.owner = deps.ids.handle('run');
  }

  /** Puts aside the bytes of the exchange; rejects with `quota_exceeded`. */
  reserve(order: TurnOrder, ctx: OperationContext): Promise<Reservation> {
    return ctx.quota.reserve(oneSpace(ctx), Buffer.byteLength(order.userText) * COPIES + ANSWER_RESERVE_BYTES);
  }

  /** Stores the user's message. `queueMs`: how long the turn may wait for its time. */
  begin(order: TurnOrder, keep: NonNullable<TurnOrder['keep']>, ctx: OperationContext, queueMs: number): Promise<RecordedTurn> {
    return this.#deps.retention.write(oneSpace(ctx).key, (keepMs) => this.#begin(order, keep, ctx, { queueMs, keepMs }), ctx.signal);
  }

  async #begin(
    order: TurnOrder,
    keep: NonNullable<TurnOrder['keep']>,
    ctx: OperationContext,
    { queueMs, keepMs }: { readonly queueMs: number; readonly keepMs: number | undefined },
  ): Promise<RecordedTurn> {
    const { store, marks, clock, ids } = this.#deps;
    const space = oneSpace(ctx);
    const now = clock.now();
    const uuid = ids.uuid();
    const leaseUntil = now + queueMs + TURN_TIMES.leaseMs;
    const isTemporary = keep.temporaryMs !== undefined;
    const keepUntil = keepMs === undefined ? undefined : now + keepMs;
    const expiresAt = isTemporary ? now + keep.temporaryMs : keepUntil;
    const made = { uuid: ids.uuid(), title: titleOf(order.userText), isTemporary, ...(expiresAt === undefined ? {} : { expiresAt }) };
    const dueAt = Math.min(leaseUntil, expiresAt ?? Infinity);
    using _hold = await marks.hold(space.key, [{ kind: 'turns', dueAt }]);
    const call = writeOnceCall(ctx, space, now, order.operation, order.input);
    const turn = {
      uuid,
      ref: keep.ref,
      made,
      author: ctx.caller.userId,
      owner: this.owner,
      leaseUntil,
      space: space.key,
      userText: order.userText,
      ...(keepUntil === undefined ? {} : { keepUntil }),
    };
    const begun = await store.beginTurn(call, turn);
    return { begun, isReplay: begun.uuid !== uuid };
  }

  /** Saves the text and renews the lease now and then until disposed. A turn that is no longer this server's is ended by `onLost`. */
  keepSaving(turn: Turn, uuid: string, ctx: OperationContext, onLost: () => void): AsyncDisposable {
    const { clock } = this.#deps;
    let saved = '';
    let savedAt = clock.monotonic();
    let pauseMs: number = TURN_TIMES.saveMs;
    let saving = Promise.resolve();
    const over = new AbortController();
    const save = async (): Promise<void> => {
      const answer = turn.text;
      const startedAt = clock.monotonic();
      const leaseUntil = clock.now() + TURN_TIMES.leaseMs;
      const write = (call: StoreCall): Promise<boolean> => this.#deps.store.saveTurn(call, { uuid, owner: this.owner, answer, leaseUntil });
      const kept = await this.#write(ctx, TURN_TIMES.leaseMs, write, over.signal);
      if (!kept) return onLost();
      saved = answer;
      savedAt = clock.monotonic();
      pauseMs = Math.min(TURN_TIMES.maxSaveMs, Math.max(TURN_TIMES.saveMs, (savedAt - startedAt) * TURN_TIMES.saveRest));
    };
    const look = (): void => {
      cancel = clock.after(pauseMs, look);
      const isOld = clock.monotonic() - savedAt >= TURN_TIMES.leaseMs / 2;
      if (turn.text === saved && !isOld) return;
      saving = saving.then(save).catch((error: unknown) => {
        if (!over.signal.aborted) ctx.logger.warn('the text of a turn could not be saved', { turn: uuid }, error);
      });
    };
    let cancel = clock.after(pauseMs, look);
    return {
      [Symbol.asyncDispose]: async () => {
        cancel();
        // The end, which holds the whole text, waits for no save of a part of it.
        over.abort();
        await saving;
      },
    };
  }

  /** Stores the end and what is remembered. False: the turn was no longer this server's. */
  async end(turn: Turn, order: TurnOrder, outcome: TurnOutcome, ctx: OperationContext): Promise<{ readonly addedBytes: number } | undefined> {
    const { place } = turn;
    if (place === undefined) return { addedBytes: 0 };
    const { store, marks, clock, retention, embedModel } = this.#deps;
    const space = oneSpace(ctx);
    const now = clock.now();
    const memories = place.isTemporary ? [] : this.#memories(turn, order, outcome, ctx, now);
    const end = endOf(turn, order, outcome, { owner: this.owner, now, uuid: place.uuid });
    return retention.write(space.key, async (keepMs) => {
      using _hold = await marks.hold(space.key, memories.length === 0 ? [] : this.#workLeft(now, keepMs));
      return await this.#write(ctx, TURN_TIMES.endMs, (call) =>
        store.endTurn(call, { ...end, memories, ...(embedModel === undefined ? {} : { embedModel }) }),
      );
    });
  }

  /** What new memories leave to do. */
  #workLeft(now: number, keepMs: number | undefined): readonly ComingWork[] {
    return [
      ...(this.#deps.embedModel === undefined ? [] : [{ kind: 'vectors', dueAt: now } as const]),
      ...(keepMs === undefined ? [] : [{ kind: 'expire', dueAt: now + keepMs } as const]),
    ];
  }

  /** Counts tokens of an answer that is no turn. */
  spend(tokens: number, ctx: OperationContext): Promise<void> {
    const spent = { author: ctx.caller.userId, day: dayOf(this.#deps.clock.now()), tokens };
    return tokens === 0 ? Promise.resolve() : this.#write(ctx, TURN_TIMES.endMs, (call) => this.#deps.store.spendTokens(call, spent));
  }

  /** A write that ends with its own time, not with the turn. */
  async #write<T>(ctx: OperationContext, ms: number, write: (call: StoreCall) => Promise<T>, signal?: AbortSignal): Promise<T> {
    using limit = startDeadline(this.#deps.clock, ms, 'the time for storing an answer', signal);
    const frame = { caller: ctx.caller, signal: limit.signal, deadlineAt: limit.at, meter: { add: () => {} } };
    return await write(storeCall(frame, oneSpace(ctx), this.#deps.clock.now()));
  }

  /** The exchange as a memory of the conversation's thread: the question alone of an answer that failed. */
  #memories(turn: Turn, order: TurnOrder, outcome: TurnOutcome, ctx: OperationContext, now: number): readonly NewMemory[] {
    // Quotes of memories are no news; remembered, they would be what is quoted next.
    const isNews = outcome.state !== 'failed' && outcome.model !== OFFLINE_MODEL;
    const text = exchangeText(order.userText, isNews ? outcome.text : '');
    if (turn.place === undefined || text === undefined) return [];
    return [
      {
        uuid: this.#deps.ids.uuid(),
        content: cutToBytes(text, MEMORY_LIMITS.contentBytes),
        type: MEMORY_TYPE,
        tags: [],
        metadata: {},
        thread: conversationId(oneSpace(ctx), turn.place.conversation),
        place: turn.place.number,
        source: sourceOf(ctx.origin.client),
        author: ctx.caller.userId,
        occurredAt: now,
        createdAt: now,
        updatedAt: now,
      },
    ];
  }
}

function endOf(
  turn: Turn,
  order: TurnOrder,
  outcome: TurnOutcome,
  { owner, now, uuid }: { readonly owner: string; readonly now: number; readonly uuid: string },
): Omit<TurnEnd, 'memories'> {
  const { state, text, steps, model, finishReason, recall, error } = outcome;
  const history = outcome.state === 'failed' ? undefined : historyAfter(order, text);
  return {
    uuid,
    owner,
    state,
    answer: text,
    steps,
    ...(model === undefined ? {} : { model }),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(state !== 'failed' || error === undefined ? {} : { error: told(error) }),
    recalled: recall?.memories ?? [],
    tokens: { input: turn.inputTokens, output: turn.outputTokens },
    day: dayOf(now),
    ...(turn.startedAt === undefined ? {} : { startedAt: turn.startedAt }),
    ...(history === undefined ? {} : { history }),
  };
}

/** How the conversation has gone now, as a client that tells it whole will tell it next time. */
function historyAfter({ told: messages }: TurnOrder, answer: string): string | undefined {
  return messages === undefined ? undefined : historyHash([...messages, { role: 'assistant', content: answer } satisfies ModelMessage]);
}

function told(error: PolymniaError): { readonly code: PolymniaError['code']; readonly message: string } {
  const { code, message } = toPolymniaError(error);
  return { code, message };
}

function titleOf(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length <= CHAT_LIMITS.titleLength ? line : `${line.slice(0, CHAT_LIMITS.titleLength - 1).toWellFormed()}…`;
}

/** Cut at a character's edge. */
function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return Buffer.from(text).subarray(0, bytes).toString('utf8').replace(/�+$/, '');
}
