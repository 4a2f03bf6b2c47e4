import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { parseRecordId, RECORD_NOUNS } from '../../kernel/ids.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import type { ChildTasks } from '../jobs/index.ts';
import type { AnalysisBudgets } from './analysis/analyse.ts';
import { readEdgeCursor } from './analysis/edge-cursor.ts';
import { edgePage, wantsEdges } from './analysis/edge-page.ts';
import { BEGINNING, type ReadEdgeBlock } from './analysis/edge-scan.ts';
import type { AnalyzeInput, GetAnalysisInput } from './analysis/inputs.ts';
import { renderAnalysis } from './analysis/markdown.ts';
import { renderEdges } from './analysis/markdown-edges.ts';
import type { AnalyzeOutput, GetAnalysisOutput } from './analysis/outputs.ts';
import { ANALYSIS_VERSION, PHASES } from './analysis/result.ts';
import { earlierOf, headOf, partsOf, pick, summaryOf } from './analysis/stored.ts';
import { runAnalysis } from './analysis-run.ts';
import type { CodeSettings } from './deps.ts';
import { type Repository, REPOSITORY_KIND } from './model.ts';
import { repositoryId } from './outputs.ts';
import type { IndexFolders } from './ports.ts';
import type { RepositoryStore, StoredAnalysis } from './store.ts';

/** What analysing is made of. */
export interface CodeAnalysesDeps {
  readonly store: Pick<RepositoryStore, 'get' | 'putAnalysis' | 'analyses' | 'putEdges' | 'edgeBlock'>;
  readonly folders: Pick<IndexFolders, 'generation' | 'clone'>;
  readonly tasks: ChildTasks;
  readonly clock: Clock;
  readonly settings: Pick<CodeSettings, 'budgets' | 'allowSsh' | 'allowedPrivateHosts' | 'gitCaFile'>;
  readonly budgets: AnalysisBudgets;
  /** Keeps everybody else from a repository's clone until it is disposed; rejects with `timed_out` when that takes too long. */
  hold(uuid: string, holder: string, timeoutMs: number, signal: AbortSignal): Promise<Disposable>;
}

/** The use cases of analyses. Callers were admitted: `ctx.spaces` holds the space. */
export interface CodeAnalyses {
  /** Name of a repository by its id. Rejects with `not_found`. */
  nameOf(id: string, space: SpaceAccess): Promise<string>;
  analyze(input: AnalyzeInput, ctx: OperationContext): Promise<AnalyzeOutput>;
  get(input: GetAnalysisInput, ctx: OperationContext): Promise<GetAnalysisOutput>;
}

export function createCodeAnalyses(deps: CodeAnalysesDeps): CodeAnalyses {
  /** Ids of those that run in this process. */
  const running = new Set<string>();
  return {
    nameOf: async (id, space) => (await find(deps, space, id)).name,
    analyze: (input, ctx) => analyze(deps, running, input, ctx),
    get: (input, ctx) => getAnalysis(deps, running, input, ctx),
  };
}

/** Runs as a job only. The analysis has the job's id; a run that takes the job up again is one of its own, maybe of another generation. */
async function analyze(deps: CodeAnalysesDeps, running: Set<string>, input: AnalyzeInput, ctx: OperationContext): Promise<AnalyzeOutput> {
  const { job } = ctx;
  if (job === undefined) throw new PolymniaError('internal', 'An analysis runs as a job only.');
  const space = oneSpace(ctx);
  const repository = await find(deps, space, input.repository);
  const id = job.attempt === 1 ? job.id : `${job.id}.${job.attempt}`;
  const earlier = earlierOf(await deps.store.analyses(space.key, repository.uuid), id);
  running.add(id);
  try {
    const parts = await runAnalysis(deps, { id, ctx, job, space, repository, earlier });
    const stored = (await deps.store.analyses(space.key, repository.uuid)).find((each) => each.id === id);
    if (stored === undefined) throw noRepository();
    const { delta } = parts;
    return {
      repository: named(repository),
      analysis: headOf(stored, false),
      complete: stored.complete,
      summary: summaryOf(parts),
      ...(delta?.against !== undefined && { changed: { newWorst: delta.newWorst.length, fixedWorst: delta.fixedWorst.length } }),
    };
  } finally {
    running.delete(id);
  }
}

async function getAnalysis(
  deps: CodeAnalysesDeps,
  running: ReadonlySet<string>,
  input: GetAnalysisInput,
  ctx: OperationContext,
): Promise<GetAnalysisOutput> {
  const space = oneSpace(ctx);
  const repository = await find(deps, space, input.repository);
  const stored = await deps.store.analyses(space.key, repository.uuid);
  const head = (each: StoredAnalysis): ReturnType<typeof headOf> => headOf(each, running.has(each.id));
  const cursor = readEdgeCursor(input);
  const chosen = chosenOf(stored, input.analysis ?? cursor?.analysis);
  const shared = { repository: named(repository), version: ANALYSIS_VERSION, kept: stored.map(head) } as const;
  if (chosen === undefined) return { ...shared, ended: [] };
  const parts = partsOf(chosen);
  const ended = PHASES.filter((name) => parts[name] !== undefined);
  const read: ReadEdgeBlock = (direction, from) => deps.store.edgeBlock(space.key, repository.uuid, chosen.id, direction, from);
  const edges = wantsEdges(input)
    ? await edgePage(read, parts.dependencies, input, cursor ?? { analysis: chosen.id, position: BEGINNING })
    : undefined;
  const picked = pick(parts, input.phases ?? (edges === undefined ? PHASES : []));
  const found = { ...shared, analysis: head(chosen), ended };
  if (input.format === 'json') return { ...found, phases: picked, ...(edges !== undefined && { edges }) };
  return { ...found, markdown: renderAnalysis(repository.name, head(chosen), picked) + (edges === undefined ? '' : `\n${renderEdges(edges)}`) };
}

/** The newest, or that of this id; undefined when there is none at all. */
function chosenOf(stored: readonly StoredAnalysis[], id: string | undefined): StoredAnalysis | undefined {
  const chosen = id === undefined ? stored[0] : stored.find((each) => each.id === id);
  if (chosen !== undefined || id === undefined) return chosen;
  throw new PolymniaError('not_found', 'No such analysis of this repository; kept are the two newest.');
}

function oneSpace(ctx: OperationContext): SpaceAccess {
  const [space] = ctx.spaces;
  if (space === undefined) throw new PolymniaError('internal', 'The call was admitted without a space.');
  return space;
}

/** The gate has found the space in the id already. */
async function find({ store }: CodeAnalysesDeps, space: SpaceAccess, id: string): Promise<Repository> {
  const uuid = parseRecordId(REPOSITORY_KIND, id)?.uuid;
  const repository = uuid === undefined ? undefined : await store.get(space.key, uuid);
  if (repository === undefined) throw noRepository();
  return repository;
}

function named(repository: Repository): { id: string; name: string } {
  return { id: repositoryId(repository), name: repository.name };
}

function noRepository(): PolymniaError {
  return notFound(RECORD_NOUNS[REPOSITORY_KIND]);
}
