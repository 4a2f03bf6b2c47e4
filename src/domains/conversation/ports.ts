import type { SpaceKey } from '../../kernel/ids.ts';
import type { Exchange, FinishReason, ModelMessage, ModelTool, Passage, ToolCall, TokenUsage } from './model.ts';

/** What a model is asked. Absent settings are the provider's own defaults. */
export interface ModelRequest {
  /** In order; system messages may stand anywhere. */
  readonly messages: readonly ModelMessage[];
  /** What was recalled for the last user message. It stands in `messages` as well, for models that only read. */
  readonly passages: readonly Passage[];
  readonly maxTokens?: number;
  /** 0 to 2. */
  readonly temperature?: number;
  readonly topP?: number;
  readonly stop?: readonly string[];
  readonly tools?: readonly ModelTool[];
  readonly toolChoice?: 'auto' | 'none' | 'required';
}

/** One step of an answer. A tool call comes whole, its arguments being a JSON object as text. */
export type ModelEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_call'; readonly call: ToolCall }
  | { readonly type: 'usage'; readonly usage: TokenUsage }
  | { readonly type: 'finish'; readonly reason: FinishReason };

/** A language model somewhere. */
export interface LanguageModel {
  /**
   * Steps in order as they come; `finish` exactly once, last but for `usage`, which comes at most once. Nothing is asked before
   * the first `next()`; leaving the loop or aborting the signal ends the call at the provider. Rejects with
   * `overloaded` (it takes no more calls; `retryAfterMs` where it said so), `invalid_input` (it refused the request),
   * `upstream_failed` (anything else it did wrong), `timed_out` (the message names the limit), or the signal's error.
   */
  stream(request: ModelRequest, options: { readonly signal: AbortSignal }): AsyncIterable<ModelEvent>;
}

/**
 * The last exchanges of conversations, kept for an hour after they were written: a cache beside the store, which has them all
 * and is asked when this has nothing. Bounded: of a conversation that is too large the newest exchanges are kept.
 *
 * Nothing here rejects: what fails, or takes longer than 100 ms, counts as not there. Whoever reads compares the number of the last
 * exchange with the store's, so one that is out of date does no harm.
 */
export interface ShortTerm extends AsyncDisposable {
  /** Oldest first; undefined when nothing is kept. */
  read(space: SpaceKey, conversation: string): Promise<readonly Exchange[] | undefined>;
  /** In place of what was kept. Oldest first. */
  write(space: SpaceKey, conversation: string, exchanges: readonly Exchange[]): Promise<void>;
  /** Forgets one conversation, or with undefined all of the space. */
  drop(space: SpaceKey, conversation?: string): Promise<void>;
}
