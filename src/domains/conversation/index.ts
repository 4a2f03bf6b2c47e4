export { bindConversationOperations, conversationOperations } from './operations/index.ts';
export { type ChatEvent, type ConversationDeps, ConversationService, type NumberedEvent } from './service.ts';
export { recoverTurns, sweepTurns } from './upkeep.ts';
export type { ChatOutput, CompleteChatOutput } from './outputs.ts';
export type { LanguageModel, ShortTerm } from './ports.ts';
export { MemoryShortTerm } from './short-term/memory-short-term.ts';
export { extractiveModel, OFFLINE_MODEL } from './models/extractive-model.ts';
export { ModelBook } from './models/model-book.ts';
export { type ModelObserver, SharedModel, type SharedModelOptions } from './models/shared-model.ts';
