import { defineOperation } from '../../../kernel/operation.ts';
import { listTagsInput } from '../inputs.ts';
import { listTagsOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

export const listTagsOperation = defineOperation<MemoryService>()({
  name: 'list_tags',
  title: 'List tags',
  description: 'Lists the tags in use with the number of memories of each, most used first. Use it before tagging, to use tags that exist.',
  input: listTagsInput,
  output: listTagsOutput,
  effect: 'read',
  lane: 'memory',
  scope: 'memory:read',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'GET', path: '/tags' },
  run: (service, input, ctx) => service.tags(input, ctx),
});
