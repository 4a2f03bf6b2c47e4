import type { SpaceKey } from '../../kernel/ids.ts';
import type { Role, Scope, UserLimits } from '../../kernel/operation.ts';

/** Limits of what identity holds; every message that refuses names the one exceeded. */
export const IDENTITY_LIMITS = {
  nameLength: 100,
  /** Of an external id, in UTF-16 units. */
  externalIdLength: 256,
  /** Live keys of one user; as many revoked or expired ones are remembered. */
  keysPerUser: 100,
  membersPerSpace: 1000,
  /** Spaces one user may be a member of, the personal one included. */
  spacesPerUser: 1000,
  /** Space ids a key may be limited to. */
  spacesPerKey: 100,
  page: 100,
  /** The newest audit rows that are kept. */
  auditRows: 1_000_000,
  /** Of a space's `conversationRetention`, ms: an hour to a hundred years. */
  shortestRetention: 3_600_000,
  longestRetention: 100 * 366 * 86_400_000,
} as const;

export const USER_ROLES = ['admin', 'member'] as const;
export type UserRole = (typeof USER_ROLES)[number];

/** `deleted` is a tombstone: the id stays as author of what others keep, all else about the user is gone. */
export type UserStatus = 'active' | 'disabled' | 'deleted';

/** A user as stored. Times are UTC ms. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly role: UserRole;
  readonly status: UserStatus;
  /** IANA zone. */
  readonly timeZone: string;
  /** Share of contended resources; 1 is usual. */
  readonly weight: number;
  readonly limits: UserLimits;
  readonly createdAt: number;
  /** Last call or job, through any door, within a minute; at first the time of creation. */
  readonly lastActiveAt: number;
  /** The service that named this user, and by which id. Such a user never has keys. */
  readonly service?: { readonly id: string; readonly externalId: string };
}

export type SpaceKind = 'personal' | 'shared';

export interface Space {
  readonly id: string;
  readonly key: SpaceKey;
  readonly name: string;
  readonly kind: SpaceKind;
  /** User whose quota the space uses; always one of its owners. */
  readonly payer: string;
  readonly createdAt: number;
  /** Milliseconds a conversation is kept after its last message, and what is remembered of it; absent = as long as the server keeps it. */
  readonly conversationRetention?: number;
}

/** Absent field = unchanged. */
export interface SpaceChange {
  readonly name?: string;
  readonly payer?: string;
  /** null = none of its own. */
  readonly conversationRetention?: number | null;
}

export interface Member {
  readonly userId: string;
  readonly name: string;
  readonly role: Role;
  readonly since: number;
}

/** An API key as stored: never its secret. */
export interface ApiKey {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Space ids the key is limited to; absent = every space of its user. */
  readonly spaces?: readonly string[];
  readonly expiresAt?: number;
  readonly createdAt: number;
  readonly createdBy: string;
  /** Within a few seconds. */
  readonly lastUsedAt?: number;
  readonly revokedAt?: number;
}

/** What was done to credentials, members and by administrators. Facts hold no secrets and no content. */
export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly credential: string;
  readonly action: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface AuditRow extends AuditEntry {
  readonly id: number;
}

/** A deletion that has begun: what `system.db` said is done, what files hold may still be there. */
export interface DeletionIntent {
  readonly id: string;
  readonly subject: { readonly kind: 'user'; readonly userId: string } | { readonly kind: 'space'; readonly spaceId: string };
  /** The file to drop. */
  readonly spaceKey: SpaceKey;
  /** Also remove what the user wrote into shared spaces. */
  readonly purgeAuthored: boolean;
  readonly createdAt: number;
}

/** The form of a name by which two users count as equal. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** Scopes a user's role lets a key use. */
export function scopesOfRole(role: UserRole, scopes: readonly Scope[]): readonly Scope[] {
  return role === 'admin' ? scopes : scopes.filter((scope) => scope !== 'admin');
}

const NOT_DELEGATED: ReadonlySet<Scope> = new Set(['on_behalf', 'admin', 'keys:manage', 'spaces:manage']);

/** What is left of a service key's scopes when it acts for one of its users. */
export function delegatedScopes(scopes: readonly Scope[]): readonly Scope[] {
  return scopes.filter((scope) => !NOT_DELEGATED.has(scope));
}

/** No control, private, unassigned or line-separating characters, no lone surrogates. */
export const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;

/** Is the text fit to name a service's user? 1..256 printable characters, no blanks at its ends. */
export function isExternalId(text: string): boolean {
  return text.length <= IDENTITY_LIMITS.externalIdLength && PRINTABLE.test(text) && text === text.trim();
}
