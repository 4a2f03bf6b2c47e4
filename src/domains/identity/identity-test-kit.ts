import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, systemClock } from '../../kernel/clock.ts';
import { createIds } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { Principal, Scope } from '../../kernel/operation.ts';
import { createSqliteIdentityStore } from '../../storage/sqlite/system/sqlite-identity-store.ts';
import { SystemDatabase } from '../../storage/sqlite/system/system-database.ts';
import type { AuthorityChange } from './authority-feed.ts';
import type { User } from './model.ts';
import type { SpaceData } from './ports.ts';
import { type IdentityDeps, IdentityService } from './service.ts';

/** Remembers what was dropped and purged, as the memory side would do it. Fails while `failing` is set. */
export class RecordingSpaceData implements SpaceData {
  readonly dropped: string[] = [];
  readonly purged: string[] = [];
  failing: Error | undefined;

  async drop(spaceKey: string): Promise<{ bytes: number }> {
    if (this.failing !== undefined) throw this.failing;
    this.dropped.push(spaceKey);
    return { bytes: 4096 };
  }

  async purgeAuthored(spaceKey: string, author: string): Promise<{ removed: number }> {
    this.purged.push(`${spaceKey} ${author}`);
    return { removed: 3 };
  }
}

/** An identity service over a real file, with a clock that stands still and an owner. */
export interface IdentityTestKit extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly deps: IdentityDeps;
  readonly identity: IdentityService;
  readonly spaceData: RecordingSpaceData;
  readonly changes: AuthorityChange[];
  readonly owner: Principal;
  readonly ownerSecret: string;
  /** Opens another service over the same file, as after a restart. */
  restart(): IdentityService;
  /** A user with a key of the given scopes. */
  user(name: string, scopes?: readonly Scope[]): Promise<TestUser>;
}

export interface TestUser {
  readonly user: User;
  readonly secret: string;
  readonly keyId: string;
  readonly principal: Principal;
}

export const ALL_MEMBER_SCOPES: readonly Scope[] = ['memory:read', 'memory:write', 'keys:manage', 'spaces:manage', 'on_behalf'];

export async function openIdentityTestKit(options: Partial<IdentityDeps['options']> = {}): Promise<IdentityTestKit> {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-identity-'));
  const database = await SystemDatabase.open({ path: join(folder, 'system.db'), clock: systemClock });
  const clock = new ManualClock();
  const spaceData = new RecordingSpaceData();
  const deps: IdentityDeps = {
    store: createSqliteIdentityStore(database),
    spaceData,
    clock,
    ids: createIds(clock),
    logger: silentLogger,
    options: { maxUsersPerService: 100, newServiceUsersPerMin: 60, ...options },
  };
  const identity = new IdentityService(deps);
  const changes: AuthorityChange[] = [];
  identity.onAuthorityChange((change) => changes.push(change));
  const ownerSecret = (await identity.bootstrap())?.secret ?? '';
  const owner = await identity.authenticate(ownerSecret);
  return {
    clock,
    deps,
    identity,
    spaceData,
    changes,
    owner,
    ownerSecret,
    restart: () => new IdentityService(deps),
    async user(name, scopes = ALL_MEMBER_SCOPES) {
      const user = await identity.users.create(owner, { name });
      const { key, secret } = await identity.keys.create(owner, { userId: user.id, name: 'k', scopes });
      return { user, secret, keyId: key.id, principal: await identity.authenticate(secret) };
    },
    async [Symbol.asyncDispose]() {
      await identity[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
