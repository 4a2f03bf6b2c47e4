import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SyncReport } from '../../src/domains/code/model.ts';
import type { SyncTask } from '../../src/domains/code/ports.ts';

export interface SyncOrder {
  /** The built server program: its own sync is measured. */
  readonly main: string;
  readonly task: SyncTask;
  /** Instead of a sync: read, hash and parse these files, in one thread. */
  readonly only?: readonly string[];
}

export interface SyncAnswer {
  readonly report?: SyncReport;
  readonly textReadyMs?: number;
  readonly ms: number;
  /** Of all its threads. */
  readonly cpuMs: number;
  /** The most it ever held. */
  readonly rssMb: number;
}

const CHILD = join(import.meta.dirname, '../sync-child.ts');

/** Runs one order in a new process. */
export async function inSyncProcess(order: SyncOrder): Promise<SyncAnswer> {
  const child = fork(CHILD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(order);
  const ended = once(child, 'exit');
  const answered = once(child, 'message') as Promise<[SyncAnswer]>;
  const first = await Promise.race([answered, ended.then(([code]) => Promise.reject(new Error(`a sync process ended with ${String(code)}`)))]);
  await ended;
  return first[0];
}
