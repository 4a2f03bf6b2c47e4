import type { RepositorySource, SyncBudgets } from '../model.ts';
import type { PathChurn } from '../ports.ts';
import type { EdgeBlock } from '../store.ts';
import type { AnalysisRequest } from './analyse.ts';
import type { AnalysisParts, PhaseName } from './result.ts';

/** What the parent asks of the analysis's child process. JSON. */
export interface AnalysisTask extends Omit<AnalysisRequest, 'generation'> {
  /** The generation's folder. */
  readonly folder: string;
}

/** What that child reports; its last word is {@link AnalysisDone}. */
export type AnalysisEvent =
  | { readonly kind: 'progress'; readonly phase: PhaseName; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly kind: 'edges'; readonly blocks: readonly EdgeBlock[] }
  | { readonly kind: 'phase'; readonly phase: PhaseName; readonly result: NonNullable<AnalysisParts[PhaseName]> };

/** The index is not there any more: a newer generation has taken its place before it was opened. */
export type AnalysisDone = { readonly outcome: 'done' } | { readonly outcome: 'replaced' };

/** What the parent asks of the child process that reads a clone's history. JSON. */
export interface HistoryTask {
  readonly source: Extract<RepositorySource, { kind: 'git' }>;
  readonly cloneFolder: string;
  readonly budgets: SyncBudgets;
  readonly maxCommits: number;
  /** Files told of, the most changed first. */
  readonly maxFiles: number;
  readonly allowSsh: boolean;
  readonly allowedPrivateHosts: readonly string[];
  /** GIT_CA_FILE, absolute. Absent: the system's authorities. */
  readonly gitCaFile?: string;
}

export interface HistoryDone {
  readonly changes: readonly PathChurn[];
}
