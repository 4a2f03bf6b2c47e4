import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { type Principal, type Role, roleAllows } from '../../kernel/operation.ts';
import { actorOf, auditEntry, holds, requireScope } from './actor.ts';
import type { Deletions, SpaceDeletionReport } from './deletions.ts';
import type { IdentityCore } from './identity-core.ts';
import type { Member, Space, SpaceChange } from './model.ts';
import { type Page, type PageRequest, readPage } from './paging.ts';

/** A space as one of its members sees it; without a role when an administrator looks at all of them. */
export type SeenSpace = Space & { readonly role?: Role };

/** What is to be changed of a space. */
export type SpaceEdit = { readonly [Field in keyof SpaceChange]: SpaceChange[Field] | undefined };

/**
 * Spaces and their members: for owners with scope `spaces:manage`, and for administrators in every shared space. How long conversations
 * are kept they also say of personal ones.
 */
export class Spaces {
  readonly #core: IdentityCore;
  readonly #deletions: Deletions;

  constructor(core: IdentityCore, deletions: Deletions) {
    this.#core = core;
    this.#deletions = deletions;
  }

  /** The caller becomes owner and payer. */
  async create(principal: Principal, name: string): Promise<Space> {
    requireScope(principal, 'spaces:manage');
    if (principal.credential.spaces !== undefined) {
      throw new PolymniaError('forbidden', 'This key is limited to certain spaces and cannot make new ones.');
    }
    const { store, ids, clock } = this.#core;
    const payer = principal.caller.userId;
    const space: Space = { id: ids.handle('space'), key: ids.spaceKey(), name, kind: 'shared', payer, createdAt: clock.now() };
    return store.createSpace(space, auditEntry(actorOf(principal), space.createdAt, 'create_space', space.id));
  }

  /** The caller's own, or with `all` every shared one (scope `admin`). */
  async list(principal: Principal, request: PageRequest & { readonly all: boolean }): Promise<Page<SeenSpace>> {
    if (request.all) requireScope(principal, 'admin');
    const { caller, credential } = principal;
    const isAllowed = ({ id }: Space): boolean => credential.spaces?.includes(id) ?? true;
    const userId = request.all ? undefined : caller.userId;
    const place = ({ createdAt, id }: SeenSpace): { at: number; id: string } => ({ at: createdAt, id });
    const { items, ...rest } = await readPage(request, (at) => this.#core.store.spaces(userId, at), place);
    return { items: items.filter(isAllowed), ...rest };
  }

  /**
   * An owner may take over the payment; naming another payer needs scope `admin`, since it spends that user's quota. A new retention holds
   * for all conversations when this resolves; when it rejects after the commit, it is set, and they follow.
   */
  async update(principal: Principal, spaceId: string, edit: SpaceEdit): Promise<Space> {
    const { name, payer, conversationRetention } = edit;
    const isRetentionAlone = conversationRetention !== undefined && name === undefined && payer === undefined;
    const before = await this.#seen(principal, spaceId, 'owner', isRetentionAlone);
    if (payer !== undefined && payer !== principal.caller.userId) requireScope(principal, 'admin');
    const told = { ...(payer !== undefined && { payer }), ...(conversationRetention !== undefined && { conversationRetention }) };
    const change: SpaceChange = { ...(name !== undefined && { name }), ...told };
    const audit = auditEntry(actorOf(principal), this.#core.clock.now(), 'update_space', spaceId, told);
    const space = await this.#core.store.updateSpace(spaceId, change, audit);
    this.#core.forget({ spaceId });
    if (before.payer !== space.payer) await Promise.all([before.payer, space.payer].map((each) => this.#core.accountChanged(each)));
    if (conversationRetention !== undefined) await this.#core.retentionChanged(space.key);
    return space;
  }

  async delete(principal: Principal, spaceId: string): Promise<SpaceDeletionReport> {
    return this.#deletions.deleteSpace(actorOf(principal), await this.#managed(principal, spaceId));
  }

  /** Every member may know the others. */
  async listMembers(principal: Principal, spaceId: string, request: PageRequest): Promise<Page<Member>> {
    await this.#seen(principal, spaceId, 'reader');
    return readPage(
      request,
      (page) => this.#core.store.members(spaceId, page),
      ({ since, userId }) => ({ at: since, id: userId }),
    );
  }

  async setMember(principal: Principal, spaceId: string, userId: string, role: Role): Promise<Member> {
    await this.#managed(principal, spaceId);
    const at = this.#core.clock.now();
    const audit = auditEntry(actorOf(principal), at, 'set_member', spaceId, { userId, role });
    const member = await this.#core.store.setMember(spaceId, { userId, role, at }, audit);
    this.#core.lost({ userId, spaceId });
    return member;
  }

  /** Owners and administrators remove anybody; a member may leave. */
  async removeMember(principal: Principal, spaceId: string, userId: string): Promise<void> {
    if (userId === principal.caller.userId) await this.#seen(principal, spaceId, 'reader');
    else await this.#managed(principal, spaceId);
    await this.#core.store.removeMember(
      spaceId,
      userId,
      auditEntry(actorOf(principal), this.#core.clock.now(), 'remove_member', spaceId, { userId }),
    );
    this.#core.lost({ userId, spaceId });
  }

  #managed(principal: Principal, spaceId: string): Promise<Space> {
    return this.#seen(principal, spaceId, 'owner');
  }

  /** Administrators govern shared spaces, and personal ones only where that is said. */
  async #seen(principal: Principal, spaceId: string, needed: Role, governsPersonal = false): Promise<Space> {
    requireScope(principal, 'spaces:manage');
    const space = await this.#core.store.space(spaceId);
    if (space === undefined) throw notFound('space');
    const isGoverned = holds(principal, 'admin') && (space.kind === 'shared' || governsPersonal);
    if (isGoverned && (principal.credential.spaces?.includes(spaceId) ?? true)) return space;
    const { role } = await this.#core.space(principal, spaceId);
    if (!roleAllows(role, needed)) throw new PolymniaError('forbidden', `This needs role ${needed} in the space; yours is ${role}.`);
    return space;
  }
}
