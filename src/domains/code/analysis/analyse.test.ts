import { expect, test } from 'vitest';
import { analyse, type AnalysisRequest } from './analyse.ts';
import { generationOf, type KitFile } from './analysis-test-kit.ts';
import type { EarlierAnalysis } from './delta.ts';
import { type AnalysisParts, PHASES } from './result.ts';

interface Told {
  readonly parts: AnalysisParts;
  readonly ended: readonly string[];
  readonly progress: readonly string[];
}

async function run(files: readonly KitFile[], fields: Partial<AnalysisRequest> = {}, spent = (): number => 0): Promise<Told> {
  const ended: string[] = [];
  const progress: string[] = [];
  const parts = await analyse(
    { generation: generationOf(files), history: { unavailable: 'none' }, budgets: { phaseMs: Infinity, fingerprintBytes: 1 }, ...fields },
    {
      spentMs: spent,
      breathe: async () => {},
      progress: (phase, done, total) => progress.push(`${phase} ${done}/${total}`),
      edges: () => {},
      ended: (phase) => ended.push(phase),
    },
  );
  return { parts, ended, progress };
}

const earlierOf = (parts: AnalysisParts): EarlierAnalysis => ({ id: 'job_0', generation: 1, treeId: 't', finishedAt: 0, parts });
const many = (count: number, worst: number): KitFile[] =>
  Array.from({ length: count }, (_, n) => ({ path: `f${n}.py`, functions: [[`fn${n}`, 1, 20, worst - n, worst - n]] }));

test('phases end in their order, each told from nothing to all', async () => {
  const { ended, progress } = await run(many(3, 30));
  expect(ended).toEqual(PHASES);
  expect(progress.slice(0, 2)).toEqual(['coverage 0/3', 'coverage 3/3']);
  for (const phase of PHASES) {
    const [done, total] =
      progress
        .findLast((line) => line.startsWith(`${phase} `))
        ?.split(' ')[1]
        ?.split('/') ?? [];
    expect(done).toBe(total);
  }
});

test('a budget that is used up cuts the phase and those that rest on it, and says where', async () => {
  let now = 0;
  const { parts } = await run(many(2000, 3000), { budgets: { phaseMs: 100, fingerprintBytes: 1 } }, () => (now += 30));
  expect(parts.coverage).toMatchObject({ complete: false, cut: { budget: 'time', total: 2000, unit: 'files' } });
  expect(parts.coverage?.cut?.done).toBeGreaterThan(0);
  expect(parts.coverage?.cut?.done).toBeLessThan(2000);
  expect(parts.complexity?.complete).toBe(false);
  expect(parts.changes).toMatchObject({ complete: false, available: false });
  expect(parts.delta?.complete).toBe(false);
});

test('a place that moves up because others were repaired is not new', async () => {
  const before = await run(many(80, 200));
  const after = await run(many(80, 200).slice(10), { earlier: earlierOf(before.parts) });
  expect(after.parts.delta?.fixedWorst.map(({ symbol }) => symbol).toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => `fn${n}`).toSorted());
  expect(after.parts.delta?.newWorst).toEqual([]);
  expect(after.parts.delta?.totals).toContainEqual({ name: 'functions', before: 80, after: 70 });
});

test('what is new, worse, better or gone is told apart; what is simple is not told', async () => {
  const names = ['worse', 'better', 'gone', 'same', 'new', 'simple'];
  const of = (cyclomatic: number, cognitive: number, name: string): NonNullable<KitFile['functions']>[number] => {
    const line = 10 * names.indexOf(name) + 1;
    return [name, line, line + 9, cyclomatic, cognitive];
  };
  const before = await run([{ path: 'a.py', functions: [of(20, 30, 'worse'), of(20, 30, 'better'), of(20, 30, 'gone'), of(12, 1, 'same')] }]);
  const after = await run(
    [{ path: 'a.py', functions: [of(21, 30, 'worse'), of(5, 5, 'better'), of(12, 1, 'same'), of(30, 1, 'new'), of(3, 3, 'simple')] }],
    {
      earlier: earlierOf(before.parts),
    },
  );
  const { newWorst = [], fixedWorst = [] } = after.parts.delta ?? {};
  expect(newWorst.map(({ symbol }) => symbol)).toEqual(['worse', 'new']);
  expect(fixedWorst).toEqual([
    { path: 'a.py', symbol: 'better', before: 50, now: 10 },
    { path: 'a.py', symbol: 'gone', before: 50 },
  ]);
});

test('a total is compared only where both analyses have it whole', async () => {
  const before = await run(many(3, 30));
  const { coverage: _coverage, ...parts } = before.parts;
  const cut = { ...parts, languages: { ...parts.languages, complete: false } } as AnalysisParts;
  const names = (await run(many(3, 30), { earlier: earlierOf(cut) })).parts.delta?.totals.map(({ name }) => name);
  expect(names).toContain('functions');
  expect(names).not.toContain('lines');
});

test('hot spots are changed often and complex; files that are gone are not counted', async () => {
  const changes = [
    { path: 'f0.py', commits: 2, authors: 1, lastAt: 0 },
    { path: 'f1.py', commits: 9, authors: 2, lastAt: 0 },
    { path: 'gone.py', commits: 99, authors: 2, lastAt: 0 },
  ];
  const { parts } = await run(many(2, 30), { history: { changes } });
  expect(parts.changes).toMatchObject({
    available: true,
    files: 2,
    hotSpots: [
      { path: 'f1.py', commits: 9, cyclomatic: 29, score: 261 },
      { path: 'f0.py', score: 60 },
    ],
  });
});
