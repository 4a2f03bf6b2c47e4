import type { LockState } from '../../kernel/keyed-lock.ts';
import type { JobLane } from '../../kernel/operation.ts';
import type { LaneState } from './lanes.ts';
import type { UserUsage } from './usage-book.ts';

/** The server's inside as it stands, and what administrators may do with it. */
export interface ServerControl {
  lanes(maxUsers: number): readonly LaneState[];
  jobLanes(maxUsers: number): Promise<readonly JobLaneReport[]>;
  busiest(limit: number): readonly UserUsage[];
  locks(): readonly LockState[];
  /** Copies everything stored into a new folder while the server runs; `onFile` is told how many files are done. */
  backup(directory: string, signal: AbortSignal, onFile: (done: number) => void): Promise<BackupReport>;
}

/** The durable line of one lane, as the job table holds it. */
export interface JobLaneReport {
  readonly lane: JobLane;
  readonly mode: 'open' | 'paused' | 'draining';
  readonly queued: number;
  readonly running: number;
  /** Of the jobs that are due. */
  readonly oldestWaitMs: number;
  readonly lines: readonly {
    readonly userId: string;
    readonly queued: number;
    readonly running: number;
    readonly weight: number;
    readonly virtualTime: number;
    readonly group: string;
  }[];
}

export interface BackupReport {
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}
