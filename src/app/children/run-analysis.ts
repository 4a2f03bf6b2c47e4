import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { analyse } from '../../domains/code/analysis/analyse.ts';
import type { AnalysisDone, AnalysisEvent, AnalysisTask } from '../../domains/code/analysis/task.ts';
import { AnalysisRows } from '../../storage/sqlite/code/analysis-rows.ts';
import type { ChildHost } from './child-host.ts';

const US_PER_MS = 1000;

/** Analyses one generation of an index: the `analyse` task of a child process. */
export async function runAnalysis(payload: unknown, host: Pick<ChildHost, 'event'>): Promise<AnalysisDone> {
  const { folder, ...request } = payload as AnalysisTask;
  using generation = openRows(folder);
  if (generation === undefined) return { outcome: 'replaced' };
  const tell = (event: AnalysisEvent): void => host.event(event);
  await analyse(
    { ...request, generation },
    {
      spentMs,
      breathe,
      progress: (phase, done, total, unit) => tell({ kind: 'progress', phase, done, total, unit }),
      edges: (blocks) => tell({ kind: 'edges', blocks }),
      ended: (phase, result) => tell({ kind: 'phase', phase, result }),
    },
  );
  return { outcome: 'done' };
}

/** Undefined when the folder went before all its files were open. */
function openRows(folder: string): AnalysisRows | undefined {
  try {
    return new AnalysisRows(folder);
  } catch (error) {
    if (!existsSync(join(folder, 'manifest.db'))) return undefined;
    throw error;
  }
}

function spentMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / US_PER_MS;
}
