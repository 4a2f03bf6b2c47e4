import type { Clock } from '../../kernel/clock.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import { type Principal, SCOPES, type SpaceAccess } from '../../kernel/operation.ts';
import { auditEntry, requireScope } from './actor.ts';
import { Authenticator, standInFor } from './authenticator.ts';
import { type AuthorityChange, AuthorityFeed } from './authority-feed.ts';
import { Deletions } from './deletions.ts';
import type { IdentityCore } from './identity-core.ts';
import { Keys, newKey } from './keys.ts';
import { LastUses, type Use } from './last-uses.ts';
import type { ApiKey, AuditRow, User } from './model.ts';
import { type Page, type PageRequest, readPage } from './paging.ts';
import type { AccountChanged, RetentionChanged, SpaceData } from './ports.ts';
import { ServiceUsers } from './service-users.ts';
import { SpaceDirectory } from './space-directory.ts';
import { type SeenSpace, Spaces } from './spaces.ts';
import type { IdentityStore } from './store.ts';
import { newUser, Users } from './users.ts';

export interface IdentityDeps {
  readonly store: IdentityStore;
  readonly spaceData: SpaceData;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly options: {
    /** MAX_USERS_PER_SERVICE. */
    readonly maxUsersPerService: number;
    /** NEW_SERVICE_USERS_PER_MIN. */
    readonly newServiceUsersPerMin: number;
  };
}

/** Who the caller is, as `whoami` tells. */
export interface Profile {
  readonly user: User;
  /** Absent for the server's local credential. */
  readonly key?: ApiKey;
  readonly spaces: readonly SeenSpace[];
  /** True when there are more spaces than listed here. */
  readonly more: boolean;
}

/** Spaces a profile lists. */
const PROFILE_SPACES = 100;
/** How often uses are written down. */
const KEY_USES_MS = 5000;
const USER_USES_MS = 60_000;

/**
 * Users, keys, spaces and members. The caches it owns are dropped in the same turn in which a commit is known, before anyone
 * is told of it. Dispose it to write down who and what was used last.
 */
export class IdentityService implements AsyncDisposable {
  readonly users: Users;
  readonly keys: Keys;
  readonly spaces: Spaces;
  readonly deletions: Deletions;
  /** When users were last active, as far as it is not written down yet. */
  readonly activity: LastUses;
  /** A secret of this start, accepted as the owner with all scopes, held in memory only: for the command line through server.json. */
  readonly localCredential: string;
  readonly #deps: IdentityDeps;
  readonly #authenticator: Authenticator;
  readonly #directory: SpaceDirectory;
  readonly #feed = new AuthorityFeed();
  readonly #keyUses: LastUses;
  readonly #accountListeners = new Set<AccountChanged>();
  readonly #retentionListeners = new Set<RetentionChanged>();

