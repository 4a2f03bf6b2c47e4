import { throwIfAborted } from '../../kernel/abort.ts';
import { notFound, PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import type { OperationContext, RunningJob, SpaceAccess } from '../../kernel/operation.ts';
import type { RepositoryServiceDeps } from './deps.ts';
import type { PublishedIndex, Repository, SyncReport } from './model.ts';
import { syncReport } from './outputs.ts';
import type { DraftFolder, SyncEvent, SyncTask } from './ports.ts';
import type { AllowedSource } from './source-choice.ts';

/** What one run works on. The repository is as stored when the run began, and nobody else syncs it meanwhile. */
export interface SyncSubject {
  readonly ctx: OperationContext;
  /** Aborts with the call, and when the repository is removed. */
  readonly signal: AbortSignal;
  readonly job: RunningJob;
  readonly space: SpaceAccess;
  readonly repository: Repository;
  readonly allowed: AllowedSource;
  readonly mode: 'auto' | 'full';
}

/** Kind of task a child process knows the sync by. */
const TASK_KIND = 'sync';

/**
 * Makes a new generation in a child process and publishes it; until then the old one is read. Whatever goes wrong leaves the
 * old one as it was, with one exception: of a first sync the text that was published stays searchable.
 */
export async function runSync(deps: RepositoryServiceDeps, subject: SyncSubject): Promise<SyncReport> {
  const { space, repository, signal } = subject;
  await refuseFullStorage(subject);
  const generation = await deps.store.nextGeneration(space.key, repository.uuid);
  await using draft = await deps.folders.create(repository.uuid, generation);
  const publisher = new Publisher(deps, subject, draft);
  const report = await runChild(deps, subject, { draft, generation }, publisher);
  throwIfAborted(signal);
  if (report.mode !== 'unchanged') {
    subject.ctx.progress({ phase: 'publish', done: 0, total: 1, unit: 'indexes' });
    await publisher.publish(report, 'complete');
    subject.ctx.progress({ phase: 'publish', done: 1, total: 1, unit: 'indexes' });
  }
  await deps.store.noteResult(space.key, repository.uuid, report, deps.clock.now());
  return report;
}

/** Nothing is worked for that could not be kept. A known index may have become smaller. */
async function refuseFullStorage({ ctx, space, repository }: SyncSubject): Promise<void> {
  if (repository.published !== undefined) return;
  using _probe = await ctx.quota.reserve(space, 1);
}

/** Runs the child to its end, which is also the end when publishing the text failed. */
async function runChild(
  { tasks, ...deps }: RepositoryServiceDeps,
  subject: SyncSubject,
  target: { readonly draft: DraftFolder; readonly generation: number },
  publisher: Publisher,
): Promise<SyncReport> {
  const { ctx, signal } = subject;
  const stop = new AbortController();
  const hooks = {
    signal: AbortSignal.any([signal, stop.signal]),
    onCpu: (ms: number) => ctx.meter.add(ms),
    onEvent: (event: unknown) => tell(ctx, publisher, event as SyncEvent),
  };
  publisher.onFailure = (failure) => stop.abort(failure);
  const task = {
    kind: TASK_KIND,
    payload: taskOf(deps, subject, target),
    lane: 'sync',
    userId: ctx.caller.userId,
    weight: ctx.caller.weight,
  } as const;
  try {
    return reportOf(await tasks.run(task, hooks));
  } finally {
    await publisher.settled();
  }
}

function tell(ctx: OperationContext, publisher: Publisher, event: SyncEvent): void {
  if (event.kind === 'text_ready') return publisher.publishText(reportOf(event.report));
  const { phase, done, total, unit, message } = event;
  ctx.progress({ phase, done, unit, ...(total !== undefined && { total }), ...(message !== undefined && { message }) });
}

function reportOf(told: unknown): SyncReport {
  const parsed = syncReport.safeParse(told);
  if (!parsed.success) throw new PolymniaError('internal', 'The sync did not say what it did.', { cause: parsed.error });
  const { commit, ...report } = parsed.data;
  return { ...report, ...(commit !== undefined && { commit }) };
}

function taskOf(
  { folders, settings }: Omit<RepositoryServiceDeps, 'tasks'>,
  { repository, allowed, mode }: SyncSubject,
  { draft, generation }: { readonly draft: DraftFolder; readonly generation: number },
): SyncTask {
  const { uuid, published } = repository;
  const previous = mode === 'auto' && published?.stage === 'complete' ? published : undefined;
  return {
    source: allowed.source,
    allowedRoots: allowed.allowedRoots,
    cloneFolder: folders.clone(uuid),
    folder: draft.path,
    generation,
    ...(previous !== undefined && {
      previous: { folder: folders.generation(uuid, previous.generation), treeId: previous.treeId, generation: previous.generation },
    }),
    mode,
    budgets: settings.budgets,
    threads: settings.threads,
    allowSsh: settings.allowSsh,
    allowedPrivateHosts: settings.allowedPrivateHosts,
    ownFolders: settings.ownFolders,
    ...(settings.gitCaFile !== undefined && { gitCaFile: settings.gitCaFile }),
  };
}

/** Publishes the stages of one draft, in order, each fenced by the job and paid for. */
class Publisher {
  readonly #deps: RepositoryServiceDeps;
  readonly #subject: SyncSubject;
  readonly #draft: DraftFolder;
  #text: Promise<void> = Promise.resolve();
  #servedBytes: number;
  #failure: PolymniaError | undefined;
  onFailure: (failure: PolymniaError) => void = () => {};

  constructor(deps: RepositoryServiceDeps, subject: SyncSubject, draft: DraftFolder) {
    this.#deps = deps;
    this.#subject = subject;
    this.#draft = draft;
    this.#servedBytes = subject.repository.published?.indexBytes ?? 0;
  }

  /** Text is worth reading before its symbols only where there is no whole index yet. */
  publishText(report: SyncReport): void {
    if (this.#subject.repository.published?.stage === 'complete') return;
    this.#text = this.publish(report, 'text').catch((error: unknown) => {
      this.#failure = toPolymniaError(error);
      this.onFailure(this.#failure);
    });
  }

  /** Rejects with what kept the text from being published. */
  async settled(): Promise<void> {
    await this.#text;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async publish(report: SyncReport, stage: PublishedIndex['stage']): Promise<void> {
    const { store, clock } = this.#deps;
    const { ctx, signal, job, space, repository } = this.#subject;
    const growth = report.indexBytes - this.#servedBytes;
    using reservation = await ctx.quota.reserve(space, Math.max(0, growth));
    await this.#draft.sync();
    await job.confirm();
    throwIfAborted(signal);
    // Kept before it is known: a publication whose answer was lost may have been done. The clean-up removes what no row names.
    this.#draft.keep(true);
    const done = await store.publish(space.key, repository.uuid, indexOf(report, stage, clock.now()));
    if (done === undefined) {
      this.#draft.keep(false);
      throw notFound('repository');
    }
    reservation.settle(report.indexBytes - done.replacedBytes);
    this.#servedBytes = report.indexBytes;
  }
}

function indexOf(report: SyncReport, stage: PublishedIndex['stage'], publishedAt: number): PublishedIndex {
  const { generation, treeId, commit, filesIndexed, symbols, chunks, sourceBytes, indexBytes } = report;
  return {
    generation,
    stage,
    treeId,
    ...(commit !== undefined && { commit }),
    files: filesIndexed,
    symbols,
    chunks: chunks.new + chunks.kept,
    sourceBytes,
    indexBytes,
    publishedAt,
  };
}
