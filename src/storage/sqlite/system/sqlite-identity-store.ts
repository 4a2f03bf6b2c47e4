import type { IdentityStore } from '../../../domains/identity/store.ts';
import {
  access,
  accesses,
  account,
  listAudit,
  listMembers,
  listSpaces,
  openDeletions,
  spaceActiveAt,
  spaceById,
  spacesPaidBy,
} from './reads/space-reads.ts';
import { credentialByHash, deletionPlan, idleUsers, keyById, listKeys, listUsers, owner, userByExternalId, userById } from './reads/user-reads.ts';
import type { SystemDatabase } from './system-database.ts';

/** The identity store over `system.db`. */
export function createSqliteIdentityStore(database: SystemDatabase): IdentityStore {
  return {
    credentialByHash: async (hash) => database.read((file) => credentialByHash(file, hash)),
    owner: async () => database.read(owner),
    user: async (userId) => database.read((file) => userById(file, userId)),
    userByExternalId: async (serviceId, externalId) => database.read((file) => userByExternalId(file, serviceId, externalId)),
    users: async (filter, page) => database.read((file) => listUsers(file, filter, page)),
    idleUsers: async (before, page) => database.read((file) => idleUsers(file, before, page)),
    key: async (keyId) => database.read((file) => keyById(file, keyId)),
    keys: async (userId, page) => database.read((file) => listKeys(file, userId, page)),
    space: async (spaceId) => database.read((file) => spaceById(file, spaceId)),
    access: async (userId, target) => database.read((file) => access(file, userId, target)),
    accesses: async (userId) => database.read((file) => accesses(file, userId)),
    account: async (spaceKey) => database.read((file) => account(file, spaceKey)),
    spaces: async (userId, page) => database.read((file) => listSpaces(file, userId, page)),
    spacesPaidBy: async (userId) => database.read((file) => spacesPaidBy(file, userId)),
    spaceActiveAt: async (spaceId) => database.read((file) => spaceActiveAt(file, spaceId)),
    members: async (spaceId, page) => database.read((file) => listMembers(file, spaceId, page)),
    audit: async (filter, page) => database.read((file) => listAudit(file, filter, page)),
    deletionPlan: async (userId) => database.read((file) => deletionPlan(file, userId)),
    openDeletions: async () => database.read(openDeletions),
    createFirst: (user, key, audit) => database.write('createFirst', { user, key, audit }),
    createUser: (user, audit) => database.write('createUser', { user, audit }),
    claimServiceUser: (user, maxUsers) => database.write('claimServiceUser', { user, maxUsers }),
    updateUser: (userId, change, audit) => database.write('updateUser', { userId, change, audit }),
    touchUsers: (uses) => database.write('touchUsers', { uses }),
    beginUserDeletion: (userId, intent, audit) => database.write('beginUserDeletion', { userId, intent, audit }),
    beginSpaceDeletion: (spaceId, intent, audit) => database.write('beginSpaceDeletion', { spaceId, intent, audit }),
    finishDeletion: (intentId, audit) => database.write('finishDeletion', { intentId, audit }),
    createKey: (key, guard, audit) => database.write('createKey', { key, guard, audit }),
    revokeKey: (keyId, audit) => database.write('revokeKey', { keyId, audit }),
    touchKeys: (uses) => database.write('touchKeys', { uses }),
    createSpace: (space, audit) => database.write('createSpace', { space, audit }),
    updateSpace: (spaceId, change, audit) => database.write('updateSpace', { spaceId, change, audit }),
    setMember: (spaceId, member, audit) => database.write('setMember', { spaceId, member, audit }),
    removeMember: (spaceId, userId, audit) => database.write('removeMember', { spaceId, userId, audit }),
  };
}
