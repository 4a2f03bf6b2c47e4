import type { SpaceKey } from '../../kernel/ids.ts';
import type { Caller, Lane } from '../../kernel/operation.ts';

/** What identity asks of whoever keeps the spaces' files when users and spaces are deleted. */
export interface SpaceData {
  /**
   * Deletes all that a space holds. Idempotent: a space without a file answers 0 bytes. Writes that run are waited for or
   * fail, and none may begin afterwards: the key is never given out again.
   */
  drop(spaceKey: SpaceKey): Promise<{ readonly bytes: number }>;
  /** Removes what the user wrote into the space, in slices. Idempotent. */
  purgeAuthored(spaceKey: SpaceKey, author: string): Promise<{ readonly removed: number }>;
}

/** What clean-up asks of whoever keeps the spaces. A space in use is never disturbed: whoever comes for it has it at once. */
export interface IdleSpaces {
  /** Forgets what is kept to be quick, and closes files. True when a file was closed; false in use, too. */
  letGo(spaceKey: SpaceKey, signal: AbortSignal): Promise<boolean>;
  /**
   * Takes what the space holds out of use, to less room; it comes back whole by itself when it is asked for. `absent`: it holds
   * nothing; `archived`: it is already; `in_use`: somebody has it, or came for it meanwhile. Rejects on abort and failures of the disk.
   */
  archive(spaceKey: SpaceKey, signal: AbortSignal): Promise<ArchiveOutcome>;
  isArchived(spaceKey: SpaceKey): boolean;
  /** On disk, as it stands. */
  bytes(spaceKey: SpaceKey): Promise<number>;
}

export type ArchiveOutcome = 'absent' | 'archived' | 'in_use' | { readonly fileBytes: number; readonly packedBytes: number };

/** Whoever counts storage: told, after the fact, of each user whose spaces changed otherwise than by a write. */
export type AccountChanged = (payer: string) => Promise<void>;

/**
 * Whoever keeps conversations: told after the commit when a space's retention was set, and before who set it. Rejects when what is
 * stored could not be brought in line at once; the work that was noted with the commit does it later.
 */
export type RetentionChanged = (spaceKey: SpaceKey) => Promise<void>;

/** What is left of a caller's limits, as the gate knows it. */
export interface Standing {
  of(caller: Caller): Promise<StandingReport>;
}

export interface StandingReport {
  readonly rates: readonly {
    readonly lane: Lane;
    readonly limit: number;
    readonly windowMs: number;
    readonly remaining: number;
    /** Until at least one more unit is free; 0 when one is. */
    readonly resetMs: number;
  }[];
  /** Over all spaces the caller pays for. */
  readonly storage: { readonly usedBytes: number; readonly limitBytes: number };
  /** Calls of the caller in flight, and waiting for their turn. */
  readonly running: number;
  readonly waiting: number;
}
