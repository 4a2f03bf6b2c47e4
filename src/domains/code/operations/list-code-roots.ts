import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { rootsOutput } from '../outputs.ts';
import type { RepositoryService } from '../service.ts';

export const listCodeRootsOperation = defineOperation<RepositoryService>()({
  name: 'list_code_roots',
  title: 'List folders that may be indexed',
  description: 'Folders of the server under which every user may index folders.',
  input: z.strictObject({}),
  output: rootsOutput,
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/code-roots' },
  hiddenFromModels: true,
  run: (service) => service.roots(),
});
