import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { ConversationService } from '../service.ts';
import { chatOperation } from './chat.ts';
import { completeChatOperation } from './complete-chat.ts';
import { deleteConversationOperation } from './delete-conversation.ts';
import { getContextOperation } from './get-context.ts';
import { getConversationOperation } from './get-conversation.ts';
import { getTurnOperation } from './get-turn.ts';
import { listConversationsOperation } from './list-conversations.ts';
import { listModelsOperation } from './list-models.ts';
import { stopTurnOperation } from './stop-turn.ts';

export const conversationOperations: readonly AnyOperation<ConversationService>[] = [
  chatOperation,
  getContextOperation,
  listConversationsOperation,
  getConversationOperation,
  deleteConversationOperation,
  getTurnOperation,
  stopTurnOperation,
  completeChatOperation,
  listModelsOperation,
];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindConversationOperations(service: ConversationService): readonly BoundOperation[] {
  return conversationOperations.map((operation) => bindOperation(operation, service));
}
