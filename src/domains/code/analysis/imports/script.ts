import { folderOf, foldersAround, joined, under } from './path-index.ts';
import { external, type ImportContext, type Resolution, type Resolver, toFile, UNRESOLVED } from './resolution.ts';

const ENDINGS = ['ts', 'tsx', 'd.ts', 'js', 'jsx', 'mjs', 'cjs', 'mts', 'cts', 'json', 'vue', 'svelte'];
/** What a compiled name was before. */
const SOURCES: Readonly<Record<string, readonly string[]>> = { js: ['ts', 'tsx', 'jsx'], mjs: ['mts'], cjs: ['cts'], jsx: ['tsx'] };

/** Relative paths, names of the repository's own packages, `@/` and `~/` for a package's sources; else a package from elsewhere. */
export const resolveScript: Resolver = (context, from, target) => {
  const clean = target.replace(/[?#].*$/, '') || target;
  if (/^\.{1,2}(?:\/|$)/.test(clean)) return relative(context, folderOf(from), clean) ?? UNRESOLVED;
  if (/^[a-z][a-z\d+.-]*:/i.test(clean)) return external(/^https?:\/\/[^/]+/i.exec(clean)?.[0] ?? clean);
  if (/^[@~]\//.test(clean)) return ofOwnSources(context, from, clean.slice(2)) ?? UNRESOLVED;
  if (clean.startsWith('/') || clean.startsWith('#')) return UNRESOLVED;
  const name = clean.split('/', clean.startsWith('@') ? 2 : 1).join('/');
  return ownPackage(context, name, clean.slice(name.length + 1)) ?? external(name);
};

function relative({ index }: ImportContext, folder: string, target: string): Resolution | undefined {
  const path = joined(folder, target);
  return path === undefined ? undefined : toFile(index.firstAt(candidates(path)));
}

function* candidates(path: string): Generator<string> {
  if (path !== '') {
    yield path;
    for (const ending of ENDINGS) yield `${path}.${ending}`;
    const [, base = '', ending = ''] = /^(.*)\.(\w+)$/.exec(path) ?? [];
    for (const source of SOURCES[ending] ?? []) yield `${base}.${source}`;
  }
  for (const ending of ENDINGS) yield under(path, `index.${ending}`);
}

function ofOwnSources(context: ImportContext, from: string, target: string): Resolution | undefined {
  for (const folder of foldersAround(from)) {
    const found = relative(context, under(folder, 'src'), target) ?? relative(context, folder, target);
    if (found !== undefined) return found;
  }
  return undefined;
}

function ownPackage(context: ImportContext, name: string, rest: string): Resolution | undefined {
  const folder = context.manifests.scripts.get(name);
  if (folder === undefined) return undefined;
  const places = rest === '' ? ['src', 'lib', '.', 'src/main'] : [rest, `src/${rest}`, `lib/${rest}`];
  for (const place of places) {
    const found = relative(context, folder, place);
    if (found !== undefined) return found;
  }
  return UNRESOLVED;
}
