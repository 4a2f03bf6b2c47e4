import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DraftFolder, IndexFolders } from '../../domains/code/ports.ts';
import { PolymniaError, systemCode } from '../../kernel/errors.ts';
import { orGone } from './or-gone.ts';

/** `repos/<uuid>/<generation>/` beside `repos/<uuid>/clone` and `repos/<uuid>/vectors.db`. Nothing else in these folders is ours to touch. */
const UUID = /^[0-9a-f]{32}$/;
const GENERATION = /^[1-9]\d{0,14}$/;
const CLONE = 'clone';
const VECTORS = 'vectors.db';
/** See {@link IndexFolders.clone}. */
const HALF_CLONE = `${CLONE}.partial`;

/** Index folders under one root, all of mode 0700. */
export function createRepositoryFolders(root: string): IndexFolders {
  const home = (uuid: string): string => join(root, checked(uuid));
  const folderOf = (uuid: string, generation: number): string => join(home(uuid), checkedNumber(generation));
  return {
    generation: folderOf,
    clone: (uuid) => join(home(uuid), CLONE),
    vectors: (uuid) => join(home(uuid), VECTORS),
    create: (uuid, generation) => guarded(() => createDraft(root, home(uuid), folderOf(uuid, generation))),
    has: (uuid, generation) => guarded(() => isFolder(folderOf(uuid, generation))),
    removeGeneration: (uuid, generation) => guarded(() => removeTree(folderOf(uuid, generation))),
    removeClone: (uuid) => guarded(() => removeTree(join(home(uuid), CLONE))),
    removeHalfClone: (uuid) => guarded(() => removeTree(join(home(uuid), HALF_CLONE))),
    remove: (uuid) => guarded(() => removeTree(home(uuid))),
    list: () => guarded(async () => (await namesIn(root)).filter((name) => UUID.test(name))),
    generations: (uuid) => guarded(async () => (await namesIn(home(uuid))).filter((name) => GENERATION.test(name)).map(Number)),
  };
}

async function createDraft(root: string, home: string, path: string): Promise<DraftFolder> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await removeTree(path);
  await mkdir(path, { mode: 0o700 });
  let isKept = false;
  return {
    path,
    sync: () =>
      guarded(async () => {
        for (const folder of [path, home, root]) await syncFolder(folder);
      }),
    keep: (wish) => void (isKept = wish),
    [Symbol.asyncDispose]: async () => {
      if (!isKept) await guarded(() => removeTree(path));
    },
  };
}

/** What is written there meanwhile, by a process that was just ended, makes a folder not empty: then it is tried again. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

async function isFolder(path: string): Promise<boolean> {
  return (await orGone(stat(path)))?.isDirectory() === true;
}

async function namesIn(path: string): Promise<readonly string[]> {
  const names = await orGone(readdir(path));
  return names?.toSorted() ?? [];
}

/** Windows cannot open folders and needs no such step. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(path, 'r');
  await handle.sync();
}

function checked(uuid: string): string {
  if (!UUID.test(uuid)) throw new PolymniaError('internal', 'A repository folder was asked for by something that is no uuid.');
  return uuid;
}

function checkedNumber(generation: number): string {
  const name = String(generation);
  if (!GENERATION.test(name)) throw new PolymniaError('internal', 'A generation folder was asked for by something that is no generation.');
  return name;
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    const message = isFull ? 'The disk is full: the index could not be kept.' : 'The folder for code indexes cannot be used.';
    throw new PolymniaError('storage_unavailable', message, { cause: error });
  }
}
