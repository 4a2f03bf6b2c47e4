import { z } from 'zod';
import { parseJson } from '../../kernel/parse-json.ts';
import type { FinishReason, ModelMessage } from '../../domains/conversation/model.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../../domains/conversation/ports.ts';
import { brokeOff, upstreamError } from './model-errors.ts';
import { type AnswerReader, type ModelHttpOptions, streamAnswer } from './model-http.ts';
import { ToolCallParts } from './tool-call-parts.ts';

export interface AnthropicOptions extends ModelHttpOptions {
  /** The provider's name of the model. */
  readonly model: string;
}

const API_VERSION = '2023-06-01';
/** The API asks for a limit; this one every model of theirs allows. */
const DEFAULT_MAX_TOKENS = 4096;

/** A model behind `POST {url}/v1/messages`. */
export function createAnthropicMessages(options: AnthropicOptions): LanguageModel {
  const { apiKey = '', name, model } = options;
  const headers = { 'anthropic-version': API_VERSION, ...(apiKey === '' ? {} : { 'x-api-key': apiKey }) };
  return {
    stream: (request, { signal }) =>
      streamAnswer(options, { path: '/v1/messages', headers, body: bodyOf(model, request) }, () => new AnthropicReader(name), signal),
  };
}

function bodyOf(model: string, request: ModelRequest): unknown {
  const { messages, temperature } = request;
  const { tools, toolChoice } = toolsOf(request);
  const system = messages.flatMap(({ role, content }) => (role === 'system' ? [content] : []));
  return {
    model,
    stream: true,
    max_tokens: request.maxTokens ?? DEFAULT_MAX_TOKENS,
    ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
    messages: messages.filter(({ role }) => role !== 'system').map((message) => wireMessage(message)),
    // Its scale ends at 1, that of the other API at 2.
    ...(temperature === undefined ? {} : { temperature: Math.min(1, temperature) }),
    top_p: request.topP,
    stop_sequences: request.stop,
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })),
          tool_choice: { type: toolChoice === 'required' ? 'any' : toolChoice },
        }),
  };
}

/**
 * A conversation with calls of tools in it is refused without their declarations. Where none are offered now, those that were
 * called are declared by name, and not to be called again.
 */
function toolsOf({ messages, tools = [], toolChoice = 'auto' }: ModelRequest): Required<Pick<ModelRequest, 'tools' | 'toolChoice'>> {
  if (tools.length > 0) return { tools, toolChoice };
  const called = new Set(messages.flatMap((message) => (message.role === 'assistant' ? (message.toolCalls ?? []).map(({ name }) => name) : [])));
  return { tools: [...called].map((name) => ({ name, parameters: { type: 'object' } })), toolChoice: 'none' };
}

function wireMessage(message: ModelMessage): unknown {
  if (message.role === 'tool') {
    return { role: 'user', content: [{ type: 'tool_result', tool_use_id: message.toolCallId, content: message.content }] };
  }
  if (message.role !== 'assistant' || message.toolCalls === undefined) return { role: message.role, content: message.content };
  const text = message.content === '' ? [] : [{ type: 'text', text: message.content }];
  const calls = message.toolCalls.map(({ id, name, arguments: json }) => ({ type: 'tool_use', id, name, input: parseJson(json) ?? {} }));
  return { role: 'assistant', content: [...text, ...calls] };
}

const count = z.int().min(0).nullish();
const event = z.object({
  type: z.string(),
  index: z.int().min(0).optional(),
  message: z.object({ usage: z.object({ input_tokens: count, output_tokens: count }).nullish() }).optional(),
  content_block: z.object({ type: z.string(), id: z.string().optional(), name: z.string().optional() }).optional(),
  delta: z
    .object({ text: z.string().optional(), partial_json: z.string().optional(), thinking: z.string().optional(), stop_reason: z.string().nullish() })
    .optional(),
  usage: z.object({ input_tokens: count, output_tokens: count }).nullish(),
});

const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
};

class AnthropicReader implements AnswerReader {
  isDone = false;
  tokens = 0;
  readonly #name: string;
  readonly #calls: ToolCallParts;
  #reason: FinishReason | undefined;
  #inputTokens: number | undefined;
  #outputTokens: number | undefined;

  constructor(name: string) {
    this.#name = name;
    this.#calls = new ToolCallParts(name);
  }

  read(data: string): readonly ModelEvent[] {
    const parsed = event.safeParse(parseJson(data));
    if (!parsed.success) throw upstreamError(this.#name, 'sent something that is no part of an answer');
    const { type, index = 0, content_block: block, delta, message, usage } = parsed.data;
    if (type === 'error') throw upstreamError(this.#name, 'reported an error inside its answer');
    this.#inputTokens = usage?.input_tokens ?? message?.usage?.input_tokens ?? this.#inputTokens;
    this.#outputTokens = usage?.output_tokens ?? message?.usage?.output_tokens ?? this.#outputTokens;
    if (type === 'content_block_delta' && (delta?.text ?? delta?.partial_json ?? delta?.thinking ?? '') !== '') this.tokens++;
    if (type === 'message_stop') this.isDone = true;
    if (block?.type === 'tool_use') this.#calls.add(index, { id: block.id ?? '', name: block.name ?? '' });
    if (delta?.partial_json !== undefined) this.#calls.add(index, { json: delta.partial_json });
    if (delta?.stop_reason != null) this.#reason = REASONS[delta.stop_reason] ?? 'stop';
    const text = delta?.text ?? '';
    return text === '' ? [] : [{ type: 'text', text }];
  }

  end(): readonly ModelEvent[] {
    if (!this.isDone || this.#reason === undefined) throw brokeOff(this.#name);
    const [inputTokens, outputTokens] = [this.#inputTokens, this.#outputTokens];
    const hasUsage = inputTokens !== undefined && outputTokens !== undefined;
    const usage = hasUsage ? [{ type: 'usage', usage: { inputTokens, outputTokens } } as const] : [];
    return [...this.#calls.take(), { type: 'finish', reason: this.#reason }, ...usage];
  }
}
