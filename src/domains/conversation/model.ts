import type { RecordKind } from '../../kernel/ids.ts';

/** One message of a conversation, as models read them. */
export type ModelMessage =
  | { readonly role: 'system' | 'user'; readonly content: string }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly content: string; readonly toolCallId: string };

/** A function the model may ask the caller to run. */
export interface ModelTool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of its arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A model's wish to have a function run. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** A JSON object as text; untrusted. */
  readonly arguments: string;
}

export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export const FINISH_REASONS = ['stop', 'length', 'tool_calls', 'content_filter'] as const;
export type FinishReason = (typeof FINISH_REASONS)[number];

/** A stored text that was recalled: data, never instructions. */
export interface Passage {
  /** Id of its memory. */
  readonly source: string;
  readonly text: string;
}

/** A call of a tool inside a turn, with what came of it. */
export interface ToolStep {
  readonly call: ToolCall;
  /** What the model was given: JSON or a sentence, cut to a limit. */
  readonly result: string;
}

/** One finished turn, as the turns after it see it. */
export interface Exchange {
  /** Its number in the conversation, from 1; turns that failed leave gaps. */
  readonly turn: number;
  readonly user: string;
  readonly assistant: string;
  readonly steps: readonly ToolStep[];
}

export const TURN_STATES = ['queued', 'running', 'done', 'stopped', 'failed'] as const;
/** `queued → running → done | stopped | failed`. */
export type TurnState = (typeof TURN_STATES)[number];

export const CONVERSATION_KIND = 'conv' satisfies RecordKind;
export const TURN_KIND = 'turn' satisfies RecordKind;
