import { type IndexSegment, type SkippedFile, shapeOf } from '../../domains/code/index/index-state.ts';
import type { SyncPlan } from '../../domains/code/index/sync-plan.ts';
import { INDEX_VERSION, type SkipReason, type SyncReport } from '../../domains/code/model.ts';
import type { SourceEntry, SourceSnapshot, SyncEvent, SyncTask } from '../../domains/code/ports.ts';
import { adoptSegment, segmentBytes, syncGeneration } from '../../storage/sqlite/code/generation-files.ts';
import type { StoredIndex } from '../../storage/sqlite/code/manifest-reader.ts';
import { ManifestWriter } from '../../storage/sqlite/code/manifest-writer.ts';
import { SegmentContents } from '../../storage/sqlite/code/segment-contents.ts';
import { IndexThreadHost } from './index-thread-host.ts';
import { SegmentBuilder } from './segment-builder.ts';
import type { SegmentMaker, SymbolsMade, TextOutcome } from './segment-maker.ts';
import { makeAllSymbols } from './symbol-stage.ts';
import type { SyncProgress } from './sync-progress.ts';
import { type TextSegment, TextStage } from './text-stage.ts';

export interface BuildRequest {
  readonly task: SyncTask;
  readonly snapshot: SourceSnapshot;
  readonly plan: SyncPlan;
  /** What the plan was made against. */
  readonly previous: StoredIndex | undefined;
  readonly progress: SyncProgress;
  readonly signal: AbortSignal;
  readonly event: (event: SyncEvent) => void;
}

/** So little is done sooner than threads are started, and without the text being published first. */
const SMALL_BYTES = 2 * 1024 * 1024;
const SMALL_FILES = 300;

/** Reasons that lie in a file's content: the same content need not be read again. */
const CONTENT_REASONS: ReadonlySet<SkipReason> = new Set(['binary', 'lfs_pointer']);
/** Reasons by which an index is not the whole of its source. */
const BUDGET_REASONS: ReadonlySet<SkipReason> = new Set(['file_budget', 'byte_budget']);

/** Writes one generation: links what stays, writes segments of what is new, and names both in a manifest. */
export class GenerationBuild implements AsyncDisposable {
  readonly #request: BuildRequest;
  readonly #makers: readonly SegmentMaker[];
  readonly #isSmall: boolean;
  readonly #kept: readonly IndexSegment[];
  readonly #skipped: SkippedFile[];
  readonly #carriedPaths: ReadonlySet<string>;
  readonly #droppedPaths: ReadonlySet<string>;
  #manifest: ManifestWriter;
  #added = 0;
  #changed = 0;
  #newChunks = 0;
  #removedChunks = 0;

  constructor(request: BuildRequest) {
    const { task, plan, previous } = request;
    this.#request = request;
    const arriving = [...plan.read, ...plan.carried.map(({ entry }) => entry)];
    this.#isSmall = previous !== undefined && arriving.length <= SMALL_FILES && arriving.reduce((sum, { bytes }) => sum + bytes, 0) <= SMALL_BYTES;
    const options = { folder: task.folder, budgets: task.budgets };
    this.#makers = this.#isSmall ? [new SegmentBuilder(options)] : Array.from({ length: task.threads }, () => new IndexThreadHost(options));
    this.#kept = (previous?.segments ?? []).filter(({ id }) => !plan.dissolved.has(id));
    this.#skipped = [...plan.skipped];
    this.#carriedPaths = new Set(plan.carried.map(({ entry }) => entry.path));
    this.#droppedPaths = new Set(plan.dropped.map(({ path }) => path));
    this.#manifest = new ManifestWriter(task.folder, this.#from);
  }

  /** Answers when the whole generation is on disk; its text is when `text_ready` is reported. */
  async run(): Promise<SyncReport> {
    const { task, event, progress } = this.#request;
    for (const { name } of this.#kept) if (this.#from !== undefined) adoptSegment(this.#from, task.folder, name);
    this.#takeOut();
    const segments = await this.#writeTexts();
    if (!this.#isSmall) {
      event({
        kind: 'text_ready',
        report: await this.#close(
          'text',
          segments.map(({ summary }) => summary),
        ),
      });
      this.#manifest = new ManifestWriter(task.folder, task.folder);
    }
    const whole = await this.#writeSymbols(segments);
    progress.begin('write', 'segments', segments.length);
    return await this.#close('complete', whole);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manifest[Symbol.dispose]();
    await Promise.all(this.#makers.map((maker) => maker[Symbol.asyncDispose]()));
  }

  /** Folder of the generation before, when this one goes on from it. */
  get #from(): string | undefined {
    return this.#request.previous === undefined ? undefined : this.#request.task.previous?.folder;
  }

