import type { AnalysedGeneration, MeasuredFunction } from './generation.ts';
import { Histogram } from './histogram.ts';
import type { Pace } from './pace.ts';
import type { Findings, Place } from './result.ts';
import { fullName, lengthOf } from './sizes.ts';
import { placeRank, Ranking } from './top-lists.ts';

const WORST = 50;
/** Borders of the distribution, by cyclomatic complexity: McCabe's 10, then the usual steps of tools. */
const STEPS = [1, 3, 6, 11, 21, 51] as const;

/** A function that was among the worst before: what became of it is looked up. */
export interface EarlierPlace {
  readonly path: string;
  readonly symbol: string;
}

export interface ComplexityFound {
  readonly findings: Findings<'complexity'>;
  /** Sum of the cyclomatic complexity of each file's functions. */
  readonly byFile: Float64Array;
  /** Scores now of those of the earlier places that are still there, by {@link placeKey}. Of several of one name the highest. */
  readonly earlier: ReadonlyMap<string, number>;
}

/** Both measures together: what places are ranked by. */
export function scoreOf({ cyclomatic, cognitive }: Pick<Place, 'cyclomatic' | 'cognitive'>): number {
  return cyclomatic + cognitive;
}

export function placeKey({ path, symbol }: EarlierPlace): string {
  return `${path}\0${symbol}`;
}

/** Measures of all functions but those in generated and minified files. */
export async function findComplexity(generation: AnalysedGeneration, pace: Pace, asked: readonly EarlierPlace[]): Promise<ComplexityFound> {
  const { files } = generation;
  const byFile = new Float64Array(files.length);
  const cyclomatic = new Histogram();
  const cognitive = new Histogram();
  const worst = new Ranking<Measured>(WORST);
  const lookUp = new LookUp(generation, asked);
  let unmeasured = 0;
  await pace.each(generation.functions(), (each) => {
    const file = files[each.file];
    if (file === undefined || file.generated || file.minified) return 1;
    if (!isMeasured(each)) {
      unmeasured += 1;
      return 1;
    }
    byFile[each.file] = (byFile[each.file] ?? 0) + each.cyclomatic;
    cyclomatic.add(each.cyclomatic);
    cognitive.add(each.cognitive);
    worst.offer(scoreOf(each), placeRank(each.file, each.line), () => each);
    lookUp.take(each);
    return 1;
  });
  const findings = {
    functions: cyclomatic.total,
    unmeasured,
    cyclomatic: summaryOf(cyclomatic),
    cognitive: summaryOf(cognitive),
    distribution: distributionOf(cyclomatic),
    worst: worst.values().map((each) => placeOf(generation, each)),
  };
  return { findings, byFile, earlier: lookUp.found };
}

type Measured = MeasuredFunction & { readonly cyclomatic: number; readonly cognitive: number };

function isMeasured(each: MeasuredFunction): each is Measured {
  return each.cyclomatic !== undefined && each.cognitive !== undefined;
}

function placeOf(generation: AnalysedGeneration, each: Measured): Place {
  const { cyclomatic, cognitive, line } = each;
  const path = generation.files[each.file]?.path ?? '';
  return { path, symbol: fullName(generation, each.id), line, cyclomatic, cognitive, length: lengthOf(each) };
}

function summaryOf(histogram: Histogram): Findings<'complexity'>['cyclomatic'] {
  const { max, sum } = histogram;
  return { p50: histogram.percentile(0.5), p90: histogram.percentile(0.9), p99: histogram.percentile(0.99), max, sum };
}

function distributionOf(histogram: Histogram): Findings<'complexity'>['distribution'] {
  return STEPS.map((from, at) => {
    const next = STEPS[at + 1];
    const functions = histogram.between(from, next === undefined ? Infinity : next - 1);
    return { from, ...(next !== undefined && { to: next - 1 }), functions };
  });
}

/** Finds named functions again; names are read only in their files. */
class LookUp {
  readonly found = new Map<string, number>();
  readonly #generation: AnalysedGeneration;
  readonly #paths: ReadonlySet<string>;
  readonly #keys: ReadonlySet<string>;

  constructor(generation: AnalysedGeneration, asked: readonly EarlierPlace[]) {
    this.#generation = generation;
    this.#paths = new Set(asked.map(({ path }) => path));
    this.#keys = new Set(asked.map(placeKey));
  }

  take(each: Measured): void {
    const path = this.#generation.files[each.file]?.path ?? '';
    if (!this.#paths.has(path)) return;
    const key = placeKey({ path, symbol: fullName(this.#generation, each.id) });
    if (this.#keys.has(key)) this.found.set(key, Math.max(this.found.get(key) ?? 0, scoreOf(each)));
  }
}
