import type { Settings } from '../config/options.ts';
import { ConversationService, extractiveModel, type LanguageModel, ModelBook, OFFLINE_MODEL, SharedModel } from '../domains/conversation/index.ts';
import type { MemoryService } from '../domains/memory/index.ts';
import { createAnthropicMessages } from '../providers/models/anthropic-messages.ts';
import type { ModelHttpOptions } from '../providers/models/model-http.ts';
import { createOpenAiChat, type OpenAiChatOptions } from '../providers/models/openai-chat.ts';
import { type CommonParts, random } from './common-parts.ts';

interface ConversationParts extends CommonParts {
  readonly memory: MemoryService;
}

/** The conversation service with the models the options name. */
export function openConversation({ settings, clock, parts, memory }: ConversationParts): ConversationService {
  const share = ([name, model]: NamedModel): SharedModel =>
    new SharedModel({ name, model, capacity: settings.CHAT_MODEL_CONCURRENCY, clock, random });
  const [first = OFFLINE, ...more] = configuredModels({ settings, clock });
  const models = parts.own('chat models', new ModelBook([share(first), ...more.map(share)]));
  return new ConversationService({ models, memory, clock });
}

type NamedModel = readonly [name: string, model: LanguageModel];

const OFFLINE: NamedModel = [OFFLINE_MODEL, extractiveModel];

/** In the order of preference: a server of one's own, then OpenAI, then Anthropic. */
function configuredModels({ settings, clock }: Pick<CommonParts, 'settings' | 'clock'>): readonly NamedModel[] {
  const limits = {
    firstTokenMs: settings.CHAT_FIRST_TOKEN_TIMEOUT,
    nextTokenMs: settings.CHAT_TOKEN_TIMEOUT,
    totalMs: settings.CHAT_OP_TIMEOUT,
  };
  const at = (name: string, url: string, apiKey: string): ModelHttpOptions => ({ name: `The model ${name}`, url, apiKey, limits, clock, random });
  const openAi =
    (url: string, apiKey: string, maxTokensField: OpenAiChatOptions['maxTokensField']) =>
    (name: string): NamedModel => [name, createOpenAiChat({ ...at(name, url, apiKey), model: name, maxTokensField })];
  const anthropic = (name: string): NamedModel => [
    name,
    createAnthropicMessages({ ...at(name, settings.ANTHROPIC_BASE_URL, settings.ANTHROPIC_API_KEY), model: name }),
  ];
  return [
    ...(settings.CHAT_MODEL_URL === '' ? [] : settings.CHAT_MODEL.map(openAi(settings.CHAT_MODEL_URL, settings.CHAT_MODEL_API_KEY, 'max_tokens'))),
    ...openAiModels(settings).map(openAi(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, 'max_completion_tokens')),
    ...(settings.ANTHROPIC_API_KEY === '' ? [] : settings.ANTHROPIC_MODELS.map(anthropic)),
  ];
}

function openAiModels(settings: Settings): readonly string[] {
  return settings.OPENAI_API_KEY === '' ? [] : settings.OPENAI_MODELS;
}
