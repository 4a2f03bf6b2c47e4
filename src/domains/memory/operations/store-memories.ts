import { defineOperation } from '../../../kernel/operation.ts';
import { storeManyInput } from '../inputs.ts';
import { storeManyOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

/** Items that cost one unit of the lane's rate. */
const ITEMS_PER_UNIT = 10;

export const storeMemoriesOperation = defineOperation<MemoryService>()({
  name: 'store_memories',
  title: 'Store several memories',
  description:
    'Remembers up to 100 texts in one go, in order: all or none. Answers with the outcome of each. Use it for the turns of a conversation (same thread) or a list of facts; use import_memories for more.',
  input: storeManyInput,
  output: storeManyOutput,
  effect: 'write',
  lane: 'memory',
  scope: 'memory:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/memories/batch' },
  rateCost: (input) => Math.ceil(input.items.length / ITEMS_PER_UNIT),
  run: (service, input, ctx) => service.storeMany(input, ctx),
});
