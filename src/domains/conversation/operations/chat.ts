import { defineOperation } from '../../../kernel/operation.ts';
import { chatInput } from '../inputs.ts';
import { chatOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const chatOperation = defineOperation<ConversationService>()({
  name: 'chat',
  title: 'Chat with memory',
  description:
    'Says something in a conversation and answers with what a language model says, knowing the conversation and the memories that bear on the message. The exchange is kept and remembered. The answer goes on when the caller leaves; get_turn finds it.',
  input: chatInput,
  output: chatOutput,
  effect: 'write',
  lane: 'chat',
  scope: 'chat',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/chat' },
  waits: true,
  ownLine: true,
  numberedEvents: true,
  stream: (service, input, ctx) => service.chatEvents(input, ctx),
  run: (service, input, ctx) => service.chat(input, ctx),
});
