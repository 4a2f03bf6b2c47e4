import { join } from 'node:path';

const EXTENSION = '.db';

/** Folder of a space's file: the first two hex digits of the key, so that no folder grows too long. */
export function spaceFolder(spaces: string, space: string): string {
  return join(spaces, space.slice(0, 2));
}

/** The file that holds a space: `<spaces>/ab/<key>.db`. */
export function spacePath(spaces: string, space: string): string {
  return join(spaceFolder(spaces, space), space + EXTENSION);
}

/** All files SQLite may have made for one database. */
export function filesOf(path: string): readonly string[] {
  return [path, `${path}-wal`, `${path}-shm`];
}

/** The space key a file name stands for; undefined for any other name. */
export function spaceOfFileName(name: string): string | undefined {
  return /^([0-9a-f]{16})\.db$/.exec(name)?.[1];
}
