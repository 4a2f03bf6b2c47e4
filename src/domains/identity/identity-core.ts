import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Principal, SpaceAccess } from '../../kernel/operation.ts';
import type { AuthorityChange } from './authority-feed.ts';
import type { AccountChanged, RetentionChanged, SpaceData } from './ports.ts';
import type { IdentityStore } from './store.ts';

/** What the parts of the identity service share. */
export interface IdentityCore {
  readonly store: IdentityStore;
  readonly spaceData: SpaceData;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly accountChanged: AccountChanged;
  readonly retentionChanged: RetentionChanged;
  space(principal: Principal, spaceId: string | undefined): Promise<SpaceAccess>;
  /** After a commit that changed something about the user, the credential or the space: caches are dropped. */
  forget(change: AuthorityChange): void;
  /** After a commit that took authority away: caches are dropped, and whoever runs on it is told. */
  lost(change: AuthorityChange): void;
}
