import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { hashSecret } from '../../kernel/ids.ts';
import type { Principal, Scope } from '../../kernel/operation.ts';
import { actorOf, auditEntry, holds, requireScope } from './actor.ts';
import { LOCAL_CREDENTIAL_ID } from './authenticator.ts';
import { excessOf, type Grant, withinBounds } from './delegation.ts';
import type { IdentityCore } from './identity-core.ts';
import type { ApiKey, User } from './model.ts';
import { type Page, type PageRequest, readPage } from './paging.ts';
import type { NewKey } from './store.ts';

/** What a key may do when nothing is said: remember and recall, index and search, as far as its creator may. */
const DEFAULT_SCOPES: readonly Scope[] = ['memory:read', 'memory:write', 'code:read', 'code:write', 'chat'];

export interface KeyWish {
  /** Whose key; the caller's own when absent, another's needs scope `admin`. */
  readonly userId?: string | undefined;
  readonly name: string;
  readonly scopes?: readonly Scope[] | undefined;
  readonly spaces?: readonly string[] | undefined;
  readonly expiresAt?: number | undefined;
}

/** A new key, to be stored, and its secret, to be shown once. */
export function newKey(core: Pick<IdentityCore, 'ids'>, fields: Omit<NewKey, 'id' | 'hash'>): { readonly key: NewKey; readonly secret: string } {
  const secret = core.ids.secret();
  return { key: { ...fields, id: core.ids.handle('key'), hash: hashSecret(secret) }, secret };
}

/** API keys: one's own with scope `keys:manage`, another's with `admin` as well. */
export class Keys {
  readonly #core: IdentityCore;

  constructor(core: IdentityCore) {
    this.#core = core;
  }

  /** The secret is in this answer and nowhere else. What exceeds the creator is refused with `forbidden`. */
  async create(principal: Principal, wish: KeyWish): Promise<{ readonly key: ApiKey; readonly secret: string }> {
    requireScope(principal, 'keys:manage');
    const { store, clock } = this.#core;
    const user = await this.#subject(principal, wish.userId);
    const createdAt = clock.now();
    if (wish.expiresAt !== undefined && wish.expiresAt <= createdAt) throw new PolymniaError('invalid_input', 'expiresAt must lie in the future.');
    const grant = await this.#grant(principal, user, wish);
    const createdBy = principal.caller.userId;
    const { key, secret } = newKey(this.#core, { userId: user.id, name: wish.name, createdAt, createdBy, ...grant });
    const needsAdmin = user.id !== createdBy || grant.scopes.includes('admin');
    const creatorKey = principal.credential.id === LOCAL_CREDENTIAL_ID ? {} : { creatorKey: principal.credential.id };
    const facts = { userId: user.id, ...grant };
    const audit = auditEntry(actorOf(principal), createdAt, 'create_key', key.id, facts);
    return { key: await store.createKey(key, { creator: createdBy, needsAdmin, ...creatorKey }, audit), secret };
  }

  async list(principal: Principal, request: PageRequest & { readonly userId?: string | undefined }): Promise<Page<ApiKey>> {
    requireScope(principal, 'keys:manage');
    const { id } = await this.#subject(principal, request.userId);
    return readPage(
      request,
      (page) => this.#core.store.keys(id, page),
      (key) => ({ at: key.createdAt, id: key.id }),
    );
  }

  /** Effective at once on this node: nothing new gets in, and what runs on the key is told. */
  async revoke(principal: Principal, keyId: string): Promise<ApiKey> {
    requireScope(principal, 'keys:manage');
    const { store, clock } = this.#core;
    const key = await store.key(keyId);
    if (key === undefined || !(key.userId === principal.caller.userId || holds(principal, 'admin'))) throw notFound('key');
    const revoked = await store.revokeKey(keyId, auditEntry(actorOf(principal), clock.now(), 'revoke_key', keyId, { userId: key.userId }));
    this.#core.lost({ credentialId: keyId });
    return revoked;
  }

  async #subject(principal: Principal, userId: string | undefined): Promise<User> {
    const id = userId ?? principal.caller.userId;
    const user = id === principal.caller.userId || holds(principal, 'admin') ? await this.#core.store.user(id) : undefined;
    if (user === undefined) throw notFound('user');
    return user;
  }

  async #grant(principal: Principal, user: User, wish: KeyWish): Promise<Grant> {
    const creator = await this.#creatorGrant(principal);
    const { spaces, expiresAt } = wish;
    const wanted = {
      scopes: wish.scopes ?? defaultScopes(creator),
      ...(spaces !== undefined && { spaces }),
      ...(expiresAt !== undefined && { expiresAt }),
    };
    const grant = withinBounds(creator, wanted);
    const excess = excessOf(creator, grant);
    if (excess !== undefined) throw new PolymniaError('forbidden', excess);
    if (user.role !== 'admin' && grant.scopes.includes('admin')) {
      throw new PolymniaError('forbidden', 'Only a key of an administrator can hold scope admin; change the role of the user first.');
    }
    return grant;
  }

  async #creatorGrant({ credential }: Principal): Promise<Grant> {
    const own = credential.id === LOCAL_CREDENTIAL_ID ? undefined : await this.#core.store.key(credential.id);
    const expiresAt = own?.expiresAt;
    const { scopes, spaces } = credential;
    return { scopes, ...(spaces !== undefined && { spaces }), ...(expiresAt !== undefined && { expiresAt }) };
  }
}

/** A creator that holds none of them is told so. */
function defaultScopes({ scopes }: Grant): readonly Scope[] {
  const held = DEFAULT_SCOPES.filter((scope) => scopes.includes(scope));
  return held.length > 0 ? held : DEFAULT_SCOPES;
}
