import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Principal, SpaceAccess } from '../../kernel/operation.ts';
import type { IdentityStore, SpaceTarget } from './store.ts';

const CACHE_MS = 30_000;
const CACHE_SIZE = 50_000;

/** Which spaces a principal may use, and as what. Not a member, or outside the credential's spaces: as if there were none. */
export class SpaceDirectory {
  readonly #store: Pick<IdentityStore, 'access' | 'accesses'>;
  readonly #cache: BoundedMap<string, { readonly userId: string; readonly access: SpaceAccess }>;
  #generation = 0;

  constructor(store: Pick<IdentityStore, 'access' | 'accesses'>, clock: Clock) {
    this.#store = store;
    this.#cache = new BoundedMap({ maxSize: CACHE_SIZE, ttl: { ms: CACHE_MS, clock } });
  }

  /** By public id; undefined = the personal space. */
  space(principal: Principal, spaceId: string | undefined): Promise<SpaceAccess> {
    return this.#find(principal, spaceId === undefined ? { by: 'personal' } : { by: 'id', id: spaceId });
  }

  spaceByKey(principal: Principal, key: string): Promise<SpaceAccess> {
    return this.#find(principal, { by: 'key', key });
  }

  /** The personal space first. */
  async readableSpaces({ caller, credential }: Principal): Promise<readonly SpaceAccess[]> {
    const all = await this.#store.accesses(caller.userId);
    return all.filter(({ id }) => credential.spaces?.includes(id) ?? true);
  }

  /** Drops what is known of the user's memberships, of the space, or of spaces the user pays for. */
  forget({ userId, spaceId }: { readonly userId?: string; readonly spaceId?: string }): void {
    this.#generation += 1;
    for (const [key, entry] of this.#cache) {
      const rests = entry.userId === userId || entry.access.payer === userId || entry.access.id === spaceId;
      if (rests) this.#cache.delete(key);
    }
  }

  async #find({ caller, credential }: Principal, target: SpaceTarget): Promise<SpaceAccess> {
    const access = await this.#access(caller.userId, target);
    const isAllowed = access !== undefined && (credential.spaces?.includes(access.id) ?? true);
    if (!isAllowed) throw notFound('space');
    return access;
  }

  /** Only what is there is kept: names of what is not are anybody's to make up. */
  async #access(userId: string, target: SpaceTarget): Promise<SpaceAccess | undefined> {
    const key = `${userId}\0${target.by}\0${targetName(target)}`;
    const kept = this.#cache.get(key);
    if (kept !== undefined) return kept.access;
    const generation = this.#generation;
    const access = await this.#store.access(userId, target);
    if (access === undefined) return undefined;
    const frozen = Object.freeze(access);
    if (generation === this.#generation) this.#cache.set(key, { userId, access: frozen });
    return frozen;
  }
}

function targetName(target: SpaceTarget): string {
  switch (target.by) {
    case 'personal':
      return '';
    case 'id':
      return target.id;
    case 'key':
      return target.key;
  }
}
