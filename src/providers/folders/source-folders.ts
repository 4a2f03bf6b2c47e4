import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import type { LocatedFolder, SourceFolders } from '../../domains/code/ports.ts';
import { systemCode } from '../../kernel/errors.ts';

/** Folders of this machine, by their real paths. `dataFolder` is the server's own: neither it nor what lies in it is a source. */
export function createSourceFolders(dataFolder: string): SourceFolders {
  return {
    async locate(path) {
      const realPath = await realFolder(path);
      if (realPath === undefined) return { kind: 'missing' };
      const own = await realFolder(dataFolder);
      const isOwn = own !== undefined && contains(own, realPath);
      return isOwn ? { kind: 'own_data' } : ({ kind: 'folder', realPath } satisfies LocatedFolder);
    },
    async isWithin(path, roots) {
      const real = await Promise.all(roots.map(realFolder));
      return real.some((root) => root !== undefined && contains(root, path));
    },
  };
}

async function realFolder(path: string): Promise<string | undefined> {
  if (!isAbsolute(path) || path.includes('\0')) return undefined;
  try {
    const real = await realpath(path);
    return (await stat(real)).isDirectory() ? real : undefined;
  } catch (error) {
    // Not there, a loop of links, or not ours to read: for the rules it is no folder.
    if (systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** By the steps from one to the other: `/srv/code-old` does not lie in `/srv/code`. */
function contains(folder: string, path: string): boolean {
  const steps = relative(folder, path);
  return steps === '' || (steps !== '..' && !steps.startsWith(`..${sep}`) && !isAbsolute(steps));
}
