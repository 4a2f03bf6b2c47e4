import { defineOperation } from '../../../kernel/operation.ts';
import { listModelsInput } from '../inputs.ts';
import { listModelsOutput } from '../outputs.ts';
import type { ConversationService } from '../service.ts';

export const listModelsOperation = defineOperation<ConversationService>()({
  name: 'list_models',
  title: 'List language models',
  description: 'Lists the language models this server offers for chat, the default one first.',
  input: listModelsInput,
  output: listModelsOutput,
  effect: 'read',
  lane: 'chat',
  scope: 'chat',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/models' },
  hiddenFromModels: true,
  run: async (service) => ({ models: service.models().map((model) => ({ ...model })) }),
});
