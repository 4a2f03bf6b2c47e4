import type { EdgeBlock } from '../store.ts';
import { findChanges, type History } from './changes.ts';
import { findComplexity } from './complexity.ts';
import { type EarlierAnalysis, findDelta } from './delta.ts';
import { findDependencies } from './dependencies.ts';
import { findDuplicates, isCompared } from './duplicates.ts';
import type { AnalysedGeneration } from './generation.ts';
import { Pace } from './pace.ts';
import { type AnalysisParts, type Findings, type PhaseName, type PhaseResult, PHASES } from './result.ts';
import { findCoverage, findLanguages, findLargest, findSymbols } from './sizes.ts';

export interface AnalysisBudgets {
  /** Processor time of each phase. */
  readonly phaseMs: number;
  /** For the fingerprints of duplicates. */
  readonly fingerprintBytes: number;
}

export interface AnalysisRequest {
  readonly generation: AnalysedGeneration;
  readonly history: History;
  readonly earlier?: EarlierAnalysis;
  readonly budgets: AnalysisBudgets;
}

export interface AnalysisHost {
  /** Processor time so far, ms. */
  readonly spentMs: () => number;
  readonly breathe: () => Promise<void>;
  readonly progress: (phase: PhaseName, done: number, total: number, unit: string) => void;
  /** Some edges of the graph, told before its phase has ended. */
  readonly edges: (blocks: readonly EdgeBlock[]) => void;
  /** A phase has ended; it is told once. */
  readonly ended: (phase: PhaseName, result: PhaseResult<PhaseName>) => void;
}

/** Blocks of edges told at once. */
const BLOCKS_TOLD = 8;

/** Runs all phases, one after the other, over one generation. Each has its budget, and its result says whether that was enough. */
export async function analyse(request: AnalysisRequest, host: AnalysisHost): Promise<AnalysisParts> {
  const run = new AnalysisRun(request, host);
  for (const phase of PHASES) await run.phase(phase);
  return run.parts;
}

type AnyFindings = { readonly [Name in PhaseName]: Findings<Name> }[PhaseName];

class AnalysisRun {
  readonly parts: AnalysisParts = {};
  readonly #request: AnalysisRequest;
  readonly #host: AnalysisHost;
  #complexityByFile: Float64Array = new Float64Array();
  #scores: ReadonlyMap<string, number> = new Map();

  constructor(request: AnalysisRequest, host: AnalysisHost) {
    this.#request = request;
    this.#host = host;
  }

  async phase(name: PhaseName): Promise<void> {
    const { budgets } = this.#request;
    const { spentMs, breathe, progress, ended } = this.#host;
    const [total, unit] = this.#extent(name);
    const began = spentMs();
    progress(name, 0, total, unit);
    const report = (done: number): void => progress(name, Math.min(done, total), total, unit);
    const pace = new Pace({ spentMs, budgetMs: budgets.phaseMs, breathe, report });
    const findings = await this.#find(name, pace);
    const cut = pace.cut(total, unit);
    const seconds = Math.round(spentMs() - began) / 1000;
    const result = {
      complete: cut === undefined && this.#restsOnWhole(name),
      ...(cut !== undefined && { cut }),
      seconds,
      ...findings,
    } as PhaseResult<PhaseName>;
    Object.assign(this.parts, { [name]: result });
    report(cut?.budget === 'time' ? pace.done : total);
    ended(name, result);
    await breathe();
  }

  #find(name: PhaseName, pace: Pace): Promise<AnyFindings> | AnyFindings {
    const { generation, history, earlier, budgets } = this.#request;
    if (name === 'coverage') return findCoverage(generation, pace);
    if (name === 'languages') return findLanguages(generation, pace);
    if (name === 'symbols') return findSymbols(generation, pace);
    if (name === 'complexity') return this.#findComplexity(pace);
    if (name === 'largest') return findLargest(generation, pace);
    if (name === 'dependencies') return this.#findDependencies(pace);
    if (name === 'changes') return findChanges(generation, history, this.#complexityByFile);
    if (name === 'duplicates') return findDuplicates(generation, pace, budgets.fingerprintBytes);
    return findDelta(earlier, this.parts, this.#scores);
  }

  async #findComplexity(pace: Pace): Promise<Findings<'complexity'>> {
    const { generation, earlier } = this.#request;
    const { findings, byFile, earlier: scores } = await findComplexity(generation, pace, earlier?.parts.complexity?.worst ?? []);
    this.#complexityByFile = byFile;
    this.#scores = scores;
    return findings;
  }

  async #findDependencies(pace: Pace): Promise<Findings<'dependencies'>> {
    const { findings, edges } = await findDependencies(this.#request.generation, pace);
    let told: EdgeBlock[] = [];
    for (const block of edges) {
      if (told.push(block) < BLOCKS_TOLD) continue;
      this.#host.edges(told);
      told = [];
      await this.#host.breathe();
    }
    if (told.length > 0) this.#host.edges(told);
    return findings;
  }

  /** A phase that uses what another one found is no more whole than that. */
  #restsOnWhole(name: PhaseName): boolean {
    const needed: readonly PhaseName[] = name === 'changes' ? ['complexity'] : name === 'delta' ? PHASES.filter((each) => each !== 'delta') : [];
    return needed.every((each) => this.parts[each]?.complete === true);
  }

  #extent(name: PhaseName): readonly [number, string] {
    const { files } = this.#request.generation;
    if (name === 'complexity' || name === 'largest') return [this.parts.symbols?.byKind.reduce(functionsOf, 0) ?? 0, 'functions'];
    if (name === 'duplicates') return [files.filter(isCompared).length, 'files'];
    return name === 'changes' || name === 'delta' ? [1, 'steps'] : [files.length, 'files'];
  }
}

const FUNCTION_KINDS: ReadonlySet<string> = new Set(['function', 'method', 'constructor']);

function functionsOf(sum: number, { kind, count }: { readonly kind: string; readonly count: number }): number {
  return sum + (FUNCTION_KINDS.has(kind) ? count : 0);
}
