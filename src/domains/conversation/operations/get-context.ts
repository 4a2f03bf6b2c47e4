import { defineOperation } from '../../../kernel/operation.ts';
import { getContextInput } from '../inputs.ts';
import { getContextOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const getContextOperation = defineOperation<ConversationService>()({
  name: 'get_context',
  title: 'Context for an answer',
  description:
    'Answers with what an assistant should know before it answers a query: the last messages of a conversation, and the 5 memories and earlier passages that bear most on the query and are not among them.',
  input: getContextInput,
  output: getContextOutput,
  effect: 'read',
  lane: 'memory',
  scope: 'memory:read',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'POST', path: '/context' },
  run: (service, input, ctx) => service.reader.context(input, ctx),
});
