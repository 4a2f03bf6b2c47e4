import type { Settings } from '../config/options.ts';
import type { AdmissionGate } from '../domains/admission/index.ts';
import {
  ConversationService,
  extractiveModel,
  type LanguageModel,
  ModelBook,
  type ModelObserver,
  OFFLINE_MODEL,
  recoverTurns,
  Retention,
  SharedModel,
  type ShortTerm,
} from '../domains/conversation/index.ts';
import type { IdentityService } from '../domains/identity/index.ts';
import { type Embedder, type MemoryService, type WorkMarks } from '../domains/memory/index.ts';
import type { BoundOperation } from '../kernel/operation.ts';
import { createAnthropicMessages } from '../providers/models/anthropic-messages.ts';
import type { ModelHttpOptions } from '../providers/models/model-http.ts';
import { createOpenAiChat, type OpenAiChatOptions } from '../providers/models/openai-chat.ts';
import { type CommonParts, random } from './common-parts.ts';
import type { EmbeddedStorage } from './storage.ts';

interface ConversationParts extends CommonParts {
  readonly memory: MemoryService;
  readonly storage: EmbeddedStorage;
  readonly identity: IdentityService;
  readonly gate: AdmissionGate;
  /** A few of them are offered to models as tools. */
  readonly operations: readonly BoundOperation[];
  readonly embedder: Embedder | undefined;
  readonly marks: WorkMarks;
  readonly observer: ModelObserver;
  readonly shortTerm: ShortTerm;
  readonly retention: Retention;
}

interface RetentionParts extends CommonParts {
  readonly storage: EmbeddedStorage;
  readonly identity: IdentityService;
  readonly marks: WorkMarks;
  readonly shortTerm: ShortTerm;
}

/** How long conversations are kept. What an owner changes holds for all there are before the owner is told. */
export function openRetention({ settings, clock, storage, identity, marks, shortTerm }: RetentionParts): Retention {
  const serverMs = settings.CONVERSATION_RETENTION;
  const retention = new Retention({ store: storage.conversations, authority: identity, shortTerm, marks, clock, serverMs });
  identity.onRetentionChange((space) => retention.change(space));
  return retention;
}

/** The conversation service with the models the options name. What an earlier run left unanswered is ended beside its first work. */
export function openConversation(deps: ConversationParts): ConversationService {
  const { settings, clock, ids, parts, memory, storage, identity, gate, operations, embedder, marks, shortTerm, retention } = deps;
  const service = new ConversationService({
    models: openModels(deps),
    memory,
    clock,
    ids,
    random,
    authority: identity,
    store: storage.conversations,
    shortTerm,
    retention,
    marks,
    gate,
    operations,
    ...(embedder === undefined ? {} : { embedModel: embedder.model }),
    capacity: settings.MAX_CONCURRENT_CHAT_OPS,
    maxPerUser: settings.MAX_CONCURRENT_OPS_PER_USER,
    maxWaitingPerUser: settings.MAX_WAITING_PER_USER,
    runMs: settings.CHAT_OP_TIMEOUT,
    recallMs: settings.CHAT_RECALL_TIMEOUT,
    limits: {
      queueMs: settings.CHAT_QUEUE_TIMEOUT,
      turnTokens: settings.CHAT_TURN_TOKENS,
      historyTokens: settings.CHAT_HISTORY_TOKENS,
      temporaryMs: settings.TEMPORARY_CHAT_AGE,
      tokensPerDay: settings.CHAT_TOKENS_PER_DAY,
      mcpWaitMs: settings.MCP_WAIT,
    },
  });
  parts.own('conversations', service);
  recover(deps, service.owner);
  return service;
}

function openModels({ settings, clock, parts, observer }: ConversationParts): ModelBook {
  const share = ([name, model]: NamedModel): SharedModel =>
    new SharedModel({ name, model, capacity: settings.CHAT_MODEL_CONCURRENCY, clock, random, observer });
  const [first = OFFLINE, ...more] = configuredModels({ settings, clock });
  return parts.own('chat models', new ModelBook([share(first), ...more.map(share)]));
}

function recover({ storage, gate, identity, clock, logger, parts }: ConversationParts, owner: string): void {
  const stopping = new AbortController();
  const { conversations: store, work } = storage;
  const recovered = recoverTurns({ store, work, quota: gate.quota, authority: identity, clock }, owner, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) logger.error('interrupted answers could not be looked up', {}, error);
  });
  parts.onEnd('recovery of answers', async () => {
    stopping.abort();
    await recovered;
  });
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
