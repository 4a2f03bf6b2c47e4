import { folderOf, foldersAround, nameIn, under } from './path-index.ts';
import { external, type ImportContext, type Resolution, type Resolver, toFile, UNRESOLVED } from './resolution.ts';

const ROOT_FILES = ['lib.rs', 'main.rs'];
/** Files that are the module of the folder they lie in. */
const FOLDER_MODULES: ReadonlySet<string> = new Set(['mod.rs', ...ROOT_FILES]);
const LANGUAGE_CRATES: ReadonlySet<string> = new Set(['std', 'core', 'alloc', 'proc_macro', 'test']);

/** `crate::`, `self::` and `super::` within the crate, names of the repository's own crates, else a crate from elsewhere. */
export const resolveRust: Resolver = (context, from, target) => {
  const steps = stepsOf(target);
  const [first = '', ...rest] = steps;
  if (LANGUAGE_CRATES.has(first)) return external(first);
  if (first === 'crate') return moduleIn(context, sourceFolder(context, from), rest) ?? UNRESOLVED;
  if (first === 'self') return moduleIn(context, moduleFolder(from), rest) ?? UNRESOLVED;
  if (first === 'super') return ofSuper(context, from, steps);
  const own = context.manifests.crates.get(first);
  if (own !== undefined) return moduleIn(context, under(own, 'src'), rest) ?? UNRESOLVED;
  return below(context, moduleFolder(from), steps) ?? external(first);
};

/** The path up to a group; of a group its first member. */
function stepsOf(target: string): string[] {
  const plain = target.replace(/\{\s*([\w:]*)[^]*$/, '$1').replace(/\s+as\s[^]*$/, '');
  return plain
    .split('::')
    .map((step) => step.trim().replace(/^r#/, ''))
    .filter((step) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(step));
}

function ofSuper(context: ImportContext, from: string, steps: readonly string[]): Resolution {
  let folder = moduleFolder(from);
  let at = 0;
  for (; steps[at] === 'super'; at += 1) folder = folderOf(folder);
  return moduleIn(context, folder, steps.slice(at)) ?? UNRESOLVED;
}

/** The folder that holds the modules of the file. */
function moduleFolder(path: string): string {
  return FOLDER_MODULES.has(nameIn(path)) ? folderOf(path) : path.replace(/\.rs$/, '');
}

function sourceFolder({ manifests }: ImportContext, from: string): string {
  for (const folder of foldersAround(from)) {
    if (!manifests.crateFolders.has(folder)) continue;
    const source = under(folder, 'src');
    return from.startsWith(`${source}/`) ? source : folderOf(from);
  }
  return folderOf(from);
}

/** The deepest module on the path; what follows is an item in it. Without any, the folder's own module. */
function moduleIn(context: ImportContext, folder: string, steps: readonly string[]): Resolution | undefined {
  const own = ['mod.rs', ...ROOT_FILES].map((name) => under(folder, name));
  return below(context, folder, steps) ?? toFile(context.index.firstAt([...own, `${folder}.rs`]));
}

function below({ index }: ImportContext, folder: string, steps: readonly string[]): Resolution | undefined {
  for (let length = steps.length; length > 0; length -= 1) {
    const path = under(folder, steps.slice(0, length).join('/'));
    const found = toFile(index.firstAt([`${path}.rs`, `${path}/mod.rs`]));
    if (found !== undefined) return found;
  }
  return undefined;
}
