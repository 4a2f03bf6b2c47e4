import type { ChatEvent, CompleteChatOutput } from '../../../domains/conversation/index.ts';

/** What all parts of one answer have in common. */
export interface AnswerHead {
  /** `chatcmpl-…` */
  readonly id: string;
  /** UTC seconds. */
  readonly created: number;
}

/** A whole answer in the form of a `chat.completion`. */
export function completionOf(output: CompleteChatOutput, { id, created }: AnswerHead): unknown {
  const { model, text, toolCalls, finishReason, usage, recall, conversation } = output;
  const calls = toolCalls.map((call) => wireCall(call));
  const message = { role: 'assistant', content: text === '' && calls.length > 0 ? null : text, refusal: null };
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [{ index: 0, message: calls.length === 0 ? message : { ...message, tool_calls: calls }, logprobs: null, finish_reason: finishReason }],
    usage: wireUsage(usage),
    polymnia: { recall, conversation },
  };
}

/** Turns the steps of one answer into its `chat.completion.chunk`s. */
export class CompletionChunks {
  readonly #head: AnswerHead;
  readonly #wantsUsage: boolean;
  #model = '';
  #conversation: string | undefined;
  #calls = 0;

  constructor(head: AnswerHead, wantsUsage: boolean) {
    this.#head = head;
    this.#wantsUsage = wantsUsage;
  }

  /** The chunk for one step; undefined when the step has none. */
  of(event: ChatEvent): unknown {
    switch (event.type) {
      case 'turn':
        this.#conversation = event.conversation;
        return undefined;
      case 'start':
        this.#model = event.model;
        return { ...this.#chunk({ role: 'assistant', content: '' }), polymnia: { recall: event.recall, conversation: this.#conversation } };
      case 'text':
        return this.#chunk({ content: event.text });
      case 'tool_call':
        return this.#chunk({ tool_calls: [{ index: this.#calls++, ...wireCall(event.call) }] });
      case 'finish':
        return this.#chunk({}, event.reason);
      case 'usage':
        return this.#wantsUsage ? { ...this.#frame(), choices: [], usage: wireUsage(event.usage) } : undefined;
      case 'tool_used':
      case 'end':
        return undefined;
    }
  }

  #frame(): object {
    return { ...this.#head, object: 'chat.completion.chunk', model: this.#model };
  }

  #chunk(delta: object, finishReason: string | null = null): object {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
    return { ...this.#frame(), choices, ...(this.#wantsUsage ? { usage: null } : {}) };
  }
}

function wireCall({ id, name, arguments: json }: CompleteChatOutput['toolCalls'][number]): object {
  return { id, type: 'function', function: { name, arguments: json } };
}

function wireUsage({ inputTokens, outputTokens }: CompleteChatOutput['usage']): object {
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
}
