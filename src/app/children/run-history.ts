import type { HistoryDone, HistoryTask } from '../../domains/code/analysis/task.ts';
import type { SourceOpener } from '../../domains/code/ports.ts';
import { systemClock } from '../../kernel/clock.ts';
import { createSourceOpener } from '../../providers/sources/source-opener.ts';
import type { ChildHost } from './child-host.ts';

/** Reads how often files were changed of late: the `history` task of a child process. Nobody else works on the clone meanwhile. */
export async function runHistory(payload: unknown, { signal }: Pick<ChildHost, 'signal'>): Promise<HistoryDone> {
  const task = payload as HistoryTask;
  const { allowSsh, allowedPrivateHosts, gitCaFile: caFile } = task;
  const installation = caFile === undefined ? {} : { caFile };
  return await readHistory(task, createSourceOpener({ clock: systemClock, allowSsh, allowedPrivateHosts, installation }), signal);
}

/** The most changed first; merges and what was before the oldest commit looked at are left out. */
export async function readHistory(task: HistoryTask, opener: SourceOpener, signal: AbortSignal): Promise<HistoryDone> {
  const { source, cloneFolder, budgets, maxCommits, maxFiles } = task;
  await using snapshot = await opener.open({ source, cloneFolder, budgets, allowedRoots: [], known: new Map(), signal, progress: () => {} });
  const changes = (await snapshot.churn?.(maxCommits, signal)) ?? [];
  return { changes: changes.toSorted((a, b) => b.commits - a.commits || (a.path < b.path ? -1 : 1)).slice(0, maxFiles) };
}
