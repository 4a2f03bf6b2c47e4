export { bindConversationOperations, conversationOperations } from './operations/index.ts';
export { type ChatEvent, type ConversationDeps, ConversationService } from './service.ts';
export type { CompleteChatOutput } from './outputs.ts';
export type { LanguageModel } from './ports.ts';
export { extractiveModel, OFFLINE_MODEL } from './models/extractive-model.ts';
export { ModelBook } from './models/model-book.ts';
export { SharedModel, type SharedModelOptions } from './models/shared-model.ts';
