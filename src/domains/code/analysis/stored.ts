import type { StoredAnalysis } from '../store.ts';
import type { EarlierAnalysis } from './delta.ts';
import type { AnalysisHead } from './outputs.ts';
import { type AnalysisParts, analysisParts, PHASES, type PhaseName } from './result.ts';

/** The phases of a stored analysis that this release can read. */
export function partsOf({ phases }: Pick<StoredAnalysis, 'phases'>): AnalysisParts {
  const parts: AnalysisParts = {};
  for (const name of PHASES) {
    const read = analysisParts.shape[name].safeParse(phases[name]);
    if (read.success && read.data !== undefined) Object.assign(parts, { [name]: read.data });
  }
  return parts;
}

/** The newest analysis that came to its end, other than this one. */
export function earlierOf(stored: readonly StoredAnalysis[], id: string): EarlierAnalysis | undefined {
  for (const each of stored) {
    if (each.id === id || each.finishedAt === undefined) continue;
    const { generation, treeId, finishedAt } = each;
    return { id: each.id, generation, treeId, finishedAt, parts: partsOf(each) };
  }
  return undefined;
}

export function headOf(stored: StoredAnalysis, isRunning: boolean): AnalysisHead {
  const { id, generation, treeId, startedAt, finishedAt } = stored;
  return {
    id,
    state: stateOf(stored, isRunning),
    generation,
    treeId,
    startedAt: new Date(startedAt).toISOString(),
    ...(finishedAt !== undefined && { finishedAt: new Date(finishedAt).toISOString() }),
  };
}

function stateOf({ finishedAt, complete }: StoredAnalysis, isRunning: boolean): AnalysisHead['state'] {
  if (finishedAt !== undefined) return complete ? 'complete' : 'partial';
  return isRunning ? 'running' : 'interrupted';
}

/** Those that were asked for. */
export function pick(parts: AnalysisParts, names: readonly PhaseName[]): AnalysisParts {
  return Object.fromEntries(Object.entries(parts).filter(([name]) => (names as readonly string[]).includes(name)));
}

/** A few numbers that say what an analysis found. */
export function summaryOf(parts: AnalysisParts): { name: string; value: number }[] {
  const { languages, symbols, complexity, dependencies, duplicates } = parts;
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['files', languages?.files],
    ['lines', languages?.lines],
    ['symbols', symbols?.total],
    ['functions', complexity?.functions],
    ['cyclomatic p90', complexity?.cyclomatic.p90],
    ['cyclomatic max', complexity?.cyclomatic.max],
    ['dependencies', dependencies?.edges],
    ['dependency cycles', dependencies?.cycles.count],
    ['duplicated share', duplicates?.ratio],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}
