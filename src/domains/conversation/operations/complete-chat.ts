import { defineOperation } from '../../../kernel/operation.ts';
import { completeChatInput } from '../inputs.ts';
import { completeChatOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const completeChatOperation = defineOperation<ConversationService>()({
  name: 'complete_chat',
  title: 'Answer a conversation',
  description:
    'Has a language model answer a conversation that is given whole, with the 5 memories of the caller that bear most on its last user message put before the model as marked data. The exchange is kept and remembered unless keep is false. OpenAI clients use POST /v1/chat/completions.',
  input: completeChatInput,
  output: completeChatOutput,
  effect: 'write',
  lane: 'chat',
  scope: 'chat',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/chat/completions' },
  hiddenFromModels: true,
  waits: true,
  ownLine: true,
  stream: (service, input, ctx) => service.stream(input, ctx),
  run: (service, input, ctx) => service.complete(input, ctx),
});
