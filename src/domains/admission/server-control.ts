import type { LockState } from '../../kernel/keyed-lock.ts';
import type { LaneState } from './lanes.ts';
import type { UserUsage } from './usage-book.ts';

/** The server's inside as it stands, and what administrators may do with it. */
export interface ServerControl {
  lanes(maxUsers: number): readonly LaneState[];
  busiest(limit: number): readonly UserUsage[];
  locks(): readonly LockState[];
  /** Copies everything stored into a new folder while the server runs; `onFile` is told how many files are done. */
  backup(directory: string, signal: AbortSignal, onFile: (done: number) => void): Promise<BackupReport>;
}

export interface BackupReport {
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}
