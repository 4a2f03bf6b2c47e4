import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError, systemCode } from '../../kernel/errors.ts';
import { isSpaceKey } from '../../kernel/ids.ts';
import { checkArchive } from './archive/check-archive.ts';
import { DataFolder } from './data-folder.ts';
import type { BackupFile, SpaceFiles } from './space-files.ts';
import { syncFile, syncFolder } from './sync-to-disk.ts';
import { MaintenanceThread } from './threads/maintenance-host.ts';
import { draftPath, spaceOfArchiveName } from './threads/space-path.ts';

const MANIFEST = 'manifest.json';
const SYSTEM = 'system.db';
/** Version of the backup's own form: 2 knows archived spaces. */
const FORMAT = 2;

export interface BackupManifest {
  readonly format: number;
  /** Version of the program that made it. */
  readonly version: string;
  readonly createdAt: string;
  readonly files: readonly BackupFile[];
}

export interface BackupRequest {
  readonly spaces: Pick<SpaceFiles, 'list' | 'backupTo'>;
  /** Path of the live `system.db`. */
  readonly systemDb: string;
  /** Folder to make; must not exist. */
  readonly target: string;
  readonly version: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: (filesDone: number) => void;
}

/**
 * Copies everything stored while the server runs: cells first, `system.db` last, so that whatever it names has been copied
 * or did not exist. Written to `<target>.tmp` and renamed when complete: a folder of the target's name is a whole backup.
 */
export async function backupFolder(request: BackupRequest): Promise<BackupManifest> {
  const target = resolve(request.target);
  const draft = `${target}.tmp`;
  await refuseExisting(target);
  await mkdir(dirname(target), { recursive: true });
  await makeDraft(draft);
  try {
    const manifest = await copyAll(request, draft);
    await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600, flush: true });
    await syncTree(draft);
    await rename(draft, target);
    await syncFolder(dirname(target));
    return manifest;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function copyAll({ spaces, systemDb, version, clock, signal, onProgress }: BackupRequest, draft: string): Promise<BackupManifest> {
  const files: BackupFile[] = [];
  const add = (file: BackupFile): void => {
    files.push(file);
    onProgress?.(files.length);
  };
  for await (const space of spaces.list()) {
    throwIfAborted(signal);
    const file = await spaces.backupTo(space, draft, signal);
    if (file !== undefined) add(file);
  }
  await using maintenance = new MaintenanceThread();
  add({ path: SYSTEM, ...(await maintenance.copy(systemDb, join(draft, SYSTEM), signal)) });
  return { format: FORMAT, version, createdAt: new Date(clock.now()).toISOString(), files };
}

export interface RestoreRequest {
  readonly backup: string;
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Move what the data folder holds aside, instead of refusing. */
  readonly force?: boolean;
}

export interface Restored {
  readonly manifest: BackupManifest;
  /** Where the former contents are now. */
  readonly movedTo?: string;
}

/**
 * Puts a backup in place of a data folder's contents. Takes the folder's lock, so no server can be running on it. Everything
 * is copied beside, compared with the manifest and checked by SQLite before anything is put in place.
 * Errors: `conflict` when the folder holds data and `force` is not given; `invalid_input` when the backup is not whole.
 */
