import { PolymniaError } from '../../kernel/errors.ts';
import type { Role, SpaceAccess, UserLimits } from '../../kernel/operation.ts';
import type { ApiKey, AuditEntry, AuditRow, DeletionIntent, Member, Space, SpaceChange, User, UserRole } from './model.ts';

/**
 * The identity storage port: users, keys, spaces, members, audit. Every method is one whole transaction, its audit row
 * included.
 *
 * Visibility: what a write acknowledged is seen by every later read on this node.
 * Durability: a write resolves after its commit is on disk.
 * Absent: an unknown id and a deleted one are the same. Writes answer `not_found` for them, reads undefined or no rows.
 * Errors: `conflict` where a rule stands in the way (each method names its rules), `invalid_input` beyond a limit of
 * `IDENTITY_LIMITS`, `storage_unavailable`.
 * Order: lists ascend by `(createdAt, id)` unless said otherwise, strictly after `page.after`.
 */
export interface IdentityStore {
  /** By the SHA-256 of the secret, 64 hex digits. Also finds revoked and expired keys, and those of disabled users. */
  credentialByHash(hash: string): Promise<CredentialRecord | undefined>;
  /** The active administrator who was first. */
  owner(): Promise<User | undefined>;
  user(userId: string): Promise<User | undefined>;
  /** The live user a service named so. */
  userByExternalId(serviceId: string, externalId: string): Promise<User | undefined>;
  users(filter: UserFilter, page: ListPage): Promise<readonly User[]>;
  /** Users last active before `before` (UTC ms), disabled ones too, longest idle first: by `(lastActiveAt, userId)`. */
  idleUsers(before: number, page: ListPage): Promise<readonly IdleUser[]>;
  key(keyId: string): Promise<ApiKey | undefined>;
  keys(userId: string, page: ListPage): Promise<readonly ApiKey[]>;
  space(spaceId: string): Promise<Space | undefined>;
  /** The space and the user's role there; undefined unless the user is a member. */
  access(userId: string, target: SpaceTarget): Promise<SpaceAccess | undefined>;
  /** Every space the user is a member of, the personal one first, then by id. */
  accesses(userId: string): Promise<readonly SpaceAccess[]>;
  /** A live space by its key, with the payer's account; its role says nothing. */
  account(spaceKey: string): Promise<SpaceAccess | undefined>;
  /** Spaces the user is a member of; without a user all shared ones. */
  spaces(userId: string | undefined, page: ListPage): Promise<readonly (Space & { readonly role?: Role })[]>;
  /** Keys of all spaces the user pays for. */
  spacesPaidBy(userId: string): Promise<readonly string[]>;
  /** When any member of the space was last active, UTC ms; undefined when it has none. */
  spaceActiveAt(spaceId: string): Promise<number | undefined>;
  /** By `(since, userId)`. */
  members(spaceId: string, page: ListPage): Promise<readonly Member[]>;
  /** Newest first, strictly before `page.after` by id; `after.at` is ignored. */
  audit(filter: AuditFilter, page: ListPage): Promise<readonly AuditRow[]>;
  /** What deleting the user would do, and what stands in its way; undefined when absent. */
  deletionPlan(userId: string): Promise<DeletionPlan | undefined>;
  /** Deletions that have begun and not ended, oldest first. */
  openDeletions(): Promise<readonly DeletionIntent[]>;

  /** The first user with personal space and key; false, and nothing written, when there is a user already. */
  createFirst(user: NewUser, key: NewKey, audit: AuditEntry): Promise<boolean>;
  /** Name taken (without regard to case) → `conflict`. */
  createUser(user: NewUser, audit: AuditEntry): Promise<User>;
  /**
   * The service's user of that external id, made now if it is new: any number of calls at once make one user.
   * More than `maxUsers` live ones → `quota_exceeded`; the service is not active → `conflict`.
   */
  claimServiceUser(user: NewServiceUser, maxUsers: number): Promise<{ readonly user: User; readonly created: boolean }>;
  /** The last active administrator can be neither disabled nor made a member, a service's user never administrator → `conflict`. */
  updateUser(userId: string, change: UserChange, audit: AuditEntry): Promise<User>;
  /** Notes when users were active; an older time never replaces a later one, unknown ids are passed over. */
  touchUsers(uses: readonly { readonly userId: string; readonly at: number }[]): Promise<void>;
  /**
   * Makes the user a tombstone, revokes the keys, ends the memberships, hides the personal space and notes the intent.
   * → `conflict` with `details.spaces` for the last owner or the payer of a shared space, `conflict` for the last active
   * administrator and for a service that still has users.
   */
  beginUserDeletion(userId: string, intent: DeletionIntent, audit: AuditEntry): Promise<DeletionPlan>;
  /** Hides a shared space, ends its memberships and notes the intent. Personal → `conflict`. */
  beginSpaceDeletion(spaceId: string, intent: DeletionIntent, audit: AuditEntry): Promise<{ readonly space: Space; readonly members: number }>;
  /** The files are gone: the intent and the rows of its space go too. Nothing happens for an unknown one. */
  finishDeletion(intentId: string, audit: AuditEntry): Promise<void>;

