import { defineOperation } from '../../../kernel/operation.ts';
import { statsInput } from '../inputs.ts';
import { statsOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

export const memoryStatsOperation = defineOperation<MemoryService>()({
  name: 'memory_stats',
  title: 'Memory statistics',
  description:
    'Says how much a space holds: memories, threads, versions, bytes, types, oldest and newest, and how many still wait to be found by meaning.',
  input: statsInput,
  output: statsOutput,
  effect: 'read',
  lane: 'memory',
  scope: 'memory:read',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'GET', path: '/memories/stats' },
  run: (service, input, ctx) => service.stats(input, ctx),
});
