import { folderOf, joined } from './path-index.ts';
import { external, type ImportContext, type Resolver, toFile, UNRESOLVED } from './resolution.ts';

/** Steps below which headers are looked for first when several folders have one of the name. */
const INCLUDES: ReadonlySet<string> = new Set(['', 'include', 'src', 'includes', 'inc']);

/** From the file's folder, then any header whose path ends so: the nearest one, or the one in `include`. Two that fit equally are none. */
export const resolveInclude: Resolver = (context, from, target) => {
  const isSystem = target.startsWith('<');
  const name = isSystem ? target.replace(/^<\s*|\s*>$/g, '') : target;
  const beside = isSystem ? undefined : joined(folderOf(from), name);
  const found = beside === undefined ? undefined : context.index.at(beside);
  const file = found ?? elsewhere(context, from, joined('', name) ?? '');
  if (file === 'several') return UNRESOLVED;
  return toFile(file) ?? (isSystem ? external(name) : UNRESOLVED);
};

function elsewhere({ index }: ImportContext, from: string, name: string): number | 'several' | undefined {
  if (name === '') return undefined;
  const files = index.endingWith(name);
  if (files.length <= 1) return files[0];
  const near = index.nearest(files, from);
  if (near !== undefined) return near;
  const usual = files.filter((file) => INCLUDES.has((index.paths[file] ?? '').slice(0, -name.length - 1)));
  return usual.length === 1 ? usual[0] : 'several';
}
