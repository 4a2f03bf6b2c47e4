import { z } from 'zod';
import { shortList } from '../../../kernel/short-list.ts';
import { invalidField, parseBody } from '../parse-body.ts';

/** What of a request the answer's form depends on, and the operation's input. */
export interface OpenAiRequest {
  readonly input: Readonly<Record<string, unknown>>;
  readonly isStream: boolean;
  /** `stream_options.include_usage` */
  readonly wantsUsage: boolean;
}

/** Longer lists the operation would refuse too, but only after each item had been looked at. */
const MAX_MESSAGES = 1000;
const MAX_ITEMS = 128;

const part = z.object({ type: z.string(), text: z.string().optional() });
const toolCall = z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) });
const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool'], { error: 'must be system, developer, user, assistant or tool' }),
  content: z.union([z.string(), shortList(MAX_ITEMS, z.array(part))], { error: 'must be text or a list of parts' }).nullish(),
  tool_calls: shortList(MAX_ITEMS, z.array(toolCall)).nullish(),
  tool_call_id: z.string().nullish(),
});
const tool = z.object({
  type: z.literal('function'),
  function: z.object({ name: z.string(), description: z.string().nullish(), parameters: z.record(z.string(), z.unknown()).nullish() }),
});

/** The fields that count; all others are let pass and ignored, as clients expect. */
const body = z.object({
  model: z.string().nullish(),
  messages: shortList(MAX_MESSAGES, z.array(z.unknown()).min(1)),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.number().nullish(),
  max_completion_tokens: z.number().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  store: z.boolean().nullish(),
  n: z.literal(1, { error: 'must be 1: one answer a call' }).nullish(),
  stop: z.union([z.string(), shortList(MAX_ITEMS, z.array(z.string()))]).nullish(),
  tools: shortList(MAX_ITEMS, z.array(tool)).nullish(),
  tool_choice: z.union([z.enum(['auto', 'none', 'required']), z.object({ type: z.string() })]).nullish(),
});

type Body = z.output<typeof body>;

/** Reads the body of `POST /v1/chat/completions`; `conversation` is named beside it. Throws `invalid_input` naming the field. */
export function readOpenAiRequest(raw: Readonly<Record<string, unknown>>, conversation?: string): OpenAiRequest {
  const data = parseBody(body, raw);
  // One by one: the first that is wrong ends it, instead of an issue for each of them.
  const messages = data.messages.map((each, at) => messageOf(parseBody(message, each, `messages.${at}.`), at));
  const input = { ...inputOf(data, messages), ...(conversation === undefined ? {} : { conversation }) };
  return { input, isStream: data.stream === true, wantsUsage: data.stream_options?.include_usage === true };
}

function inputOf(data: Body, messages: readonly unknown[]): Readonly<Record<string, unknown>> {
  const { tools, tool_choice: choice, stop } = data;
  const fields = {
    model: data.model,
    messages,
    keep: data.store === false ? false : undefined,
    maxTokens: data.max_completion_tokens ?? data.max_tokens,
    temperature: data.temperature,
    topP: data.top_p,
    stop: typeof stop === 'string' ? [stop] : stop,
    tools: tools?.map(({ function: { name, description, parameters } }) => ({
      name,
      ...(description == null ? {} : { description }),
      parameters: parameters ?? { type: 'object', properties: {} },
    })),
    // One named function is asked for like any: not every model behind here can be told which.
    toolChoice: typeof choice === 'object' && choice !== null ? 'required' : choice,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}

function messageOf(given: z.output<typeof message>, at: number): unknown {
  const content = textOf(given.content, at);
  switch (given.role) {
    case 'developer':
      return { role: 'system', content };
    case 'system':
    case 'user':
      return { role: given.role, content };
    case 'tool':
      return { role: 'tool', content, toolCallId: given.tool_call_id ?? '' };
    case 'assistant': {
      const calls = given.tool_calls?.map(({ id, function: { name, arguments: json } }) => ({ id, name, arguments: json })) ?? [];
      return { role: 'assistant', content, ...(calls.length === 0 ? {} : { toolCalls: calls }) };
    }
  }
}

function textOf(content: z.output<typeof message>['content'], at: number): string {
  if (typeof content === 'string') return content;
  return (content ?? [])
    .map(({ type, text }, index) => {
      if (type === 'text' && text !== undefined) return text;
      throw invalidField(`messages.${at}.content.${index}`, 'is no text; only text is taken');
    })
    .join('');
}
