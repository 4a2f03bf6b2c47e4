import { throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type IndexState, shapeOf } from '../../domains/code/index/index-state.ts';
import { planSync, type SyncPlan } from '../../domains/code/index/sync-plan.ts';
import { INDEX_VERSION, type SyncReport } from '../../domains/code/model.ts';
import type { KnownFile, SourceOpener, SourceSnapshot, SyncEvent, SyncTask } from '../../domains/code/ports.ts';
import { readManifest, type StoredIndex } from '../../storage/sqlite/code/manifest-reader.ts';
import { GenerationBuild } from './generation-build.ts';
import { SyncProgress } from './sync-progress.ts';

export interface SyncDeps {
  readonly opener: SourceOpener;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly event: (event: SyncEvent) => void;
}

/** Where so much was hashed although nothing had changed, a new manifest notes the stats as they are, so that the next sync need not. */
const MAX_HASHED_BYTES = 64 * 1024 * 1024;

/**
 * Brings the index of a source up to date in the task's new folder. What the folder of the last generation holds is never
 * changed; when there is nothing to do, nothing is written. A kill at any point leaves a folder that no one reads.
 */
export async function syncRepository(task: SyncTask, deps: SyncDeps): Promise<SyncReport> {
  const { signal, opener } = deps;
  using progress = new SyncProgress(deps.clock, deps.event);
  const previous = task.mode === 'full' || task.previous === undefined ? undefined : usable(readManifest(task.previous.folder), task);
  progress.begin(task.source.kind === 'git' ? 'fetch' : 'list', task.source.kind === 'git' ? 'objects' : 'files');
  await using snapshot = await opener.open({
    source: task.source,
    cloneFolder: task.cloneFolder,
    allowedRoots: task.allowedRoots,
    known: knownFiles(previous),
    budgets: task.budgets,
    signal,
    progress: (phase, done, total, unit) => progress.reported(phase, done, total, unit),
  });
  const plan = planSync(snapshot, previous);
  progress.end();
  throwIfAborted(signal);
  if (previous !== undefined && isUnchanged(plan, snapshot, previous)) return unchanged(previous, snapshot, progress);
  await using build = new GenerationBuild({ task, snapshot, plan, previous, progress, signal, event: deps.event });
  return await build.run();
}

/** The last generation, good to go on from. */
interface Base extends StoredIndex {
  readonly report: SyncReport;
}

/** An index of another form, of another version, or without its symbols is no base. */
function usable(stored: StoredIndex | undefined, { budgets }: SyncTask): Base | undefined {
  const report = parseJson(stored?.meta.get('report') ?? '');
  const isBase =
    stored?.meta.get('index_version') === String(INDEX_VERSION) &&
    stored.meta.get('shape') === shapeOf(budgets) &&
    stored.meta.get('stage') === 'complete' &&
    stored.segments.every(({ hasSymbols }) => hasSymbols) &&
    typeof report === 'object';
  return isBase ? { ...stored, report: report as SyncReport } : undefined;
}

function knownFiles(previous: IndexState | undefined): ReadonlyMap<string, KnownFile> {
  const known = new Map<string, KnownFile>();
  for (const { path, stat, blob } of previous?.files ?? []) if (stat !== undefined) known.set(path, { stat, blobId: blob });
  for (const { path, stat, blob } of previous?.skipped ?? []) if (stat !== undefined && blob !== undefined) known.set(path, { stat, blobId: blob });
  return known;
}

function isUnchanged(plan: SyncPlan, { treeId }: SourceSnapshot, previous: Base): boolean {
  const reasons = new Map(previous.skipped.map(({ path, reason }) => [path, reason]));
  return (
    previous.report.treeId === treeId &&
    plan.read.length + plan.carried.length + plan.dropped.length === 0 &&
    plan.skipped.length === reasons.size &&
    plan.skipped.every(({ path, reason }) => reasons.get(path) === reason) &&
    plan.touched.reduce((sum, { row }) => sum + row.bytes, 0) <= MAX_HASHED_BYTES
  );
}

/** What the last sync said, as far as it is still true. */
function unchanged({ report }: Base, { commit }: SourceSnapshot, progress: SyncProgress): SyncReport {
  return {
    ...report,
    ...(commit !== undefined && { commit }),
    mode: 'unchanged',
    filesAdded: 0,
    filesChanged: 0,
    filesRemoved: 0,
    chunks: { new: 0, kept: report.chunks.new + report.chunks.kept, removed: 0 },
    phases: progress.phases(),
  };
}
