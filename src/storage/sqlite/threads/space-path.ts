import { join } from 'node:path';

const EXTENSION = '.db';
const PACKED = '.zst';
/** What is being written stands under the name it will have, and this. */
const DRAFT = '.tmp';

/** Folder of a space's file: the first two hex digits of the key, so that no folder grows too long. */
export function spaceFolder(spaces: string, space: string): string {
  return join(spaces, space.slice(0, 2));
}

/** The file that holds a space: `<spaces>/ab/<key>.db`. */
export function spacePath(spaces: string, space: string): string {
  return join(spaceFolder(spaces, space), space + EXTENSION);
}

/** All files SQLite may have made for one database. */
export function filesOf(path: string): readonly [path: string, log: string, index: string] {
  return [path, `${path}-wal`, `${path}-shm`];
}

/** The space key a file name stands for; undefined for any other name. */
export function spaceOfFileName(name: string): string | undefined {
  return /^([0-9a-f]{16})\.db$/.exec(name)?.[1];
}

/** The packed file of an archived space: `<archive>/ab/<key>.db.zst`. */
export function archivePath(archive: string, space: string): string {
  return spacePath(archive, space) + PACKED;
}

/** The space key the name of a packed file stands for; undefined for any other name. */
export function spaceOfArchiveName(name: string): string | undefined {
  return name.endsWith(PACKED) ? spaceOfFileName(name.slice(0, -PACKED.length)) : undefined;
}

/** Where a file is written until it is whole. */
export function draftPath(path: string): string {
  return path + DRAFT;
}

/** Is it the name of a file that was never finished? */
export function isDraftName(name: string): boolean {
  return name.endsWith(DRAFT);
}
