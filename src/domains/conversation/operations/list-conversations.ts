import { defineOperation } from '../../../kernel/operation.ts';
import { listConversationsInput } from '../inputs.ts';
import { listConversationsOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const listConversationsOperation = defineOperation<ConversationService>()({
  name: 'list_conversations',
  title: 'List conversations',
  description: 'Lists your conversations, latest first.',
  input: listConversationsInput,
  output: listConversationsOutput,
  effect: 'read',
  lane: 'memory',
  scope: 'chat',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'GET', path: '/conversations' },
  run: (service, input, ctx) => service.reader.list(input, ctx),
});
