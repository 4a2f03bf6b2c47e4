import { defineOperation } from '../../../kernel/operation.ts';
import { turnIdInput } from '../inputs.ts';
import { turnOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const stopTurnOperation = defineOperation<ConversationService>()({
  name: 'stop_turn',
  title: 'Stop an answer',
  description: 'Ends an answer that is under way; what was said so far is kept. One that has ended stays as it is.',
  input: turnIdInput,
  output: turnOutput,
  effect: 'write',
  idempotent: true,
  lane: 'memory',
  scope: 'chat',
  target: { kind: 'record', idKind: 'turn', field: 'id', role: 'editor' },
  http: { method: 'POST', path: '/turns/{id}/stop' },
  run: (service, { id }, ctx) => service.stop(id, ctx),
});
