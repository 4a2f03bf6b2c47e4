import { defineOperation } from '../../../kernel/operation.ts';
import { getInput } from '../inputs.ts';
import { REPOSITORY_KIND } from '../model.ts';
import { getOutput } from '../outputs.ts';
import type { RepositoryService } from '../service.ts';

export const getRepositoryOperation = defineOperation<RepositoryService>()({
  name: 'get_repository',
  title: 'Read a repository',
  description: 'One repository: what searches read, the sync that runs, and all that the last sync reported, with every skipped file counted.',
  input: getInput,
  output: getOutput,
  effect: 'read',
  lane: 'search',
  scope: 'code:read',
  target: { kind: 'record', idKind: REPOSITORY_KIND, field: 'id', role: 'reader' },
  http: { method: 'GET', path: '/repositories/{id}' },
  run: (service, input, ctx) => service.get(input, ctx),
});
