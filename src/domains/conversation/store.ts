import type { ErrorCode } from '../../kernel/errors.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import type { NewMemory, StoreCall, WriteCall } from '../memory/index.ts';
import type { Exchange, FinishReason, ToolStep, TurnState } from './model.ts';

export type { StoreCall, WriteCall };

/**
 * The conversation storage port. Every method is one whole transaction on one space.
 *
 * Visibility: what a method acknowledged is seen by every later call. A conversation with `expiresAt <= now` is seen by no
 * method but `sweep`.
 * Durability: a write resolves after its commit is on disk.
 * Absent: a space without a file reads as empty; reading makes no file.
 * Errors: `storage_unavailable`, `not_found` for a conversation that is not there, the signal's reason when aborted before commit.
 */
export interface ConversationStore {
  /** Finds or makes the conversation and stores the user's message as its next turn, `queued`. */
  beginTurn(call: WriteCall, turn: NewTurn): Promise<BegunTurn>;
  /** Keeps the text so far and the lease; waits behind calls that somebody waits for. False: the turn is no longer this owner's to write, or has ended. */
  saveTurn(call: WriteCall, save: TurnSave): Promise<boolean>;
  /** Ends the turn, with what is to be remembered of it, in one transaction. Undefined: it was not this owner's any more, and nothing was written. */
  endTurn(call: WriteCall, end: TurnEnd): Promise<{ readonly addedBytes: number } | undefined>;
  /** The turn; undefined when absent. */
  turn(call: StoreCall, uuid: string): Promise<StoredTurn | undefined>;
  /** The conversation; undefined when absent. */
  conversation(call: StoreCall, uuid: string): Promise<StoredConversation | undefined>;
  /** The author's conversation of that client key; undefined when absent. */
  conversationOf(call: StoreCall, author: string, clientKey: string): Promise<StoredConversation | undefined>;
  /** Latest first by `(lastAt, uuid)`. */
  conversations(call: StoreCall, page: ConversationPage): Promise<readonly StoredConversation[]>;
  /** Turns of a conversation after a number, in order; fewer than `limit` when they are long. */
  turns(call: StoreCall, conversation: string, page: { readonly after: number; readonly limit: number }): Promise<readonly StoredTurn[]>;
  /** The newest finished exchanges before a turn's number, up to `maxBytes` of text together, oldest first. */
  exchanges(call: StoreCall, conversation: string, before: number, maxBytes: number): Promise<readonly Exchange[]>;
  /** Deletes the conversation, its turns, and the memories of its thread, one slice; call again until `done`. */
  removeConversation(call: WriteCall, uuid: string, thread: string): Promise<RemovedSlice | undefined>;
  /**
   * Says anew until when conversations are kept, with the memories of their threads: so long after the last message of each. Temporary
   * ones stay as they are, what has expired stays expired. One slice, with rows that are right already left alone; call again, `after`
   * being the `next` of the slice before, until `done`.
   */
  keepConversations(call: WriteCall, keep: KeptFor): Promise<KeptSlice>;
  /** Tokens the author has spent on a day, counted in days since 1970. */
  tokensSpent(call: StoreCall, author: string, day: number): Promise<number>;
  /** Adds to them, for answers that are no turns. */
  spendTokens(call: WriteCall, spent: TokensSpent): Promise<void>;
  /**
   * Ends as `failed: interrupted` the turns whose lease has passed, and with `owner` all those of other owners; removes a slice of the
   * conversations that have expired. `nextAt`: when there will be more of either.
   */
  sweep(call: WriteCall, sweep: { readonly owner?: string; readonly limit: number }): Promise<SweptTurns>;
}

/** Which conversation a new turn belongs to; one that is named by key or history is made when there is none. */
export type ConversationRef =
  | { readonly kind: 'id'; readonly uuid: string }
  | { readonly kind: 'key'; readonly key: string }
  /** One that has gone exactly so, by `historyHash`. */
  | { readonly kind: 'history'; readonly hash: string }
  | { readonly kind: 'new' };

export interface NewTurn {
  readonly uuid: string;
  readonly ref: ConversationRef;
  /** For the case that it has to be made. */
  readonly made: { readonly uuid: string; readonly title: string; readonly isTemporary: boolean; readonly expiresAt?: number };
  readonly author: string;
  /** Who may write the turn: one run of one server. */
  readonly owner: string;
  readonly leaseUntil: number;
  readonly userText: string;
  /** UTC ms until which the conversation is kept from now on, and what is remembered of it, unless it is a temporary one. */
  readonly keepUntil?: number;
  /** For the name of its thread of memories. */
  readonly space: SpaceKey;
}

export interface BegunTurn {
  readonly uuid: string;
  readonly number: number;
  readonly conversation: string;
  readonly isTemporary: boolean;
  /** Number of the last turn before it that has ended with an answer; 0 = none. */
  readonly lastAnswered: number;
  readonly addedBytes: number;
}

export interface TurnSave {
  readonly uuid: string;
  readonly owner: string;
  readonly leaseUntil: number;
  readonly answer: string;
}

/** What became of a turn, as it is told and as it is kept. */
interface TurnResult {
  readonly answer: string;
  readonly steps: readonly ToolStep[];
  readonly model?: string;
  readonly finishReason?: FinishReason;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  readonly recalled: readonly string[];
  readonly tokens: { readonly input: number; readonly output: number };
  readonly startedAt?: number;
}

export interface TurnEnd extends TurnResult {
  readonly uuid: string;
  readonly owner: string;
  readonly state: Extract<TurnState, 'done' | 'stopped' | 'failed'>;
  readonly day: number;
  /** How the conversation has gone now, for clients that send it whole. */
  readonly history?: string;
  /** The exchange, in the conversation's thread; it goes when the conversation does. */
  readonly memories: readonly NewMemory[];
  readonly embedModel?: string;
}

export interface StoredTurn extends TurnResult {
  readonly uuid: string;
  readonly conversation: string;
  readonly number: number;
  readonly state: TurnState;
  readonly userText: string;
  readonly createdAt: number;
  readonly endedAt?: number;
}

export interface StoredConversation {
  readonly uuid: string;
  readonly clientKey?: string;
  readonly title: string;
  readonly createdAt: number;
  readonly lastAt: number;
  readonly expiresAt?: number;
  /** Number of its last turn. */
  readonly turns: number;
}

export interface ConversationPage {
  readonly limit: number;
  readonly after?: { readonly lastAt: number; readonly uuid: string };
}

export interface RemovedSlice {
  readonly done: boolean;
  readonly turns: number;
  readonly memories: number;
  readonly freedBytes: number;
}

export interface KeptFor {
  /** Milliseconds after its last message; absent = for ever. */
  readonly keepMs?: number;
  readonly after?: string;
}

export interface KeptSlice {
  readonly done: boolean;
  /** Absent: from the beginning. */
  readonly next?: string;
}

export interface TokensSpent {
  readonly author: string;
  readonly day: number;
  readonly tokens: number;
}

export interface SweptTurns {
  readonly interrupted: number;
  readonly removed: number;
  readonly freedBytes: number;
  readonly nextAt?: number;
}