  constructor(deps: IdentityDeps) {
    const { store, clock, ids, options } = deps;
    this.#deps = deps;
    this.localCredential = ids.secret();
    this.#keyUses = this.#lastUses('last use of keys', KEY_USES_MS, (uses) => store.touchKeys(uses.map(({ id, at }) => ({ keyId: id, at }))));
    this.activity = this.#lastUses('activity of users', USER_USES_MS, (uses) => store.touchUsers(uses.map(({ id, at }) => ({ userId: id, at }))));
    this.#directory = new SpaceDirectory(store, clock);
    const { maxUsersPerService: maxUsers, newServiceUsersPerMin: newPerMinute } = options;
    const serviceUsers = new ServiceUsers({ store, clock, ids, maxUsers, newPerMinute });
    const uses = { keys: this.#keyUses, users: this.activity };
    this.#authenticator = new Authenticator({ store, serviceUsers, uses, clock, localSecret: this.localCredential });
    const core = this.#core();
    this.users = new Users(core);
    this.keys = new Keys(core);
    this.deletions = new Deletions(core);
    this.spaces = new Spaces(core, this.deletions);
  }

  /**
   * Proves who calls, by the secret alone. `onBehalfOf` names a user of the service's own namespace, found or made.
   * Rejects with `unauthenticated` (one text for every reason), `forbidden` (on behalf of, without the scope),
   * `invalid_input`, `rate_limited` or `quota_exceeded` (a new user too many).
   */
  authenticate(secret: string, onBehalfOf?: string): Promise<Principal> {
    return this.#authenticator.authenticate(secret, onBehalfOf);
  }

  /** Is what the principal was proved by still there? For calls that come long after their proof. */
  stands(principal: Principal): boolean {
    return this.#authenticator.stands(principal);
  }

  /** By public id; undefined = the personal space. Not a member, or outside the credential's spaces: `not_found`. */
  space(principal: Principal, spaceId: string | undefined): Promise<SpaceAccess> {
    return this.#directory.space(principal, spaceId);
  }

  /** By the key inside a record id; as {@link space}. */
  spaceByKey(principal: Principal, key: string): Promise<SpaceAccess> {
    return this.#directory.spaceByKey(principal, key);
  }

  /** Every space the principal may read, the personal one first. */
  readableSpaces(principal: Principal): Promise<readonly SpaceAccess[]> {
    return this.#directory.readableSpaces(principal);
  }

  /** Told, after the commit, of every loss of authority. The returned function ends the subscription. */
  onAuthorityChange(listener: (change: AuthorityChange) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  /** Told when a user's stored bytes changed otherwise than by a write: a space went, was purged, or changed its payer. */
  onAccountChange(listener: AccountChanged): () => void {
    this.#accountListeners.add(listener);
    return () => void this.#accountListeners.delete(listener);
  }

  /** Told when a space was given another retention; who set it is answered afterwards. */
  onRetentionChange(listener: RetentionChanged): () => void {
    this.#retentionListeners.add(listener);
    return () => void this.#retentionListeners.delete(listener);
  }

  /** For background work: a live space with the account it uses; undefined when it is gone. */
  account(spaceKey: string): Promise<SpaceAccess | undefined> {
    return this.#deps.store.account(spaceKey);
  }

  /**
   * For work that outlives its call, and counts as the user's activity: the user as a principal with every scope a member's key can
   * hold, and the space with the role held there now. Undefined when the user is not active any more, or has no role there.
   */
  async standIn(userId: string, spaceId: string): Promise<{ readonly principal: Principal; readonly space: SpaceAccess } | undefined> {
    const { store } = this.#deps;
    const user = await this.#activeUser(userId);
    if (user === undefined) return undefined;
    this.activity.note(userId);
    const space = await store.access(userId, { by: 'id', id: spaceId });
    return space && { principal: standInFor(user), space };
  }

  /** Keys of all spaces whose bytes count on the user's account. */
  spacesPaidBy(userId: string): Promise<readonly string[]> {
    return this.#deps.store.spacesPaidBy(userId);
  }

  /** Who the caller is. The spaces are those the credential may use. */
  async profile(principal: Principal): Promise<Profile> {
    const { store } = this.#deps;
    const { caller, credential } = principal;
    const [user, key, page] = await Promise.all([
      store.user(caller.userId),
      store.key(credential.id),
      this.spaces.list(principal, { all: false, limit: PROFILE_SPACES }),
    ]);
    if (user === undefined) throw notFound('user');
    return { user, ...(key !== undefined && { key }), spaces: page.items, more: page.nextCursor !== undefined };
  }

  /** Newest first. */
  async audit(
    principal: Principal,
    request: PageRequest & { readonly actor?: string | undefined; readonly subject?: string | undefined },
  ): Promise<Page<AuditRow>> {
    requireScope(principal, 'admin');
    const { actor, subject } = request;
    const filter = { ...(actor !== undefined && { actor }), ...(subject !== undefined && { subject }) };
    return readPage(
      request,
      (page) => this.#deps.store.audit(filter, page),
      ({ at, id }) => ({ at, id: String(id) }),
    );
  }

  /** First start: makes the owner and answers with the key, this once; undefined when there are users already. */
  async bootstrap(name = 'owner'): Promise<{ readonly userId: string; readonly name: string; readonly secret: string } | undefined> {
    const { store, clock } = this.#deps;
    const user = newUser(this.#deps, { name, role: 'admin' });
    const { key, secret } = newKey(this.#deps, { userId: user.id, name: 'first key', scopes: SCOPES, createdAt: clock.now(), createdBy: user.id });
    const audit = auditEntry({ userId: user.id, credentialId: 'bootstrap' }, user.createdAt, 'bootstrap', user.id);
    const isFirst = await store.createFirst(user, key, audit);
    this.#authenticator.forget({});
    return isFirst ? { userId: user.id, name, secret } : undefined;
  }

  /** At start: ends deletions that were interrupted; answers how many. */
  resumeIntents(): Promise<number> {
    return this.deletions.resume();
  }

  /** Writes down the last uses of keys and the activity of users. May be called more than once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#keyUses.flush(), this.activity.flush()]);
  }

  /** The user, if neither it nor the service that named it is disabled or gone. */
  async #activeUser(userId: string): Promise<User | undefined> {
    const { store } = this.#deps;
    const user = await store.user(userId);
    if (user?.status !== 'active') return undefined;
    if (user.service === undefined) return user;
    return (await store.user(user.service.id))?.status === 'active' ? user : undefined;
  }

  #lastUses(what: string, everyMs: number, write: (uses: readonly Use[]) => Promise<void>): LastUses {
    const { clock, logger } = this.#deps;
    return new LastUses({ what, everyMs, write, clock, logger });
  }

  #core(): IdentityCore {
    const { store, spaceData, clock, ids } = this.#deps;
    const drop = (change: AuthorityChange, ofUser: 'forget' | 'lost'): void => {
      if (change.spaceId === undefined) this.#authenticator[ofUser](change);
      if (change.credentialId === undefined) this.#directory.forget(change);
    };
    return {
      store,
      spaceData,
      clock,
      ids,
      accountChanged: async (payer) => {
        for (const listener of this.#accountListeners) await listener(payer);
      },
      retentionChanged: async (spaceKey) => {
        for (const listener of this.#retentionListeners) await listener(spaceKey);
      },
      space: (principal, spaceId) => this.space(principal, spaceId),
      forget: (change) => drop(change, 'forget'),
      lost: (change) => {
        drop(change, 'lost');
        this.#feed.tell(change);
      },
    };
  }
}
