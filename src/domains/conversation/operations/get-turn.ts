import { defineOperation } from '../../../kernel/operation.ts';
import { getTurnInput } from '../inputs.ts';
import { turnOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const getTurnOperation = defineOperation<ConversationService>()({
  name: 'get_turn',
  title: 'Look at an answer',
  description: 'Answers with one exchange of a conversation as it stands, after waiting for its end if asked to.',
  input: getTurnInput,
  output: turnOutput,
  effect: 'read',
  lane: 'memory',
  scope: 'chat',
  target: { kind: 'record', idKind: 'turn', field: 'id', role: 'reader' },
  http: { method: 'GET', path: '/turns/{id}' },
  waits: true,
  numberedEvents: true,
  stream: (service, input, ctx) => service.turnEvents(input, ctx),
  run: (service, input, ctx) => service.turn(input, ctx),
});
