import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { hashSecret } from '../../kernel/ids.ts';
import { type Caller, type Credential, type Principal, SCOPES } from '../../kernel/operation.ts';
import type { LastUses } from './last-uses.ts';
import { delegatedScopes, isExternalId, scopesOfRole, type User } from './model.ts';
import type { ServiceUsers } from './service-users.ts';
import type { CredentialRecord, IdentityStore } from './store.ts';

/** How long a proved credential is believed without a look; a change drops it at once. */
const CACHE_MS = 30_000;
const CACHE_SIZE = 20_000;
/** Unknown secrets are remembered for a moment only. */
const UNKNOWN_MS = 5000;
const UNKNOWN_SIZE = 10_000;
/** Losses of authority remembered one by one; of what was proved before an older one, nothing stands. */
const LOSSES_SIZE = 10_000;

const SECRET = /^pmn_[0-9a-hjkmnp-tv-z]{52}$/;
/** Id under which calls with the server's local credential stand in the audit. */
export const LOCAL_CREDENTIAL_ID = 'key_local';
/** Stands where a key's id would, for work that goes on without one. */
const STAND_IN_ID = 'key_none';

export interface AuthenticatorDeps {
  readonly store: Pick<IdentityStore, 'credentialByHash' | 'owner'>;
  readonly serviceUsers: ServiceUsers;
  /** Of keys, and of users. */
  readonly uses: { readonly keys: Pick<LastUses, 'note'>; readonly users: Pick<LastUses, 'note'> };
  readonly clock: Clock;
  /** Accepted as the owner with all scopes; held in memory only. */
  readonly localSecret: string;
}

interface Proved {
  readonly principal: Principal;
  /** UTC ms; Infinity for a key that does not expire. */
  readonly expiresAt: number;
}

/** When a principal was proved, and until when the proof holds. */
interface Proof {
  readonly generation: number;
  readonly expiresAt: number;
}