  /**
   * → `conflict` for a user that a service named, and beyond `keysPerUser` live keys; `forbidden` when the creator's own key
   * is no longer live or the creator no longer holds the role the guard names; `not_found` for an unknown user, or a space the
   * user is no member of.
   */
  createKey(key: NewKey, guard: KeyGuard, audit: AuditEntry): Promise<ApiKey>;
  /** Revoking again changes nothing and succeeds. */
  revokeKey(keyId: string, audit: AuditEntry): Promise<ApiKey>;
  /** Notes uses; an older time never replaces a later one, unknown ids are passed over. */
  touchKeys(uses: readonly { readonly keyId: string; readonly at: number }[]): Promise<void>;

  /** A shared space with its payer as owner. */
  createSpace(space: Space, audit: AuditEntry): Promise<Space>;
  /**
   * A payer who is not an owner of the space → `conflict`. Personal → `conflict`, unless nothing but `conversationRetention` is given.
   * With that, background work of kind `retention` is noted for the space in the same transaction, due at the audit's time.
   */
  updateSpace(spaceId: string, change: SpaceChange, audit: AuditEntry): Promise<Space>;
  /** Adds a member or changes the role. Personal space, last owner, or payer losing ownership → `conflict`. */
  setMember(spaceId: string, member: { readonly userId: string; readonly role: Role; readonly at: number }, audit: AuditEntry): Promise<Member>;
  /** Personal space, last owner or payer → `conflict`. */
  removeMember(spaceId: string, userId: string, audit: AuditEntry): Promise<void>;
}

/** A key with its user, as authentication needs them: one look-up. */
export interface CredentialRecord {
  readonly key: ApiKey;
  readonly user: User;
}

export type SpaceTarget = { readonly by: 'personal' } | { readonly by: 'id'; readonly id: string } | { readonly by: 'key'; readonly key: string };

export interface ListPosition {
  /** UTC ms. */
  readonly at: number;
  readonly id: string;
}

export interface ListPage {
  /** Rows; at least 1. */
  readonly limit: number;
  readonly after?: ListPosition;
}

/** Given conditions all hold. Deleted users are never listed; those of services only under `serviceId`. */
export interface UserFilter {
  readonly nameKey?: string;
  readonly serviceId?: string;
}

/** A user who has been away, with the personal space. */
export interface IdleUser {
  readonly userId: string;
  /** UTC ms. */
  readonly lastActiveAt: number;
  readonly spaceKey: string;
}

export interface AuditFilter {
  readonly actor?: string;
  readonly subject?: string;
}

export interface NewUser {
  readonly id: string;
  readonly name: string;
  readonly nameKey: string;
  readonly role: UserRole;
  readonly timeZone: string;
  readonly weight: number;
  readonly limits: UserLimits;
  readonly createdAt: number;
  readonly personal: { readonly id: string; readonly key: string };
}

export interface NewServiceUser extends NewUser {
  readonly service: { readonly id: string; readonly externalId: string };
}

export interface NewKey extends Omit<ApiKey, 'lastUsedAt' | 'revokedAt'> {
  readonly hash: string;
}

/** What must still hold of the creator when the key's row is written. */
export interface KeyGuard {
  readonly creator: string;
  /** The creator's own key; absent for the server's local credential. */
  readonly creatorKey?: string;
  readonly needsAdmin: boolean;
}

/** Absent field = unchanged. */
export interface UserChange {
  readonly role?: UserRole;
  readonly status?: 'active' | 'disabled';
  readonly timeZone?: string;
  readonly weight?: number;
  readonly limits?: UserLimits;
}

/** What deleting a user takes with it. */
export interface DeletionPlan {
  readonly user: User;
  readonly personal: { readonly id: string; readonly key: string };
  /** Live keys. */
  readonly keys: readonly string[];
  /** Shared spaces the user is a member of. */
  readonly memberships: readonly { readonly id: string; readonly name: string }[];
  /** Shared spaces that stand in the way, and why. */
  readonly blockers: readonly { readonly id: string; readonly name: string; readonly reason: 'last_owner' | 'payer' }[];
  readonly lastAdmin: boolean;
  /** Users this user, as a service, still has. */
  readonly serviceUsers: number;
}

/** Why a user cannot be deleted; undefined when nothing stands in the way. The same for a dry run and inside the transaction. */
export function deletionObstacle(plan: DeletionPlan): PolymniaError | undefined {
  if (plan.blockers.length > 0) {
    const names = plan.blockers.map(({ id, name, reason }) => `"${name}" (${id}, ${reason === 'payer' ? 'pays' : 'last owner'})`).join(', ');
    const details = { spaces: plan.blockers };
    return new PolymniaError('conflict', `The user is last owner or payer of ${names}; hand over or delete these spaces first.`, { details });
  }
  if (plan.lastAdmin) return lastAdminObstacle();
  if (plan.serviceUsers === 0) return undefined;
  const details = { serviceUsers: plan.serviceUsers };
  return new PolymniaError('conflict', `This service still has ${plan.serviceUsers} users of its own; delete them first.`, { details });
}

/** The refusal that keeps an installation governable. */
export function lastAdminObstacle(): PolymniaError {
  return new PolymniaError('conflict', 'This is the last active administrator; make another user administrator first.');
}
