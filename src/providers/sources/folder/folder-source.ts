import { createHash } from 'node:crypto';
import { isAbsolute, relative, sep } from 'node:path';
import { realpath, stat } from 'node:fs/promises';
import type { KnownFile, OpenSource, SkippedEntry, SourceContent, SourceEntry, SourceSnapshot } from '../../../domains/code/ports.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { Exclusions } from '../exclusions.ts';
import { isLfsPointer } from '../lfs-pointer.ts';
import { byPath } from '../listing.ts';
import { Turns } from '../turns.ts';
import { absolutePath, walkFolder } from './folder-walk.ts';
import type { WalkedFile } from './folder-walk.ts';
import { NotReadable, readWhole } from './safe-files.ts';

/** A folder's source, as {@link OpenSource} has it. */
export interface OpenFolderSource extends Omit<OpenSource, 'source'> {
  readonly source: Extract<OpenSource['source'], { kind: 'folder' }>;
  /** See {@link SourceOpenerDeps.ownFolders}. */
  readonly ownFolders: readonly string[];
}

/** A file may change twice within one step of the file system's clock, the second time unseen: so fresh a file is not remembered. */
const SETTLED_MS = 2000;

/** Lists a folder of this machine and names each file by its content. No git is ever run in it. */
export async function openFolderSource(clock: Clock, request: OpenFolderSource): Promise<SourceSnapshot & AsyncDisposable> {
  const own = (await Promise.all(request.ownFolders.map((folder) => realFolder(folder)))).filter((folder) => folder !== undefined);
  const root = await locateRoot(request, own);
  const { budgets, signal } = request;
  const turns = new Turns(clock, signal);
  const onProgress = (done: number): void => request.progress('fetch', done, undefined, 'files');
  const startedAt = clock.now();
  const { files, skipped } = (await walk({ root, own, budgets, exclusions: new Exclusions(), turns, onProgress })).finish();
  const named = await nameFiles({ request, root, turns, startedAt }, files);
  const allSkipped = [...skipped, ...named.skipped].sort(byPath);
  return new FolderSnapshot(clock, root, named.entries, allSkipped);
}

async function walk(request: Parameters<typeof walkFolder>[0]): ReturnType<typeof walkFolder> {
  try {
    return await walkFolder(request);
  } catch (error) {
    throw error instanceof NotReadable ? missing(error) : error;
  }
}

/** The folder without links, if it lies in one of the roots and in none of the server's own folders. */
async function locateRoot({ source, allowedRoots }: OpenFolderSource, own: readonly string[]): Promise<string> {
  const root = await realFolder(source.path);
  if (root !== undefined && own.some((folder) => contains(folder, root)))
    throw new PolymniaError('forbidden', "The server's own data folder, and what lies in it, cannot be indexed.");
  const roots = await Promise.all(allowedRoots.map((allowed) => realFolder(allowed)));
  const isAllowed = root !== undefined && roots.some((allowed) => allowed !== undefined && contains(allowed, root));
  if (root !== undefined && isAllowed) return root;
  if (root === undefined && allowedRoots.some((allowed) => isAbsolute(source.path) && contains(allowed, source.path))) throw missing();
  throw new PolymniaError('forbidden', 'No administrator has allowed to index this folder.');
}

async function realFolder(path: string): Promise<string | undefined> {
  if (!isAbsolute(path) || path.includes('\0')) return undefined;
  const real = await realpath(path).catch(() => undefined);
  const found = real === undefined ? undefined : await stat(real).catch(() => undefined);
  return found?.isDirectory() === true ? real : undefined;
}

/** By steps from one to the other: the beginning of a text says nothing. */
function contains(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function missing(cause?: unknown): PolymniaError {
  const message = 'There is no such folder on the server, or the server may not read it.';
  return new PolymniaError('invalid_input', message, { details: { field: 'source' }, cause });
}

interface Naming {
  readonly request: OpenFolderSource;
  readonly root: string;
  readonly turns: Turns;
  readonly startedAt: number;
}

/** What was known with the same stamp is not read again. */
async function nameFiles({ request, root, turns, startedAt }: Naming, files: readonly WalkedFile[]) {
  const entries: SourceEntry[] = [];
  const skipped: SkippedEntry[] = [];
  for (const file of files) {
    await turns.next();
    try {
      entries.push(nameFile(root, file, request.known.get(file.path), startedAt));
    } catch (error) {
      if (!(error instanceof NotReadable)) throw error;
      skipped.push({ path: file.path, reason: error.reason });
    }
    if ((entries.length + skipped.length) % 1000 === 0) request.progress('list', entries.length + skipped.length, files.length, 'files');
  }
  return { entries, skipped };
}

function nameFile(root: string, file: WalkedFile, known: KnownFile | undefined, startedAt: number): SourceEntry {
  const { path, bytes, stat: signature, changedAt } = file;
  if (known?.stat === signature) return { path, bytes, blobId: known.blobId, stat: signature };
  const blobId = contentId(readWhole(absolutePath(root, path), file));
  return { path, bytes, blobId, ...(changedAt + SETTLED_MS < startedAt && { stat: signature }) };
}

function contentId(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The files as they were listed. One that has changed since is told as such when it is read. */
class FolderSnapshot implements SourceSnapshot, AsyncDisposable {
  readonly #clock: Clock;
  readonly #root: string;
  readonly treeId: string;
  readonly entries: readonly SourceEntry[];
  readonly skipped: readonly SkippedEntry[];

  constructor(clock: Clock, root: string, entries: readonly SourceEntry[], skipped: readonly SkippedEntry[]) {
    this.#clock = clock;
    this.#root = root;
    this.treeId = listingId(entries, skipped);
    this.entries = entries;
    this.skipped = skipped;
  }

  async *read(entries: readonly SourceEntry[], signal: AbortSignal): AsyncGenerator<SourceContent> {
    const turns = new Turns(this.#clock, signal);
    for (const entry of entries) {
      await turns.next();
      yield this.#readOne(entry);
    }
  }

  #readOne(entry: SourceEntry): SourceContent {
    try {
      const bytes = readWhole(absolutePath(this.#root, entry.path), { bytes: entry.bytes });
      if (contentId(bytes) !== entry.blobId) return { entry, unreadable: 'changed_while_read' };
      return isLfsPointer(bytes) ? { entry, unreadable: 'lfs_pointer' } : { entry, bytes };
    } catch (error) {
      if (!(error instanceof NotReadable)) throw error;
      return { entry, unreadable: error.reason };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Of all that was seen: what is skipped, and why, is part of what a sync tells. No path holds a NUL. */
function listingId(entries: readonly SourceEntry[], skipped: readonly SkippedEntry[]): string {
  const hash = createHash('sha256');
  for (const { path, blobId } of entries) hash.update(`${path}\0${blobId}\0`);
  hash.update('\0');
  for (const { path, reason } of skipped) hash.update(`${path}\0${reason}\0`);
  return `sha256:${hash.digest('hex')}`;
}
