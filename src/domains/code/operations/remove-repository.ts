import { defineOperation } from '../../../kernel/operation.ts';
import { removeInput } from '../inputs.ts';
import { REPOSITORY_KIND } from '../model.ts';
import { removeOutput } from '../outputs.ts';
import type { RepositoryService } from '../service.ts';

export const removeRepositoryOperation = defineOperation<RepositoryService>()({
  name: 'remove_repository',
  title: 'Remove a repository',
  description: 'Deletes the index of a repository with its analyses, and stops a sync of it. The source itself is not touched.',
  input: removeInput,
  output: removeOutput,
  effect: 'destructive',
  idempotent: true,
  lane: 'search',
  scope: 'code:write',
  target: { kind: 'record', idKind: REPOSITORY_KIND, field: 'id', role: 'editor' },
  http: { method: 'DELETE', path: '/repositories/{id}' },
  run: (service, input, ctx) => service.remove(input, ctx),
});
