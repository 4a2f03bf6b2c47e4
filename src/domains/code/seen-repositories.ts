import { notFound } from '../../kernel/errors.ts';
import { RECORD_NOUNS } from '../../kernel/ids.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import { type PublishedIndex, type Repository, REPOSITORY_KIND } from './model.ts';
import { repositoryNameKey } from './names.ts';
import { repositoryId } from './outputs.ts';
import type { SyncJob } from './ports.ts';
import type { CodeSearchDeps } from './searching.ts';
import type { SearchedRepository } from './search-outputs.ts';

const PAGE = 100;
/** Repositories of one space that one search looks at. */
const MAX_PER_SPACE = 1_000;

/** A repository the caller was admitted to see, with the sync that waits or runs for it. */
export interface SeenRepository {
  readonly id: string;
  readonly space: SpaceAccess;
  readonly repository: Repository;
  readonly job?: SyncJob;
}

/**
 * The repositories of the admitted spaces, those named when any are. A name or id that none of them has is `not_found`, whether it is
 * another's or nobody's.
 */
export async function seenRepositories(
  { store, jobs }: CodeSearchDeps,
  named: readonly string[] | undefined,
  ctx: OperationContext,
): Promise<readonly SeenRepository[]> {
  const ofSpaces = await Promise.all(
    ctx.spaces.map(async (space) => {
      const [repositories, unfinished] = await Promise.all([allOf(store, space), jobs.unfinished(space)]);
      return repositories.map((repository) => seen(space, repository, unfinished));
    }),
  );
  const all = ofSpaces.flat();
  return named === undefined ? all : pick(all, named);
}

async function allOf(store: CodeSearchDeps['store'], space: SpaceAccess): Promise<readonly Repository[]> {
  const all: Repository[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(space.key, PAGE, after);
    all.push(...page);
    const last = page.at(-1);
    after = page.length < PAGE || last === undefined ? undefined : repositoryNameKey(last.name);
  } while (after !== undefined && all.length < MAX_PER_SPACE);
  return all;
}

function seen(space: SpaceAccess, repository: Repository, unfinished: readonly SyncJob[]): SeenRepository {
  const key = repositoryNameKey(repository.name);
  const ofIt = unfinished.filter(({ nameKey }) => nameKey === key);
  const job = ofIt.find(({ state }) => state === 'running') ?? ofIt[0];
  return { id: repositoryId(repository), space, repository, ...(job !== undefined && { job }) };
}

function pick(all: readonly SeenRepository[], named: readonly string[]): readonly SeenRepository[] {
  const picked = named.flatMap((name) => {
    const key = repositoryNameKey(name);
    const found = all.filter(({ id, repository }) => id === name || repositoryNameKey(repository.name) === key);
    if (found.length === 0) throw notFound(RECORD_NOUNS[REPOSITORY_KIND]);
    return found;
  });
  return [...new Set(picked)];
}

type Why = NonNullable<SearchedRepository['why']>[number];

/** How a repository was searched, for its answer. `published` is what was read; absent when there was nothing to read. */
export function viewSearched(
  { id, space, repository, job }: SeenRepository,
  published: PublishedIndex | undefined,
  more: { readonly why: readonly Why[]; readonly now: number; readonly vectors?: SearchedRepository['vectors'] },
): SearchedRepository {
  const why: Why[] = [...more.why];
  if (published === undefined && why.length === 0) why.push('not_synced');
  if (published?.stage === 'text') why.push('symbols_pending');
  if (repository.lastResult?.complete === false) why.push('last_sync_incomplete');
  const { progress } = job ?? {};
  const pending = progress?.unit === 'files' && progress.total !== undefined ? Math.max(0, progress.total - progress.done) : undefined;
  return {
    id,
    name: repository.name,
    space: space.id,
    ...(published !== undefined && {
      generation: published.generation,
      treeId: published.treeId,
      ageSeconds: Math.max(0, Math.floor((more.now - published.publishedAt) / 1000)),
    }),
    partial: why.length > 0,
    ...(why.length > 0 && { why }),
    ...(more.vectors !== undefined && { vectors: more.vectors }),
    ...(job !== undefined && { sync: job.state }),
    ...(pending !== undefined && { pending }),
  };
}
