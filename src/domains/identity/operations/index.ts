import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import { cleanUp } from './clean-up.ts';
import { createKey } from './create-key.ts';
import { createSpace } from './create-space.ts';
import { createUser } from './create-user.ts';
import { deleteSpace } from './delete-space.ts';
import { deleteUser } from './delete-user.ts';
import { listAudit } from './list-audit.ts';
import { listKeys } from './list-keys.ts';
import { listMembers } from './list-members.ts';
import { listSpaces } from './list-spaces.ts';
import { listUsers } from './list-users.ts';
import { removeMember } from './remove-member.ts';
import { revokeKey } from './revoke-key.ts';
import type { IdentityOperationsService } from './service-type.ts';
import { setMember } from './set-member.ts';
import { updateSpace } from './update-space.ts';
import { updateUser } from './update-user.ts';
import { whoami } from './whoami.ts';

/** All operations of this domain, as declared. */
export const identityOperations: readonly AnyOperation<IdentityOperationsService>[] = [
  whoami,
  createUser,
  listUsers,
  updateUser,
  deleteUser,
  createKey,
  listKeys,
  revokeKey,
  createSpace,
  listSpaces,
  updateSpace,
  deleteSpace,
  listMembers,
  setMember,
  removeMember,
  listAudit,
  cleanUp,
];

/** The same, bound to the service and to what is known of a caller's limits. */
export function bindIdentityOperations(service: IdentityOperationsService): BoundOperation[] {
  return identityOperations.map((operation) => bindOperation(operation, service));
}
