import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { RepositoryService } from '../service.ts';
import { getRepositoryOperation } from './get-repository.ts';
import { listCodeRootsOperation } from './list-code-roots.ts';
import { listRepositoriesOperation } from './list-repositories.ts';
import { removeRepositoryOperation } from './remove-repository.ts';
import { setCodeRootsOperation } from './set-code-roots.ts';
import { syncRepositoryOperation } from './sync-repository.ts';

/** Operations on repositories, as declared. */
export const repositoryOperations: readonly AnyOperation<RepositoryService>[] = [
  syncRepositoryOperation,
  listRepositoriesOperation,
  getRepositoryOperation,
  removeRepositoryOperation,
  listCodeRootsOperation,
  setCodeRootsOperation,
];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindRepositoryOperations(service: RepositoryService): readonly BoundOperation[] {
  return repositoryOperations.map((operation) => withRules(bindOperation(operation, service), service));
}

/** What a sync may name, and whether it is the one that runs, also depends on settings and stored rows, which no declaration knows. */
function withRules(operation: BoundOperation, service: RepositoryService): BoundOperation {
  if (operation.job === undefined) return operation;
  const job: BoundOperation['job'] = {
    ...operation.job,
    check: (input) => service.check(input),
    join: (input, call, running) => service.checkJoin(input, call, running),
  };
  return { ...operation, job };
}
