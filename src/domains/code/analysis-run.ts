import { startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import { notFound, PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import { RECORD_NOUNS } from '../../kernel/ids.ts';
import type { ChildTask, ChildTaskHooks } from '../jobs/index.ts';
import type { History } from './analysis/changes.ts';
import type { AnalysisParts } from './analysis/result.ts';
import type { AnalysisDone, AnalysisEvent, AnalysisTask, HistoryDone, HistoryTask } from './analysis/task.ts';
import type { CodeAnalysesDeps } from './analysing.ts';
import { type PublishedIndex, REPOSITORY_KIND } from './model.ts';
import { type AnalysisSubject, PhaseKeeper } from './phase-keeper.ts';

/** Kinds of task that child processes know. */
const ANALYSE_KIND = 'analyse';
const HISTORY_KIND = 'history';

/** A sync may take the index away before the child has opened it; then the next one is taken. */
const MAX_REPLACED = 3;
const MAX_COMMITS = 1000;
const MAX_CHANGED_FILES = 20_000;
/** A sync waits for the clone a minute: less than that. */
const HISTORY_MS = 40_000;
/** How long a running sync of the repository is waited for. */
const CLONE_WAIT_MS = 10_000;

/** Runs the phases in a child process and keeps each as it ends. What a run that was cut off has kept stays readable. */
export async function runAnalysis(deps: CodeAnalysesDeps, subject: AnalysisSubject): Promise<AnalysisParts> {
  const history = await readHistory(deps, subject);
  for (let tries = 0; tries < MAX_REPLACED; tries += 1) {
    const keeper = new PhaseKeeper(deps, subject, await indexOf(deps, subject));
    const done = await runPhases(deps, subject, history, keeper);
    if (done.outcome === 'done') return await keeper.finish();
  }
  throw new PolymniaError('conflict', 'The repository was synced again and again meanwhile; analyse it when its syncs have ended.');
}

/** What is published now. */
async function indexOf({ store }: CodeAnalysesDeps, { space, repository }: AnalysisSubject): Promise<PublishedIndex> {
  const now = await store.get(space.key, repository.uuid);
  if (now === undefined) throw notFound(RECORD_NOUNS[REPOSITORY_KIND]);
  if (now.published?.stage === 'complete') return now.published;
  throw new PolymniaError('conflict', 'The repository has no whole index yet; call sync_repository first, or wait until its sync has ended.');
}

async function runPhases(deps: CodeAnalysesDeps, subject: AnalysisSubject, history: History, keeper: PhaseKeeper): Promise<AnalysisDone> {
  const { ctx, repository, earlier } = subject;
  const stop = new AbortController();
  keeper.onFailure = (failure) => stop.abort(failure);
  const folder = deps.folders.generation(repository.uuid, keeper.index.generation);
  const payload: AnalysisTask = { folder, history, budgets: deps.budgets, ...(earlier !== undefined && { earlier }) };
  const hooks = { signal: AbortSignal.any([ctx.signal, stop.signal]), onEvent: (event: unknown) => keeper.take(event as AnalysisEvent) };
  try {
    return (await deps.tasks.run(taskFor(subject, ANALYSE_KIND, payload), withMeter(subject, hooks))) as AnalysisDone;
  } finally {
    await keeper.settled();
  }
}

/** Why there is no history is a finding like others; only the end of the call itself is an error. */
async function readHistory(deps: CodeAnalysesDeps, subject: AnalysisSubject): Promise<History> {
  const { ctx, repository } = subject;
  const { source } = repository;
  if (source.kind === 'folder') return { unavailable: 'The source is a folder; only a git URL brings its history.' };
  ctx.progress({ phase: 'history', done: 0, total: 1, unit: 'steps' });
  using limit = startDeadline(deps.clock, HISTORY_MS, 'the time for reading the history', ctx.signal);
  try {
    using _clone = await deps.hold(repository.uuid, subject.job.id, CLONE_WAIT_MS, limit.signal);
    const payload: HistoryTask = {
      source,
      cloneFolder: deps.folders.clone(repository.uuid),
      budgets: deps.settings.budgets,
      maxCommits: MAX_COMMITS,
      maxFiles: MAX_CHANGED_FILES,
      allowSsh: deps.settings.allowSsh,
      allowedPrivateHosts: deps.settings.allowedPrivateHosts,
      ...(deps.settings.gitCaFile !== undefined && { gitCaFile: deps.settings.gitCaFile }),
    };
    const hooks = withMeter(subject, { signal: limit.signal, onEvent: () => {} });
    return (await deps.tasks.run(taskFor(subject, HISTORY_KIND, payload), hooks)) as HistoryDone;
  } catch (error) {
    throwIfAborted(ctx.signal);
    return { unavailable: `The history could not be read: ${toPolymniaError(error).message}` };
  }
}

function taskFor({ ctx }: AnalysisSubject, kind: string, payload: unknown): ChildTask {
  return { kind, payload, lane: 'batch', userId: ctx.caller.userId, weight: ctx.caller.weight };
}

function withMeter({ ctx }: AnalysisSubject, hooks: Omit<ChildTaskHooks, 'onCpu'>): ChildTaskHooks {
  return { ...hooks, onCpu: (ms) => ctx.meter.add(ms) };
}