/** Proves who calls. All its caches are bounded; their keys are full hashes, so none can meet another's entry. */
export class Authenticator {
  readonly #deps: AuthenticatorDeps;
  readonly #localHash: string;
  readonly #proved: BoundedMap<string, Proved>;
  readonly #unknown: BoundedMap<string, true>;
  /** By the principal's own credential object, which contexts hand on. */
  readonly #proofs = new WeakMap<Credential, Proof>();
  /** Generation of the last loss of each user and credential. */
  readonly #losses: BoundedMap<string, number>;
  /** Grows with each drop: what was read before one must not be kept after it. */
  #generation = 0;
  #oldestStanding = 0;

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
    this.#localHash = hashSecret(deps.localSecret);
    this.#proved = new BoundedMap({ maxSize: CACHE_SIZE, ttl: { ms: CACHE_MS, clock: deps.clock } });
    this.#unknown = new BoundedMap({ maxSize: UNKNOWN_SIZE, ttl: { ms: UNKNOWN_MS, clock: deps.clock } });
    this.#losses = new BoundedMap({ maxSize: LOSSES_SIZE, onEvict: (_key, generation) => (this.#oldestStanding = generation) });
  }

  /** Rejects with `unauthenticated`, in one text for every reason, or `forbidden` for `onBehalfOf` without the scope. */
  async authenticate(secret: string, onBehalfOf?: string): Promise<Principal> {
    if (!SECRET.test(secret)) throw unauthenticated();
    const hash = hashSecret(secret);
    const proved = this.#kept(hash) ?? (await this.#prove(hash));
    const { uses } = this.#deps;
    if (hash !== this.#localHash) uses.keys.note(proved.principal.credential.id);
    uses.users.note(proved.principal.caller.userId);
    if (onBehalfOf === undefined) return proved.principal;
    const served = await this.#behalf(hash, proved, onBehalfOf);
    uses.users.note(served.caller.userId);
    return served;
  }

  /** Drops what rests on the user or on the credential. What a service named is only looked up once the service itself is proved. */
  forget(changed: { readonly userId?: string; readonly credentialId?: string }): void {
    this.#generation += 1;
    this.#unknown.clear();
    for (const [key, { principal }] of this.#proved) {
      const { caller, credential } = principal;
      const rests = caller.userId === changed.userId || credential.id === changed.credentialId;
      if (rests) this.#proved.delete(key);
    }
  }

  /** As {@link forget}, and nothing that was proved before stands any more. */
  lost(changed: { readonly userId?: string; readonly credentialId?: string }): void {
    this.forget(changed);
    for (const id of [changed.userId, changed.credentialId]) if (id !== undefined) this.#losses.set(id, this.#generation);
  }

  /**
   * Does a principal proved earlier still rest on what it was proved by? False after a loss, and after the key's expiry.
   * Between proof and call a body is read, for hours if its sender likes.
   */
  stands(principal: Principal): boolean {
    const proof = this.#proofs.get(principal.credential);
    if (proof === undefined || proof.expiresAt <= this.#deps.clock.now()) return false;
    const lostAt = (id: string): number => this.#losses.get(id) ?? this.#oldestStanding;
    return proof.generation >= lostAt(principal.caller.userId) && proof.generation >= lostAt(principal.credential.id);
  }

  #kept(key: string): Proved | undefined {
    const proved = this.#proved.get(key);
    if (proved === undefined || proved.expiresAt > this.#deps.clock.now()) return proved;
    this.#proved.delete(key);
    return undefined;
  }

  async #prove(hash: string): Promise<Proved> {
    if (this.#unknown.has(hash)) throw unauthenticated();
    const generation = this.#generation;
    const record = await this.#find(hash);
    const now = this.#deps.clock.now();
    if (record === undefined || !isLive(record, now)) {
      if (generation === this.#generation) this.#unknown.set(hash, true);
      throw unauthenticated();
    }
    return this.#keep(hash, provedOf(record), generation);
  }

  #keep(key: string, proved: Proved, generation: number): Proved {
    this.#proofs.set(proved.principal.credential, { generation, expiresAt: proved.expiresAt });
    if (generation === this.#generation) this.#proved.set(key, proved);
    return proved;
  }

  async #find(hash: string): Promise<CredentialRecord | undefined> {
    if (hash !== this.#localHash) return this.#deps.store.credentialByHash(hash);
    const user = await this.#deps.store.owner();
    return user && { user, key: { id: LOCAL_CREDENTIAL_ID, userId: user.id, name: 'local', scopes: SCOPES, createdAt: 0, createdBy: user.id } };
  }

  async #behalf(hash: string, service: Proved, externalId: string): Promise<Principal> {
    const { scopes } = service.principal.credential;
    if (!scopes.includes('on_behalf')) throw new PolymniaError('forbidden', 'To act for another user this needs a credential with scope on_behalf.');
    if (!isExternalId(externalId)) {
      throw new PolymniaError('invalid_input', 'The user to act for is named by 1 to 256 printable characters, without blanks at the ends.');
    }
    const key = `${hash}\0${externalId}`;
    const kept = this.#kept(key);
    if (kept !== undefined) return kept.principal;
    const generation = this.#generation;
    const user = await this.#deps.serviceUsers.claim(service.principal.caller.userId, externalId);
    if (user.status !== 'active') throw unauthenticated();
    const principal = frozenPrincipal(user, { ...service.principal.credential, scopes: delegatedScopes(scopes) });
    return this.#keep(key, { principal, expiresAt: service.expiresAt }, generation).principal;
  }
}

function isLive({ key, user }: CredentialRecord, now: number): boolean {
  return key.revokedAt === undefined && (key.expiresAt ?? Infinity) > now && user.status === 'active' && user.service === undefined;
}

function provedOf({ key, user }: CredentialRecord): Proved {
  const scopes = scopesOfRole(user.role, key.scopes);
  const principal = frozenPrincipal(user, { id: key.id, scopes, ...(key.spaces !== undefined && { spaces: key.spaces }) });
  return { principal, expiresAt: key.expiresAt ?? Infinity };
}

/** The user as caller; deeply frozen, since the calls of one credential share it. */
function callerOf(user: User): Caller {
  const { rate } = user.limits;
  const limits = Object.freeze({ ...user.limits, ...(rate !== undefined && { rate: Object.freeze({ ...rate }) }) });
  const { id: userId, name, timeZone, weight } = user;
  return Object.freeze({ userId, name, timeZone, weight, limits, group: user.service?.id ?? userId });
}

function frozenPrincipal(user: User, { id, scopes, spaces }: Principal['credential']): Principal {
  const credential = Object.freeze({ id, scopes: Object.freeze([...scopes]), ...(spaces !== undefined && { spaces: Object.freeze([...spaces]) }) });
  return Object.freeze({ caller: callerOf(user), credential });
}

/** The user as a principal of work that goes on without a call. */
export function standInFor(user: User): Principal {
  const scopes = scopesOfRole('member', SCOPES);
  return frozenPrincipal(user, { id: STAND_IN_ID, scopes: user.service === undefined ? scopes : delegatedScopes(scopes) });
}

function unauthenticated(): PolymniaError {
  return new PolymniaError('unauthenticated', 'The credential is missing or not valid.');
}
