import type { FinalState } from '../../../../domains/jobs/model.ts';
import type { JobPlace } from '../job-rows.ts';
import type { SystemFile } from '../open-system-file.ts';
import { count } from './job-lines.ts';

interface Ending {
  readonly state: FinalState;
  readonly now: number;
  readonly result?: string | null;
  readonly error?: string | null;
  readonly progress?: string | null;
}

/** Ends a queued or running job. Its virtual time is settled already, if it ran. */
export function endJob(file: SystemFile, place: JobPlace, { state, now, result = null, error = null, progress = null }: Ending): void {
  const sql = `update jobs set state = ?, ready = 0, finished_at = ?, lease_until = null, unwatched_since = null, error = ?,
    progress = coalesce(?, progress) where seq = ?`;
  file.run(sql, state, now, error, progress, place.seq);
  if (result !== null) file.run('update job_bodies set result = ? where seq = ?', result, place.seq);
  count(file, place, place.state === 'running' ? { running: -1 } : { queued: -1, ready: -place.ready });
}
