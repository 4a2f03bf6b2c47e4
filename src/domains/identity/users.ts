import { notFound } from '../../kernel/errors.ts';
import type { Principal, UserLimits } from '../../kernel/operation.ts';
import { actorOf, auditEntry, requireScope } from './actor.ts';
import type { IdentityCore } from './identity-core.ts';
import { IDENTITY_LIMITS, nameKey, type User, type UserRole } from './model.ts';
import { type Page, type PageRequest, readPage } from './paging.ts';
import type { NewUser, UserChange } from './store.ts';

export interface UserWish {
  readonly name: string;
  readonly role?: UserRole | undefined;
  readonly timeZone?: string | undefined;
  readonly weight?: number | undefined;
  readonly limits?: UserLimits | undefined;
}

export interface UserListRequest extends PageRequest {
  /** Exact, without regard to case. */
  readonly name?: string | undefined;
  readonly serviceId?: string | undefined;
}

/** Absent or undefined = unchanged. */
export type UserEdit = { readonly [Field in keyof UserChange]?: UserChange[Field] | undefined };

/** A user to be stored, with the personal space every user has from the start. */
export function newUser(core: Pick<IdentityCore, 'ids' | 'clock'>, wish: UserWish): NewUser {
  const { ids, clock } = core;
  return {
    id: ids.handle('user'),
    name: wish.name,
    nameKey: nameKey(wish.name),
    role: wish.role ?? 'member',
    timeZone: wish.timeZone ?? 'UTC',
    weight: wish.weight ?? 1,
    limits: wish.limits ?? {},
    createdAt: clock.now(),
    personal: { id: ids.handle('space'), key: ids.spaceKey() },
  };
}

/** Administration of users; all of it needs scope `admin`. Deleting one is in `deletions.ts`. */
export class Users {
  readonly #core: IdentityCore;

  constructor(core: IdentityCore) {
    this.#core = core;
  }

  async create(principal: Principal, wish: UserWish): Promise<User> {
    requireScope(principal, 'admin');
    const user = newUser(this.#core, wish);
    return this.#core.store.createUser(user, auditEntry(actorOf(principal), user.createdAt, 'create_user', user.id, { role: user.role }));
  }

  async list(principal: Principal, request: UserListRequest): Promise<Page<User>> {
    requireScope(principal, 'admin');
    const { name, serviceId } = request;
    const filter = { ...(name !== undefined && { nameKey: nameKey(name) }), ...(serviceId !== undefined && { serviceId }) };
    return readPage(
      request,
      (page) => this.#core.store.users(filter, page),
      ({ createdAt, id }) => ({ at: createdAt, id }),
    );
  }

  /** Disabling and a change of role end what runs; the rest holds from the next call on. */
  async update(principal: Principal, userId: string, edit: UserEdit): Promise<User> {
    requireScope(principal, 'admin');
    const { store, clock } = this.#core;
    const before = await store.user(userId);
    if (before === undefined) throw notFound('user');
    const change: UserChange = Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined));
    const user = await store.updateUser(
      userId,
      change,
      auditEntry(actorOf(principal), clock.now(), 'update_user', userId, change as Record<string, unknown>),
    );
    if (user.role === before.role && user.status === before.status) this.#core.forget({ userId });
    else await this.#lost(userId);
    return user;
  }

  async #lost(userId: string): Promise<void> {
    this.#core.lost({ userId });
    const keys = await this.#core.store.keys(userId, { limit: 2 * IDENTITY_LIMITS.keysPerUser + 1 });
    for (const { id, revokedAt } of keys) if (revokedAt === undefined) this.#core.lost({ credentialId: id });
  }
}
