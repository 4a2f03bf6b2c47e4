import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { ConversationService } from '../service.ts';
import { completeChatOperation } from './complete-chat.ts';
import { listModelsOperation } from './list-models.ts';

export const conversationOperations: readonly AnyOperation<ConversationService>[] = [completeChatOperation, listModelsOperation];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindConversationOperations(service: ConversationService): readonly BoundOperation[] {
  return conversationOperations.map((operation) => bindOperation(operation, service));
}
