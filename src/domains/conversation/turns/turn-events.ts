import type { FinishReason, ToolCall, TurnState } from '../model.ts';
import type { SettledUsage } from '../models/shared-model.ts';
import type { RecallReport } from '../recall.ts';

/** One step of an answer: `start` first, then texts and calls of tools, `finish`, `usage`, and `end` last, which alone is sure to come. */
export type ChatEvent =
  /** Where a turn that is kept is found; before everything else. */
  | { readonly type: 'turn'; readonly turn: string; readonly conversation: string }
  | { readonly type: 'start'; readonly model: string; readonly recall: RecallReport }
  | { readonly type: 'text'; readonly text: string }
  /** The client's own function is to be run, by the client. */
  | { readonly type: 'tool_call'; readonly call: ToolCall }
  /** An operation of this server was run for the model. */
  | { readonly type: 'tool_used'; readonly name: string; readonly isError: boolean }
  | { readonly type: 'finish'; readonly reason: FinishReason }
  | { readonly type: 'usage'; readonly usage: SettledUsage }
  | { readonly type: 'end'; readonly state: TurnState; readonly error?: { readonly code: string; readonly message: string } };

/** With the position after it, in characters of the answer, which a reader names to resume. */
export type NumberedEvent = ChatEvent & { readonly seq: number };
