import { defineOperation } from '../../../kernel/operation.ts';
import { setRootsInput } from '../inputs.ts';
import { rootsOutput } from '../outputs.ts';
import type { RepositoryService } from '../service.ts';

export const setCodeRootsOperation = defineOperation<RepositoryService>()({
  name: 'set_code_roots',
  title: 'Allow folders to be indexed',
  description:
    'Allows every user of this server to index the folders given as add, with all that lies in them, and takes back those given as remove. Answers with all that are allowed.',
  input: setRootsInput,
  output: rootsOutput,
  effect: 'write',
  idempotent: true,
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/admin/code-roots' },
  hiddenFromModels: true,
  run: (service, input, ctx) => service.setRoots(input, ctx),
});
