import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check, FileProgress } from '../surfaces/cli/cli-deps.ts';
import { systemClock } from '../kernel/clock.ts';
import { checkArchive } from '../storage/sqlite/archive/check-archive.ts';
import { restoreFolder } from '../storage/sqlite/backup.ts';
import { DataFolder } from '../storage/sqlite/data-folder.ts';
import { MaintenanceThread } from '../storage/sqlite/threads/maintenance-host.ts';

interface RestoreOptions {
  readonly backupDir: string;
  readonly dataDir: string;
  readonly force: boolean;
}

/** `polymnia restore`: under the data folder's lock, so never beside a running server. */
export async function restore({ backupDir, dataDir, force }: RestoreOptions, signal: AbortSignal): Promise<object> {
  const { manifest, movedTo } = await restoreFolder({ backup: backupDir, dataFolder: dataDir, clock: systemClock, signal, force });
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  return { dataDir, files: manifest.files.length, bytes, madeAt: manifest.createdAt, ...(movedTo === undefined ? {} : { formerContents: movedTo }) };
}

/** `polymnia doctor --offline`: SQLite's own integrity check of every file, under the data folder's lock. */
export async function inspectOffline(
  dataDir: string,
  signal: AbortSignal,
  onProgress: (progress: FileProgress) => void,
): Promise<{ readonly checks: readonly Check[] }> {
  await stat(dataDir);
  await using folder = await DataFolder.open(dataDir);
  await using maintenance = new MaintenanceThread();
  const files = [folder.systemDb, ...(await filesIn(folder.spaces, '.db')), ...(await filesIn(folder.archive, '.db.zst'))];
  const checks: Check[] = [];
  for (const [index, path] of files.entries()) {
    const problems = path.endsWith('.zst')
      ? await checkArchive(path, join(folder.tmp, 'unpacked.db'), maintenance, signal)
      : await maintenance.check(path, signal);
    onProgress({ phase: 'checking', done: index + 1, total: files.length, unit: 'files' });
    if (problems.length > 0) checks.push({ name: path, ok: false, detail: `${problems.slice(0, 3).join('; ')}. Restore this file from a backup.` });
  }
  if (checks.length === 0) checks.push({ name: join(folder.path, '*'), ok: true, detail: `${files.length} files are sound` });
  return { checks };
}

async function filesIn(folder: string, ending: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}
