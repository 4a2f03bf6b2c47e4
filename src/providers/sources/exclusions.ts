import createIgnore from 'ignore';
import type { Ignore } from 'ignore';
import { EXCLUDED_ENDINGS, EXCLUDED_FILES, EXCLUDED_FOLDERS, NEVER_READ } from './default-excludes.ts';

/** Files with rules, by whose rules count. */
export type RuleFile = '.gitignore' | '.polymniaignore';

/** A larger file of rules is not read. */
export const MAX_RULE_FILE_BYTES = 256 * 1024;
/** Rules of a whole source; those beyond do not count, so that more is indexed, never less. */
const MAX_RULES = 5000;

/**
 * What of a source is left out: by `.polymniaignore` (which also takes back), by the built-in list, by `.gitignore`; each rule
 * holds in its own folder, the innermost first. Paths are relative to the root, with `/`.
 */
export class Exclusions {
  readonly #rules: Readonly<Record<RuleFile, Map<string, Ignore>>> = { '.gitignore': new Map(), '.polymniaignore': new Map() };
  readonly #folders = new Map<string, boolean>();
  readonly #named = new Set<string>();
  #left = MAX_RULES;

  /** Adds the rules of a file in `folder` (`''`: the root). */
  addRules(file: RuleFile, folder: string, text: string): void {
    const lines = text.split(/\r?\n/).filter((line) => isRule(line) && isCheap(line));
    const taken = lines.slice(0, this.#left);
    this.#left -= taken.length;
    if (taken.length > 0) this.#rules[file].set(folder, createIgnore({ ignorecase: false, allowRelativePaths: true }).add(taken));
  }

  /** Is this folder or file itself left out? The folders above it are not asked. */
  isExcluded(path: string, isFolder: boolean): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (NEVER_READ.has(name)) return true;
    const said = verdict(this.#rules['.polymniaignore'], path, isFolder);
    if (said !== undefined) return said;
    if (isFolder ? EXCLUDED_FOLDERS.has(name) : isExcludedFile(name)) return true;
    return verdict(this.#rules['.gitignore'], path, isFolder) ?? false;
  }

  /** The outermost part of a file's path that is left out: a folder, the file, or nothing. */
  excludedPart(path: string): string | undefined {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const folder = path.slice(0, end);
      if (this.#isExcludedFolder(folder)) return folder;
    }
    return this.isExcluded(path, false) ? path : undefined;
  }

  /** True the first time it is asked of a part: many files stand in one folder, which is told once. */
  isFirst(part: string): boolean {
    if (this.#named.has(part)) return false;
    this.#named.add(part);
    return true;
  }

  #isExcludedFolder(folder: string): boolean {
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    const isExcluded = this.isExcluded(folder, true);
    this.#folders.set(folder, isExcluded);
    return isExcluded;
  }
}

function isExcludedFile(name: string): boolean {
  return EXCLUDED_FILES.has(name) || EXCLUDED_ENDINGS.some((ending) => name.endsWith(ending));
}

function verdict(rules: ReadonlyMap<string, Ignore>, path: string, isFolder: boolean): boolean | undefined {
  if (rules.size === 0) return undefined;
  for (let end = path.lastIndexOf('/'); ; end = path.lastIndexOf('/', end - 1)) {
    const folder = end <= 0 ? '' : path.slice(0, end);
    const said = rules.get(folder)?.test((folder === '' ? path : path.slice(end + 1)) + (isFolder ? '/' : ''));
    if (said?.ignored === true) return true;
    if (said?.unignored === true) return false;
    if (folder === '') return undefined;
  }
}

function isRule(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('#');
}

/** Rules become regular expressions that go back and forth for each star: many stars in one name take hours on a fitting path. */
function isCheap(line: string): boolean {
  if (line.length > 1000) return false;
  const parts = line.split('/');
  return parts.filter((part) => part === '**').length <= 2 && parts.every((part) => (part.match(/\*+/g)?.length ?? 0) <= 3);
}
