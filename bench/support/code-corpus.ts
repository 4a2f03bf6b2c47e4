import { existsSync, globSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Where toolchains keep sources of their own, and what of it is taken, in this order until there is enough. */
const PLACES: readonly { readonly root: string; readonly pattern: string }[] = [
  { root: '/usr/lib', pattern: 'python3.*/**/*.py' },
  { root: join(import.meta.dirname, '../../node_modules'), pattern: '*/**/*.{ts,mts,js,mjs,cjs,md}' },
  { root: '/usr/include', pattern: '**/*.{h,hpp}' },
];
const MAX_FILE_BYTES = 1_000_000;

/** A copy of source code in a folder that may be changed. Gone when disposed. */
export interface CodeCorpus extends AsyncDisposable {
  /** Holds `source` and is allowed as a root. */
  readonly base: string;
  readonly source: string;
}

/** Copies a folder, or, when none is named, up to `bytes` of what the machine's toolchains brought along. */
export async function copyCorpus(folder: string | undefined, bytes: number): Promise<CodeCorpus> {
  const base = await mkdtemp(join(tmpdir(), 'polymnia-corpus-'));
  const source = join(base, 'source');
  if (folder === undefined) await copyToolchains(source, bytes);
  else await cp(folder, source, { recursive: true, filter: (path) => basename(path) !== '.git' });
  return { base, source, [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }) };
}

async function copyToolchains(target: string, limit: number): Promise<void> {
  let bytes = 0;
  for (const { root, pattern } of PLACES) {
    if (!existsSync(root)) continue;
    // Half of the whole at most from one place: several languages.
    const most = Math.min(limit, bytes + limit / 2);
    for (const path of globSync(pattern, { cwd: root, exclude: ['**/node_modules'] }).sort()) {
      const found = await stat(join(root, path));
      if (!found.isFile() || found.size > MAX_FILE_BYTES || bytes + found.size > most) continue;
      bytes += found.size;
      const copy = join(target, sourcePath(path));
      await mkdir(dirname(copy), { recursive: true });
      await copyFile(join(root, path), copy);
    }
  }
}

/** Packages keep in folders of these names what a sync leaves out of a repository. */
function sourcePath(path: string): string {
  return path.replaceAll(/(?<=^|\/)(?:dist|build|out|target|vendor|coverage)(?=\/)/g, 'src');
}
