import { defineOperation } from '../../../kernel/operation.ts';
import { listInput } from '../inputs.ts';
import { listOutput } from '../outputs.ts';
import type { RepositoryService } from '../service.ts';

export const listRepositoriesOperation = defineOperation<RepositoryService>()({
  name: 'list_repositories',
  title: 'List repositories',
  description:
    'The repositories of a space by name: what can be searched, of which commit and how old the index is, and which are being synced. Look here before searching or syncing.',
  input: listInput,
  output: listOutput,
  effect: 'read',
  lane: 'search',
  scope: 'code:read',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'GET', path: '/repositories' },
  run: (service, input, ctx) => service.list(input, ctx),
});
