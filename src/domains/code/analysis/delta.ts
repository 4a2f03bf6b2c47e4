import { placeKey, scoreOf } from './complexity.ts';
import type { AnalysisParts, Findings, PhaseName, Place } from './result.ts';

/** An analysis that has ended, as the next one looks back on it. */
export interface EarlierAnalysis {
  readonly id: string;
  readonly generation: number;
  readonly treeId: string;
  /** UTC ms. */
  readonly finishedAt: number;
  readonly parts: AnalysisParts;
}

/** Numbers that are followed from run to run, with the phase each comes from. */
const TOTALS: readonly (readonly [string, PhaseName, (parts: AnalysisParts) => number | undefined])[] = [
  ['files', 'languages', ({ languages }) => languages?.files],
  ['lines', 'languages', ({ languages }) => languages?.lines],
  ['bytes', 'languages', ({ languages }) => languages?.bytes],
  ['symbols', 'symbols', ({ symbols }) => symbols?.total],
  ['functions', 'complexity', ({ complexity }) => complexity?.functions],
  ['cyclomatic complexity', 'complexity', ({ complexity }) => complexity?.cyclomatic.sum],
  ['cognitive complexity', 'complexity', ({ complexity }) => complexity?.cognitive.sum],
  ['dependencies', 'dependencies', ({ dependencies }) => dependencies?.edges],
  ['dependency cycles', 'dependencies', ({ dependencies }) => dependencies?.cycles.count],
  ['external dependencies', 'dependencies', ({ dependencies }) => dependencies?.externalCount],
  ['duplicated tokens', 'duplicates', ({ duplicates }) => duplicates?.duplicatedTokens],
  ['duplicate clusters', 'duplicates', ({ duplicates }) => duplicates?.clusterCount],
];

/** Beyond either limit a function counts as complex: McCabe's 10, and 15 as SonarSource recommends for the cognitive measure. */
const MAX_CYCLOMATIC = 10;
const MAX_COGNITIVE = 15;

/**
 * What changed since an earlier analysis. A place counts as new only if it would have been in the earlier list had it been so bad
 * then: one that merely moved up, because others were repaired, does not.
 */
export function findDelta(earlier: EarlierAnalysis | undefined, now: AnalysisParts, scores: ReadonlyMap<string, number>): Findings<'delta'> {
  if (earlier === undefined) return { totals: [], newWorst: [], fixedWorst: [] };
  const { id, generation, treeId, finishedAt, parts } = earlier;
  return {
    against: { id, generation, treeId, finishedAt: new Date(finishedAt).toISOString() },
    totals: totalsOf(parts, now),
    ...worstOf(parts.complexity, now.complexity, scores),
  };
}

function totalsOf(before: AnalysisParts, after: AnalysisParts): Findings<'delta'>['totals'] {
  return TOTALS.flatMap(([name, phase, read]) => {
    const values = [read(before), read(after)];
    const areWhole = before[phase]?.complete === true && after[phase]?.complete === true;
    const [from, to] = values;
    return areWhole && from !== undefined && to !== undefined ? [{ name, before: from, after: to }] : [];
  });
}

function worstOf(
  before: AnalysisParts['complexity'],
  after: AnalysisParts['complexity'],
  scores: ReadonlyMap<string, number>,
): Pick<Findings<'delta'>, 'newWorst' | 'fixedWorst'> {
  if (before?.complete !== true || after?.complete !== true) return { newWorst: [], fixedWorst: [] };
  const earlier = new Map<string, number>();
  for (const each of before.worst) earlier.set(placeKey(each), Math.max(earlier.get(placeKey(each)) ?? 0, scoreOf(each)));
  const isWholeList = before.worst.length === before.functions;
  const floor = isWholeList ? 0 : scoreOf(before.worst.at(-1) ?? { cyclomatic: 0, cognitive: 0 });
  const isNew = (place: Place): boolean => isComplex(place) && scoreOf(place) > (earlier.get(placeKey(place)) ?? floor);
  const fixedWorst = [...new Map(before.worst.filter(isComplex).map((each) => [placeKey(each), each])).entries()].flatMap(
    ([key, { path, symbol }]) => {
      const then = earlier.get(key) ?? 0;
      const today = scores.get(key);
      return today !== undefined && today >= then ? [] : [{ path, symbol, before: then, ...(today !== undefined && { now: today }) }];
    },
  );
  return { newWorst: after.worst.filter(isNew), fixedWorst };
}

function isComplex({ cyclomatic, cognitive }: Place): boolean {
  return cyclomatic > MAX_CYCLOMATIC || cognitive > MAX_COGNITIVE;
}