  #takeOut(): void {
    const { plan } = this.#request;
    this.#removedChunks = this.#manifest.drop(plan.dropped.map(({ id }) => id));
    this.#manifest.drop(plan.carried.map(({ row }) => row.id));
    this.#manifest.touch(plan.touched);
  }

  async #writeTexts(): Promise<readonly TextSegment[]> {
    const { plan, previous, progress, task, snapshot, signal } = this.#request;
    progress.begin('read', 'files', plan.read.length + plan.carried.length);
    const first = 1 + Math.max(0, ...(previous?.segments ?? []).map(({ id }) => id));
    const nameOf = (id: number): string => `${task.generation}-${id}`;
    const stage = new TextStage(this.#makers, { taken: (...taken) => this.#taken(...taken) }, { segment: first, nameOf });
    for (const file of this.#carriedContents()) await stage.add(file);
    for await (const content of snapshot.read(plan.read, signal)) {
      if ('bytes' in content) await stage.add(content);
      else this.#skip(content.entry, content.unreadable);
    }
    return await stage.finish();
  }

  *#carriedContents(): Generator<{ readonly entry: SourceEntry; readonly bytes: Uint8Array }> {
    const { plan, previous } = this.#request;
    for (const { id, name } of previous?.segments ?? []) {
      const files = plan.carried.filter(({ row }) => row.segment === id);
      if (files.length === 0 || this.#from === undefined) continue;
      using contents = new SegmentContents(this.#from, name);
      for (const { row, entry } of files) yield { entry, bytes: contents.read(row.local) };
    }
  }

  #taken(entry: SourceEntry, segment: number, outcome: TextOutcome): void {
    if (outcome.kind === 'skipped') return this.#skip(entry, outcome.reason);
    const { local, lines, language, flags } = outcome;
    const { path, blobId: blob, bytes, stat } = entry;
    const place = { path, segment, local, blob, bytes, ...(stat !== undefined && { stat }) };
    this.#manifest.add({ ...place, lines, language, flags, symbols: 0, chunks: 0 });
    this.#request.progress.advance(1);
    if (this.#carriedPaths.has(path)) return;
    if (this.#droppedPaths.has(path)) this.#changed += 1;
    else this.#added += 1;
  }

  #skip({ path, blobId: blob, stat }: SourceEntry, reason: SkipReason): void {
    const known = CONTENT_REASONS.has(reason) ? { blob, ...(stat !== undefined && { stat }) } : {};
    this.#skipped.push({ path, reason, ...known });
    this.#request.progress.advance(1);
  }

  async #writeSymbols(segments: readonly TextSegment[]): Promise<readonly IndexSegment[]> {
    const { progress } = this.#request;
    const files = segments.reduce((sum, { summary }) => sum + summary.files, 0);
    progress.begin('parse', 'files', files);
    return await makeAllSymbols(
      this.#makers,
      segments,
      (count) => progress.advance(count),
      (segment, made) => this.#noteSymbols(segment, made),
    );
  }

  #noteSymbols({ summary, files }: TextSegment, { counts }: SymbolsMade): void {
    for (const [at, { local, path }] of files.entries()) {
      const found = counts[at];
      if (found === undefined) continue;
      this.#manifest.parsed(summary.id, local, found);
      if (!this.#carriedPaths.has(path)) this.#newChunks += found.chunks;
    }
  }

  /** Names the segments in the manifest and waits for the disk. */
  async #close(stage: 'text' | 'complete', made: readonly IndexSegment[]): Promise<SyncReport> {
    const { task, snapshot, progress } = this.#request;
    const segments = [...this.#kept, ...made];
    this.#manifest.setSkipped(this.#skipped);
    this.#manifest.setSegments(segments);
    const report = this.#report(segments);
    this.#manifest.setMeta({
      index_version: String(INDEX_VERSION),
      shape: shapeOf(task.budgets),
      stage,
      generation: String(task.generation),
      tree_id: snapshot.treeId,
      commit: snapshot.commit ?? '',
      report: JSON.stringify(report),
    });
    this.#manifest.publish();
    await syncGeneration(task.folder, segments);
    if (stage === 'complete') progress.advance(made.length);
    progress.end();
    return { ...report, phases: progress.phases() };
  }

  #report(segments: readonly IndexSegment[]): SyncReport {
    const { task, snapshot, plan, previous, progress } = this.#request;
    const { chunks, ...summary } = this.#manifest.summary();
    return {
      complete: !this.#skipped.some(({ reason }) => BUDGET_REASONS.has(reason)),
      mode: previous === undefined ? 'full' : 'incremental',
      treeId: snapshot.treeId,
      ...(snapshot.commit !== undefined && { commit: snapshot.commit }),
      generation: task.generation,
      filesSeen: snapshot.entries.length + snapshot.skipped.length,
      ...summary,
      filesAdded: this.#added,
      filesChanged: this.#changed,
      filesRemoved: plan.dropped.length - this.#changed,
      chunks: { new: this.#newChunks, kept: chunks - this.#newChunks, removed: this.#removedChunks },
      indexBytes: segmentBytes(task.folder, segments) + this.#manifest.bytes,
      phases: progress.phases(),
    };
  }
}
