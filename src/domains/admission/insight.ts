import type { LockState } from '../../kernel/keyed-lock.ts';
import type { LaneState } from './lanes.ts';
import type { UserUsage } from './usage-book.ts';

/** The server's inside as it stands, for administrators. */
export interface Insight {
  lanes(maxUsers: number): readonly LaneState[];
  busiest(limit: number): readonly UserUsage[];
  locks(): readonly LockState[];
}
