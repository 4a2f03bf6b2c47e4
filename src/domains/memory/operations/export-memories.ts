import { defineOperation } from '../../../kernel/operation.ts';
import { exportInput } from '../inputs.ts';
import { exportOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

export const exportMemoriesOperation = defineOperation<MemoryService>()({
  name: 'export_memories',
  title: 'Export memories',
  description:
    'Writes memories with their versions as lines that import_memories takes back unchanged: all, or those that match. A call answers with one page and a cursor; over HTTP with Accept: application/x-ndjson all lines are streamed. It is read page by page and is no snapshot.',
  input: exportInput,
  output: exportOutput,
  effect: 'read',
  lane: 'bulk',
  scope: 'memory:read',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'GET', path: '/memories/export' },
  stream: (service, input, ctx) => service.exportLines(input, ctx),
  run: (service, input, ctx) => service.exportPage(input, ctx),
});
