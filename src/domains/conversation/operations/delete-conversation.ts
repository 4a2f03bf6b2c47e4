import { defineOperation } from '../../../kernel/operation.ts';
import { deleteConversationInput } from '../inputs.ts';
import { deleteConversationOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const deleteConversationOperation = defineOperation<ConversationService>()({
  name: 'delete_conversation',
  title: 'Delete a conversation',
  description: 'Deletes a conversation with all that was said in it, also what was remembered of it. Facts that were noted apart stay.',
  input: deleteConversationInput,
  output: deleteConversationOutput,
  effect: 'destructive',
  lane: 'memory',
  scope: 'chat',
  target: { kind: 'record', idKind: 'conv', field: 'id', role: 'editor' },
  http: { method: 'DELETE', path: '/conversations/{id}' },
  run: (service, { id }, ctx) => service.reader.delete(id, ctx),
});
