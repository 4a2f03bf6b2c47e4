import { defineOperation } from '../../../kernel/operation.ts';
import { storeInput } from '../inputs.ts';
import { storeOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

export const storeMemoryOperation = defineOperation<MemoryService>()({
  name: 'store_memory',
  title: 'Store a memory',
  description:
    'Remembers one text: a fact, decision, preference or event worth knowing later. Write full sentences that make sense on their own, one fact a memory. Answers with its id once it is safely on disk. The same text stored again outside a thread answers with the first id and created: false.',
  input: storeInput,
  output: storeOutput,
  effect: 'write',
  lane: 'memory',
  scope: 'memory:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/memories' },
  run: (service, input, ctx) => service.store(input, ctx),
});
