import { defineOperation } from '../../../kernel/operation.ts';
import { updateInput } from '../inputs.ts';
import { MEMORY_KIND } from '../model.ts';
import { memoryOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

export const updateMemoryOperation = defineOperation<MemoryService>()({
  name: 'update_memory',
  title: 'Change a memory',
  description:
    'Changes the given fields of a memory and keeps the old state as a version (the last 20). tags and metadata replace the old ones. Answers with the memory as it is now; conflict if another memory already has that text.',
  input: updateInput,
  output: memoryOutput,
  effect: 'write',
  lane: 'memory',
  scope: 'memory:write',
  target: { kind: 'record', idKind: MEMORY_KIND, field: 'id', role: 'editor' },
  http: { method: 'PATCH', path: '/memories/{id}' },
  run: (service, input, ctx) => service.update(input, ctx),
});
