import { defineOperation } from '../../../kernel/operation.ts';
import { getConversationInput } from '../inputs.ts';
import { getConversationOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const getConversationOperation = defineOperation<ConversationService>()({
  name: 'get_conversation',
  title: 'Read a conversation',
  description: 'Answers with a conversation and its exchanges in order, a page at a time.',
  input: getConversationInput,
  output: getConversationOutput,
  effect: 'read',
  lane: 'memory',
  scope: 'chat',
  target: { kind: 'record', idKind: 'conv', field: 'id', role: 'reader' },
  http: { method: 'GET', path: '/conversations/{id}' },
  run: (service, input, ctx) => service.reader.get(input, ctx),
});
