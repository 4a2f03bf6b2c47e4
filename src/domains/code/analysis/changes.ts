import type { PathChurn } from '../ports.ts';
import type { AnalysedGeneration } from './generation.ts';
import type { Findings } from './result.ts';
import { Ranking } from './top-lists.ts';

const LISTED = 50;

/** How often files were changed of late, or why that is not known. */
export type History = { readonly changes: readonly PathChurn[] } | { readonly unavailable: string };

/** The most changed of the files that are there, and the hot spots: changed often and complex. */
export function findChanges({ files }: AnalysedGeneration, history: History, complexity: Float64Array): Findings<'changes'> {
  if ('unavailable' in history) return { available: false, unavailable: history.unavailable };
  const places = new Map(files.map(({ path }, file) => [path, file]));
  const most = new Ranking<PathChurn>(LISTED);
  const hot = new Ranking<{ path: string; commits: number; cyclomatic: number; score: number }>(LISTED);
  let found = 0;
  for (const each of history.changes) {
    const { path, commits } = each;
    const file = places.get(path);
    if (file === undefined) continue;
    found += 1;
    most.offer(commits, file, () => each);
    const cyclomatic = complexity[file] ?? 0;
    const score = commits * cyclomatic;
    if (score > 0) hot.offer(score, file, () => ({ path, commits, cyclomatic, score }));
  }
  const mostChanged = most.values().map(({ path, commits, authors, lastAt }) => ({ path, commits, authors, lastAt: new Date(lastAt).toISOString() }));
  return { available: true, files: found, mostChanged, hotSpots: hot.values() };
}
