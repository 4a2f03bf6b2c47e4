import { defineOperation } from '../../../kernel/operation.ts';
import { deleteInput } from '../inputs.ts';
import { MEMORY_KIND } from '../model.ts';
import { deleteOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

export const deleteMemoryOperation = defineOperation<MemoryService>()({
  name: 'delete_memory',
  title: 'Delete a memory',
  description: 'Deletes one memory with all its versions, for good. Use update_memory to correct one.',
  input: deleteInput,
  output: deleteOutput,
  effect: 'destructive',
  idempotent: true,
  lane: 'memory',
  scope: 'memory:write',
  target: { kind: 'record', idKind: MEMORY_KIND, field: 'id', role: 'editor' },
  http: { method: 'DELETE', path: '/memories/{id}' },
  run: (service, input, ctx) => service.delete(input, ctx),
});
