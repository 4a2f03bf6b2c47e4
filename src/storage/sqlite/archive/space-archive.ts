import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { throwIfAborted } from '../../../kernel/abort.ts';
import { PolymniaError, systemCode } from '../../../kernel/errors.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import type { Logger } from '../../../kernel/logger.ts';
import { namesIn, sizeOf } from '../file-facts.ts';
import { syncFolder } from '../sync-to-disk.ts';
import type { MaintenanceThread } from '../threads/maintenance-host.ts';
import { archivePath, draftPath, filesOf, isDraftName, spaceOfArchiveName, spacePath } from '../threads/space-path.ts';
import { isDamage, type SpaceBytes, unpack } from './packing.ts';

export interface SpaceArchiveDeps {
  /** Of the packed files. */
  readonly folder: string;
  /** Of the files in use. */
  readonly spaces: string;
  readonly packer: Pick<MaintenanceThread, 'pack'>;
  readonly logger: Logger;
}

/**
 * The packed files of archived spaces, and which spaces those are. At every moment a space is whole in one of the two folders:
 * what is moved is written beside under another name, brought to disk, named, and only then removed where it was. Both files
 * bear the time of the file's last change, so that after a crash in between they are known as one and the same. Nobody uses
 * the space before that is over.
 *
 * Whoever moves a space holds the lock on its file's life and has the file closed.
 */
export class SpaceArchive {
  readonly #deps: SpaceArchiveDeps;
  readonly #keys = new Set<SpaceKey>();
  readonly #followers = new Set<Set<SpaceKey>>();

  /**
   * Looks which spaces are archived and clears away what a crash has left. At once and not in the background: a space that is
   * not known to be archived would be taken for an empty one.
   */
  constructor(deps: SpaceArchiveDeps) {
    this.#deps = deps;
    for (const part of namesOf(deps.folder)) this.#recover(part);
  }

  has(space: SpaceKey): boolean {
    return this.#keys.has(space);
  }

  /** Spaces archived now, and from now on until `using` ends also those archived meanwhile: none that moves is missed. */
  follow(): Disposable & { readonly spaces: ReadonlySet<SpaceKey> } {
    const spaces = new Set(this.#keys);
    this.#followers.add(spaces);
    return { spaces, [Symbol.dispose]: () => void this.#followers.delete(spaces) };
  }

  path(space: SpaceKey): string {
    return archivePath(this.#deps.folder, space);
  }

  /** Bytes on disk of the packed file; 0 when there is none. */
  bytes(space: SpaceKey): Promise<number> {
    return sizeOf(this.path(space));
  }

  /**
   * Packs the space's file and removes it. `absent` when it has none; `unfolded` when SQLite has to fold the log into it before.
   * Rejects on abort; then, as after any other failure, the space is whole where it is.
   */
  async put(space: SpaceKey, signal: AbortSignal): Promise<SpaceBytes | 'absent' | 'unfolded'> {
    const [from, to] = [this.#inUse(space), this.path(space)];
    try {
      const packed = await this.#deps.packer.pack(from, to, signal);
      if (typeof packed === 'object') this.#add(space);
      return packed;
    } catch (error) {
      if ((await sizeOf(from)) === 0 && (await sizeOf(to)) > 0) this.#add(space);
      // What cannot be removed now is when the server starts again.
      else await Promise.allSettled([rm(draftPath(to), { force: true }), rm(to, { force: true })]);
      throw error;
    }
  }

  /** Unpacks the space's file and removes the packed one. A damaged one is refused with `storage_unavailable` and kept. */
  async bringBack(space: SpaceKey, signal: AbortSignal): Promise<SpaceBytes> {
    const [from, to] = [this.path(space), this.#inUse(space)];
    const draft = draftPath(to);
    const packedBytes = await sizeOf(from);
    try {
      await makeFolder(dirname(to));
      for (const leftover of [draft, ...filesOf(to)]) await rm(leftover, { force: true });
      await unpack(from, draft, signal);
      await copyTimes(from, draft);
      await rename(draft, to);
      await syncFolder(dirname(to));
    } catch (error) {
      await rm(draft, { force: true });
      throw refusal(error, signal);
    }
    this.#keys.delete(space);
    await rm(from, { force: true });
    await syncFolder(dirname(from));
    return { fileBytes: await sizeOf(to), packedBytes };
  }

  /** Removes the packed file for good, with what was ever put aside of the space; false when there is nothing. */
  async remove(space: SpaceKey): Promise<boolean> {
    const path = this.path(space);
    const folder = dirname(path);
    const names = (await Array.fromAsync(namesIn(folder))).filter((name) => name.startsWith(basename(path)));
    for (const name of names) await rm(join(folder, name), { force: true });
    if (names.length > 0) await syncFolder(folder);
    this.#keys.delete(space);
    return names.length > 0;
  }

  #inUse(space: SpaceKey): string {
    return spacePath(this.#deps.spaces, space);
  }

  #add(space: SpaceKey): void {
    this.#keys.add(space);
    for (const follower of this.#followers) follower.add(space);
  }

  #recover(part: string): void {
    const { folder, spaces } = this.#deps;
    const [packed, files] = [join(folder, part), join(spaces, part)];
    const inUse = new Set(namesOf(files));
    for (const name of inUse) if (isDraftName(name)) rmSync(join(files, name), { force: true });
    for (const name of namesOf(packed)) {
      const space = spaceOfArchiveName(name);
      if (isDraftName(name)) rmSync(join(packed, name), { force: true });
      else if (space !== undefined && (!inUse.has(`${space}.db`) || !this.#hasBoth(space))) this.#keys.add(space);
    }
  }

  /** Of a space with both files: false when the one in use was never written to. Else that one counts, and the packed one goes. */
  #hasBoth(space: SpaceKey): boolean {
    const file = statSync(this.#inUse(space));
    if (file.size === 0) return false;
    const path = this.path(space);
    if (Math.abs(file.mtimeMs - statSync(path).mtimeMs) <= SAME_TIME_MS) rmSync(path);
    else this.#putAside(space, path);
    return true;
  }

  /** Two files that are not one: somebody else has made the one in use, such as a release that knows no archive. Neither is ours to remove. */
  #putAside(space: SpaceKey, path: string): void {
    let count = 1;
    while (existsSync(`${path}.kept-${count}`)) count += 1;
    renameSync(path, `${path}.kept-${count}`);
    this.#deps.logger.error('A space has a file in use and another one in the archive, which was put aside.', {
      space,
      file: `${path}.kept-${count}`,
    });
  }
}

/** What copying a time of change may lose. */
const SAME_TIME_MS = 1;

/** Of the last change. */
async function copyTimes(from: string, to: string): Promise<void> {
  const { atime, mtimeMs } = await stat(from);
  await utimes(to, atime, mtimeMs / 1000);
}

function namesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw new PolymniaError('storage_unavailable', `The folder ${folder} cannot be read.`, { cause: error });
  }
}

/** Its name is durable when it is new. */
async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncFolder(dirname(folder));
}

function refusal(error: unknown, signal: AbortSignal): unknown {
  throwIfAborted(signal);
  if (isDamage(error)) {
    return new PolymniaError('storage_unavailable', 'The archived file of the space is damaged. It was kept; bring it back from a backup.', {
      cause: error,
    });
  }
  return new PolymniaError('storage_unavailable', `The archived file of the space cannot be unpacked (${systemCode(error) ?? 'unknown error'}).`, {
    cause: error,
  });
}
