import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { OperationContext } from '../../kernel/operation.ts';
import type { MemoryService } from '../memory/index.ts';
import type { CompleteChatInput } from './inputs.ts';
import { CHAT_LIMITS } from './limits.ts';
import type { FinishReason, ModelMessage, ToolCall } from './model.ts';
import type { ModelBook, ModelListing } from './models/model-book.ts';
import type { SettledUsage } from './models/shared-model.ts';
import type { CompleteChatOutput } from './outputs.ts';
import type { ModelRequest } from './ports.ts';
import { withPassages } from './prompt.ts';
import { type Recall, recallFor } from './recall.ts';

/** One step of an answer: `start` first, then texts and tool calls, `finish`, and `usage` last. */
export type ChatEvent =
  | { readonly type: 'start'; readonly model: string; readonly recall: CompleteChatOutput['recall'] }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_call'; readonly call: ToolCall }
  | { readonly type: 'finish'; readonly reason: FinishReason }
  | { readonly type: 'usage'; readonly usage: SettledUsage };

export interface ConversationDeps {
  readonly models: ModelBook;
  /** The memory domain's door. */
  readonly memory: Pick<MemoryService, 'retrieve'>;
  readonly clock: Clock;
}

/** The use cases of conversation. Callers were admitted; nothing of a call is kept. */
export class ConversationService {
  readonly #deps: ConversationDeps;

  constructor(deps: ConversationDeps) {
    this.#deps = deps;
  }

  /** The models there are, the default one first. */
  models(): readonly ModelListing[] {
    return this.#deps.models.list();
  }

  /** The answer as it comes. Nothing is yielded before the model's first step, so that a model that refuses does so before the answer has begun. */
  async *stream(input: CompleteChatInput, ctx: OperationContext): AsyncGenerator<ChatEvent> {
    refuseLong(input);
    const model = this.#deps.models.find(input.model);
    const messages = messagesOf(input);
    const recall = await recallFor(this.#deps, messages, ctx);
    const start = {
      type: 'start',
      model: model.name,
      recall: { state: recall.state, memories: recall.passages.map(({ source }) => source) },
    } as const;
    let hasBegun = false;
    for await (const event of model.stream(requestOf(input, messages, recall), ctx)) {
      if (!hasBegun) yield start;
      hasBegun = true;
      yield event;
    }
  }

  /** The whole answer at once. */
  async complete(input: CompleteChatInput, ctx: OperationContext): Promise<CompleteChatOutput> {
    const events = await Array.fromAsync(this.stream(input, ctx));
    const find = <Type extends ChatEvent['type']>(type: Type) => events.find((event): event is ChatEvent & { type: Type } => event.type === type);
    const [start, finish, usage] = [find('start'), find('finish'), find('usage')];
    if (start === undefined || finish === undefined || usage === undefined) throw new PolymniaError('internal', 'An answer ended without its end.');
    return {
      model: start.model,
      text: events.map((event) => (event.type === 'text' ? event.text : '')).join(''),
      toolCalls: events.flatMap((event) => (event.type === 'tool_call' ? [event.call] : [])),
      finishReason: finish.reason,
      usage: { ...usage.usage },
      recall: start.recall,
    };
  }
}

function messagesOf({ messages }: CompleteChatInput): readonly ModelMessage[] {
  return messages.map((message): ModelMessage => {
    if (message.role !== 'assistant') return message;
    const { toolCalls, ...rest } = message;
    return toolCalls === undefined ? rest : { ...rest, toolCalls };
  });
}

function requestOf(input: CompleteChatInput, messages: readonly ModelMessage[], { passages }: Recall): ModelRequest {
  const { maxTokens, temperature, topP, stop, tools, toolChoice } = input;
  return {
    messages: withPassages(messages, passages),
    passages,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stop === undefined ? {} : { stop }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({ name, parameters, ...(description === undefined ? {} : { description }) })),
        }),
  };
}

function refuseLong({ messages, tools = [] }: CompleteChatInput): void {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0) + JSON.stringify(tools).length;
  if (characters <= CHAT_LIMITS.characters) return;
  throw new PolymniaError('too_large', `The conversation has ${characters} characters; at most ${CHAT_LIMITS.characters} are taken.`, {
    details: { limit: 'characters', limitCharacters: CHAT_LIMITS.characters },
  });
}
