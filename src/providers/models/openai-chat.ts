import { z } from 'zod';
import { parseJson } from '../../kernel/parse-json.ts';
import type { FinishReason, ModelMessage } from '../../domains/conversation/model.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../../domains/conversation/ports.ts';
import { brokeOff, upstreamError } from './model-errors.ts';
import { type AnswerReader, type ModelHttpOptions, streamAnswer } from './model-http.ts';
import { ToolCallParts } from './tool-call-parts.ts';

export interface OpenAiChatOptions extends ModelHttpOptions {
  /** The provider's name of the model. */
  readonly model: string;
  /** How it wants to be told the longest answer: OpenAI's own newer models refuse `max_tokens`, and older servers know nothing else. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
}

/** A model behind `POST {url}/chat/completions`, as OpenAI, Ollama, LM Studio, vLLM, llama.cpp and OpenRouter serve it. */
export function createOpenAiChat(options: OpenAiChatOptions): LanguageModel {
  const { apiKey = '', name } = options;
  const headers: Readonly<Record<string, string>> = apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` };
  return {
    stream: (request, { signal }) =>
      streamAnswer(options, { path: '/chat/completions', headers, body: bodyOf(options, request) }, () => new OpenAiReader(name), signal),
  };
}

function bodyOf({ model, maxTokensField }: OpenAiChatOptions, request: ModelRequest): unknown {
  const { tools = [] } = request;
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: request.messages.map((message) => wireMessage(message)),
    [maxTokensField]: request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    stop: request.stop,
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => ({ type: 'function', function: tool })), tool_choice: request.toolChoice }),
  };
}

function wireMessage(message: ModelMessage): unknown {
  if (message.role === 'tool') return { role: 'tool', content: message.content, tool_call_id: message.toolCallId };
  if (message.role !== 'assistant' || message.toolCalls === undefined) return { role: message.role, content: message.content };
  const calls = message.toolCalls.map(({ id, name, arguments: json }) => ({ id, type: 'function', function: { name, arguments: json } }));
  return { role: 'assistant', content: message.content, tool_calls: calls };
}

const count = z.int().min(0);
const toolPart = z.object({
  index: z.int().min(0).optional(),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});
const chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z
          .object({ content: z.string().nullish(), reasoning_content: z.string().nullish(), tool_calls: z.array(toolPart).nullish() })
          .nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish(),
  error: z.unknown().optional(),
});

const REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

class OpenAiReader implements AnswerReader {
  isDone = false;
  tokens = 0;
  readonly #name: string;
  readonly #calls: ToolCallParts;
  #reason: FinishReason | undefined;
  #usage: ModelEvent | undefined;

  constructor(name: string) {
    this.#name = name;
    this.#calls = new ToolCallParts(name);
  }

  read(data: string): readonly ModelEvent[] {
    if (data === '[DONE]') {
      this.isDone = true;
      return [];
    }
    const parsed = chunk.safeParse(parseJson(data));
    if (!parsed.success) throw upstreamError(this.#name, 'sent something that is no part of an answer');
    const { choices, usage, error } = parsed.data;
    if (error != null) throw upstreamError(this.#name, 'reported an error inside its answer');
    if (usage != null) this.#usage = { type: 'usage', usage: { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens } };
    const [choice] = choices ?? [];
    const { content, reasoning_content: reasoning, tool_calls: parts } = choice?.delta ?? {};
    const text = content ?? '';
    for (const [at, part] of (parts ?? []).entries()) this.#addCall(part.index ?? at, part);
    this.tokens += Number(text !== '') + Number((reasoning ?? '') !== '') + (parts?.length ?? 0);
    if (choice?.finish_reason != null) this.#reason = REASONS[choice.finish_reason] ?? 'stop';
    return text === '' ? [] : [{ type: 'text', text }];
  }

  /** The end is told by `[DONE]`, which some servers leave out, or by a reason, which others do. */
  end(): readonly ModelEvent[] {
    if (!this.isDone && this.#reason === undefined) throw brokeOff(this.#name);
    const calls = this.#calls.take();
    const reason = calls.length > 0 ? 'tool_calls' : (this.#reason ?? 'stop');
    return [...calls, { type: 'finish', reason }, ...(this.#usage === undefined ? [] : [this.#usage])];
  }

  #addCall(index: number, { id, function: called }: z.output<typeof toolPart>): void {
    this.#calls.add(index, { id: id ?? '', name: called?.name ?? '', json: called?.arguments ?? '' });
  }
}
