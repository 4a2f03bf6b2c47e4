/** A repository's paths as imports look them up. A file is its place in the list. */
export class PathIndex {
  readonly paths: readonly string[];
  readonly #byPath = new Map<string, number>();
  readonly #byName = new Map<string, number[]>();

  constructor(paths: readonly string[]) {
    this.paths = paths;
    for (const [file, path] of paths.entries()) {
      this.#byPath.set(path, file);
      const name = nameIn(path);
      const known = this.#byName.get(name);
      if (known === undefined) this.#byName.set(name, [file]);
      else known.push(file);
    }
  }

  at(path: string): number | undefined {
    return this.#byPath.get(path);
  }

  /** The first of the paths that is there. */
  firstAt(paths: Iterable<string>): number | undefined {
    for (const path of paths) {
      const file = this.#byPath.get(path);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** Files whose path ends with these whole steps; so many are looked at. */
  endingWith(suffix: string, maxLooks = 2000): readonly number[] {
    const named = this.#byName.get(nameIn(suffix)) ?? [];
    const ending = `/${suffix}`;
    return named.slice(0, maxLooks).filter((file) => {
      const path = this.paths[file] ?? '';
      return path === suffix || path.endsWith(ending);
    });
  }

  /** Of several files the one whose folder is nearest to that of `from`, of equally near ones the least deep; undefined when that leaves two. */
  nearest(files: readonly number[], from: string): number | undefined {
    let [best, bestNearness, isTied]: [number | undefined, number, boolean] = [undefined, -1, false];
    for (const file of files) {
      const nearness = nearnessOf(this.paths[file] ?? '', from);
      if (nearness > bestNearness) [best, bestNearness, isTied] = [file, nearness, false];
      else if (nearness === bestNearness) isTied = true;
    }
    return isTied ? undefined : best;
  }
}

/** Without the last step; empty for the top. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A path seen from a folder, with `.` and `..` taken; undefined when it leaves the repository. */
export function joined(folder: string, path: string): string | undefined {
  const steps = folder === '' ? [] : folder.split('/');
  for (const step of path.split('/')) {
    if (step === '' || step === '.') continue;
    if (step !== '..') steps.push(step);
    else if (steps.pop() === undefined) return undefined;
  }
  return steps.join('/');
}

export function under(folder: string, path: string): string {
  return folder === '' ? path : `${folder}/${path}`;
}

/** Folders around a path, innermost first, the top last. */
export function* foldersAround(path: string): Generator<string> {
  for (let folder = folderOf(path); ; folder = folderOf(folder)) {
    yield folder;
    if (folder === '') return;
  }
}

/** Steps that both begin with count most; where there are none depth tells nothing. */
function nearnessOf(path: string, from: string): number {
  const [steps, own] = [path.split('/'), from.split('/')];
  let shared = 0;
  while (shared < steps.length - 1 && shared < own.length - 1 && steps[shared] === own[shared]) shared += 1;
  return shared === 0 ? 0 : shared + 1 / (1 + steps.length);
}
