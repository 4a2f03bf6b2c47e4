import { folderOf, foldersAround, joined, under } from './path-index.ts';
import { external, type ImportContext, type Resolution, type Resolver, toFile, UNRESOLVED } from './resolution.ts';

/** Folders below which packages often begin, beside those around the importing file. */
const ROOTS = ['', 'src', 'lib', 'python'];

/** `.a.b` from the file's own package; `a.b` from the folders around it, nearest first, then from the usual roots. */
export const resolvePython: Resolver = (context, from, target) => {
  const dots = /^\.*/.exec(target)?.[0].length ?? 0;
  const steps = target.slice(dots).split('.').filter(Boolean);
  if (dots > 0) {
    const base = joined(folderOf(from), '../'.repeat(dots - 1));
    return (base === undefined ? undefined : moduleIn(context, base, steps)) ?? UNRESOLVED;
  }
  const [top = ''] = steps;
  for (const root of [...foldersAround(from), ...ROOTS]) {
    const found = moduleIn(context, root, steps);
    if (found !== undefined) return found;
  }
  return ownPackage(context, from, top, steps) ?? external(top);
};

/** A package that begins somewhere else in the repository. */
function ownPackage(context: ImportContext, from: string, top: string, steps: readonly string[]): Resolution | undefined {
  const { index } = context;
  const packages = index.endingWith(`${top}/__init__.py`);
  if (packages.length === 0) return undefined;
  const near = index.nearest(packages, from) ?? packages[0];
  const folder = folderOf(folderOf(index.paths[near ?? 0] ?? ''));
  return moduleIn(context, folder, steps) ?? UNRESOLVED;
}

function moduleIn({ index }: ImportContext, folder: string, steps: readonly string[]): Resolution | undefined {
  const path = under(folder, steps.join('/'));
  if (steps.length === 0) return toFile(index.firstAt([under(folder, '__init__.py'), under(folder, '__init__.pyi')]));
  return toFile(index.firstAt([`${path}/__init__.py`, `${path}.py`, `${path}.pyi`, `${path}/__init__.pyi`]));
}