export async function restoreFolder(request: RestoreRequest): Promise<Restored> {
  const backup = resolve(request.backup);
  const manifest = await readManifest(backup);
  await using folder = await DataFolder.open(request.dataFolder);
  const present = await contentsOf(folder);
  if (present.length > 0 && request.force !== true) throw holdsData(folder.path);
  const draft = join(folder.tmp, 'restore');
  await rm(draft, { recursive: true, force: true });
  try {
    await stage(backup, draft, manifest, request.signal);
    const movedTo = present.length === 0 ? undefined : await moveAside(folder, present, request.clock);
    await putInPlace(draft, folder);
    return { manifest, ...(movedTo !== undefined && { movedTo }) };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Folders of a data folder that a backup brings back. */
const MOVED = ['spaces', 'archive'] as const;

async function stage(backup: string, draft: string, manifest: BackupManifest, signal: AbortSignal): Promise<void> {
  await using maintenance = new MaintenanceThread();
  for (const folder of MOVED) await mkdir(join(draft, folder), { recursive: true, mode: 0o700 });
  for (const file of manifest.files) {
    throwIfAborted(signal);
    const path = join(draft, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await copyFile(join(backup, file.path), path, constants.COPYFILE_EXCL).catch((error: unknown) => {
      throw broken(`${file.path} cannot be copied`, error);
    });
    await chmod(path, 0o600);
    await syncFile(path);
    const seal = await maintenance.hash(path, signal);
    if (seal.sha256 !== file.sha256 || seal.bytes !== file.bytes) throw broken(`${file.path} is not what the manifest says`);
    const isPacked = spaceOfArchiveName(basename(path)) !== undefined;
    const problems = isPacked ? await checkArchive(path, draftPath(path), maintenance, signal) : await maintenance.check(path, signal);
    if (problems.length > 0) throw broken(`${file.path} is damaged`);
    for (const leftover of [`${path}-wal`, `${path}-shm`]) await rm(leftover, { force: true });
  }
  await syncTree(draft);
}

/** `system.db` last: without it the folder counts as empty. */
async function putInPlace(draft: string, folder: DataFolder): Promise<void> {
  for (const name of MOVED) {
    await rm(folder[name], { recursive: true, force: true });
    await rename(join(draft, name), folder[name]);
  }
  await rename(join(draft, SYSTEM), folder.systemDb);
  await syncFolder(folder.path);
}

/** What a server would read: everything but lock, address and scratch. */
async function contentsOf(folder: DataFolder): Promise<readonly string[]> {
  const names = await readdir(folder.path);
  const own = names.filter((name) => !['lock.db', 'lock.db-journal', 'server.json', 'tmp'].includes(name));
  const filled: string[] = [];
  for (const name of own) {
    const path = join(folder.path, name);
    const isEmptyFolder = (await stat(path)).isDirectory() && (await readdir(path)).length === 0;
    if (!isEmptyFolder) filled.push(name);
  }
  return filled;
}

async function moveAside(folder: DataFolder, names: readonly string[], clock: Clock): Promise<string> {
  const stamp = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-');
  const aside = join(dirname(folder.path), `${basename(folder.path)}.before-restore-${stamp}`);
  await mkdir(aside, { mode: 0o700 });
  for (const name of names) await rename(join(folder.path, name), join(aside, name));
  await syncFolder(dirname(folder.path));
  return aside;
}

async function readManifest(backup: string): Promise<BackupManifest> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(backup, MANIFEST), 'utf8'));
  } catch (error) {
    throw broken('it has no manifest.json that can be read', error);
  }
  if (!isManifest(value)) throw broken('its manifest.json is not one of ours');
  if (value.format > FORMAT) throw broken(`it was made by a newer version (${value.version})`);
  return value;
}

function isManifest(value: unknown): value is BackupManifest {
  if (typeof value !== 'object' || value === null) return false;
  const { format, version, createdAt, files } = value as Partial<Record<keyof BackupManifest, unknown>>;
  if (typeof format !== 'number' || typeof version !== 'string' || typeof createdAt !== 'string' || !Array.isArray(files)) return false;
  return files.every(isBackupFile) && files.some((file: BackupFile) => file.path === SYSTEM);
}

/** Only the names a backup can hold: a manifest from elsewhere must not make us write outside the folder. */
function isBackupFile(value: unknown): value is BackupFile {
  if (typeof value !== 'object' || value === null) return false;
  const { path, bytes, sha256 } = value as Partial<Record<keyof BackupFile, unknown>>;
  if (typeof path !== 'string' || typeof bytes !== 'number' || typeof sha256 !== 'string') return false;
  const space = /^(?:spaces\/([0-9a-f]{2})\/([0-9a-f]{16})\.db|archive\/([0-9a-f]{2})\/([0-9a-f]{16})\.db\.zst)$/.exec(path);
  const [part, key] = [space?.[1] ?? space?.[3] ?? ' ', space?.[2] ?? space?.[4] ?? ''];
  return path === SYSTEM || (isSpaceKey(key) && key.startsWith(part));
}

async function refuseExisting(target: string): Promise<void> {
  const exists = await stat(target).then(
    () => true,
    () => false,
  );
  if (exists) throw new PolymniaError('conflict', `${target} exists already; a backup makes its folder itself.`);
}

async function makeDraft(draft: string): Promise<void> {
  try {
    await mkdir(draft, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw new PolymniaError('storage_unavailable', `The folder ${draft} cannot be made.`, { cause: error });
    throw new PolymniaError('conflict', `${draft} exists: another backup is being written there, or one was broken off. Remove it if none runs.`);
  }
}

/** Makes the names in a backup's folders durable; its files already are. */
async function syncTree(root: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) if (entry.isDirectory()) await syncTree(join(root, entry.name));
  await syncFolder(root);
}

function holdsData(path: string): PolymniaError {
  return new PolymniaError(
    'conflict',
    `The data folder ${path} holds data. Restore into an empty one, or with force, which moves the data aside first.`,
  );
}

function broken(what: string, cause?: unknown): PolymniaError {
  return new PolymniaError('invalid_input', `The backup cannot be restored: ${what}.`, cause === undefined ? {} : { cause });
}
