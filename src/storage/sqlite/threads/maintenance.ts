import { chmodSync, closeSync, createReadStream, fsyncSync, openSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { backup, DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { PolymniaError } from '../../../kernel/errors.ts';
import { packAway, type SpaceBytes } from '../archive/packing.ts';
import { giveWay } from './give-way.ts';
import { sqliteFamily } from './translate-error.ts';

/** Work of the maintenance thread: copy a live database, check a file, or pack one nobody uses. */
export type MaintenanceTask =
  | { readonly kind: 'copy'; readonly from: string; readonly to: string }
  | { readonly kind: 'check'; readonly path: string }
  | { readonly kind: 'hash'; readonly path: string }
  | { readonly kind: 'pack'; readonly from: string; readonly to: string };

/** A file's size and SHA-256 (hex). */
export interface FileSeal {
  readonly bytes: number;
  readonly sha256: string;
}

/** What became of a file that was to be packed. */
export type Packed = SpaceBytes | 'absent' | 'unfolded';

export interface MaintenanceRequest {
  readonly id: number;
  readonly task: MaintenanceTask;
}

export type MaintenanceReply = { readonly id: number } & (
  | { readonly ok: true; readonly seal?: FileSeal; readonly problems?: readonly string[]; readonly packed?: Packed }
  | { readonly ok: false; readonly code: string; readonly stopped: boolean }
);

export interface MaintenanceData {
  /** 1 = give up the copy or packing that runs. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  /** Priority for the operating system: 0 is usual, up to 19 gives way to others. */
  readonly niceness: number;
}

/** 1 MiB of 4 KiB pages a step, then a pause: a copy takes no more than a part of the disk's time. */
const PAGES_PER_STEP = 256;
const PAUSE_MS = 2;
const MAX_PROBLEMS = 10;
/** SQLITE_CORRUPT, SQLITE_NOTADB. */
const DAMAGED: ReadonlySet<number> = new Set([11, 26]);

class TaskStopped extends Error {
  override readonly name = 'TaskStopped';
}

const port = parentPort;
if (port === null) throw new PolymniaError('internal', 'Maintenance must run as a worker thread.');
const { stop, niceness } = workerData as MaintenanceData;
giveWay(niceness);

port.on('message', ({ id, task }: MaintenanceRequest) => {
  void run(task).then(
    (result) => port.postMessage({ id, ok: true, ...result } satisfies MaintenanceReply),
    (error: unknown) => port.postMessage({ id, ok: false, code: codeOf(error), stopped: error instanceof TaskStopped } satisfies MaintenanceReply),
  );
});

async function run(task: MaintenanceTask): Promise<{ seal?: FileSeal; problems?: readonly string[]; packed?: Packed }> {
  if (task.kind === 'pack') return { packed: await packAway(task.from, task.to, alive) };
  if (task.kind === 'check') return { problems: check(task.path) };
  if (task.kind === 'copy') await copy(task.from, task.to);
  return { seal: await seal(task.kind === 'copy' ? task.to : task.path) };
}

/** The open read transaction holds one snapshot: without it each commit of another connection would start the copy again. */
async function copy(from: string, to: string): Promise<void> {
  using db = new DatabaseSync(from, { readOnly: true, timeout: 5000 });
  db.exec('BEGIN');
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
  closeSync(openSync(to, 'wx', 0o600));
  await backup(db, to, { rate: PAGES_PER_STEP, progress: pauseOrStop });
  chmodSync(to, 0o600);
  const handle = openSync(to, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function alive(): void {
  if (Atomics.load(stop, 0) !== 0) throw new TaskStopped();
}

function pauseOrStop(): void {
  alive();
  Atomics.wait(stop, 0, 0, PAUSE_MS);
}

async function seal(path: string): Promise<FileSeal> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return { bytes: statSync(path).size, sha256: hash.digest('hex') };
}

/** What `integrity_check` finds, at most ten lines; empty = sound. A file too damaged to be checked is a finding as well. */
function check(path: string): readonly string[] {
  try {
    using db = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    const rows = db.prepare(`PRAGMA integrity_check(${MAX_PROBLEMS})`).all();
    const lines = rows.map((row) => String(row['integrity_check']));
    return lines.length === 1 && lines[0] === 'ok' ? [] : lines;
  } catch (error) {
    if (DAMAGED.has(sqliteFamily(error) ?? 0) && error instanceof Error) return [error.message];
    throw error;
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('errcode' in error) return `SQLite ${String(error.errcode)}`;
  return 'code' in error ? String(error.code) : error.name;
}
