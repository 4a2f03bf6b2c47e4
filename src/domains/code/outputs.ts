import { z } from 'zod';
import { formatRecordId } from '../../kernel/ids.ts';
import type { JobProgress } from '../jobs/index.ts';
import { type PublishedIndex, type Repository, REPOSITORY_KIND, SKIP_REASONS, type SyncReport } from './model.ts';
import type { SyncJob } from './ports.ts';

const time = z.string().describe('ISO 8601, UTC');
const count = z.int().min(0);
const examples = z.array(z.string()).describe('Paths, as data');

/** What a sync did. */
const reportFields = {
  complete: z.boolean().describe('False: a budget cut it; skipped says what was left out'),
  mode: z.enum(['unchanged', 'incremental', 'full']),
  treeId: z.string(),
  commit: z.string().optional(),
  generation: count,
  filesSeen: count.describe('filesIndexed and all that was skipped'),
  filesIndexed: count,
  skipped: z.array(z.object({ reason: z.enum(SKIP_REASONS), count, examples })),
  notParsed: z
    .array(z.object({ reason: z.enum(['too_large', 'too_slow', 'too_deep', 'minified']), count, examples }))
    .describe('Searchable as text, without symbols'),
  filesAdded: count,
  filesChanged: count,
  filesRemoved: count,
  chunks: z.object({ new: count, kept: count, removed: count }),
  symbols: count,
  languages: z.array(z.object({ language: z.string(), files: count, bytes: count, lines: count })),
  sourceBytes: count,
  indexBytes: count,
  phases: z.array(z.object({ phase: z.string(), seconds: z.number() })),
};

export const syncReport = z.object(reportFields);

const progressView = z.object({
  phase: z.string(),
  done: z.number(),
  total: z.number().optional(),
  unit: z.string(),
  message: z.string().optional(),
  remainingMs: z.number().optional(),
  at: time,
});

/** A repository as every surface shows it. */
const repositoryView = z.object({
  id: z.string(),
  name: z.string(),
  source: z.object({ kind: z.enum(['git', 'folder']), url: z.string().optional(), branch: z.string().optional(), path: z.string().optional() }),
  state: z
    .enum(['needs_sync', 'text_only', 'ready'])
    .describe('What searches can use: nothing before the first sync; text alone until its symbols are read; or all'),
  sync: z
    .object({ jobId: z.string(), state: z.enum(['queued', 'running']), progress: progressView.optional() })
    .optional()
    .describe('The sync that waits or runs'),
  index: z
    .object({
      generation: count,
      treeId: z.string(),
      commit: z.string().optional(),
      files: count,
      symbols: count,
      chunks: count,
      sourceBytes: count,
      indexBytes: count,
      publishedAt: time,
      ageSeconds: count,
    })
    .optional()
    .describe('What searches read'),
  createdBy: z.string(),
  createdAt: time,
  lastSyncedAt: time.optional().describe('When a sync last ended well, whether it found changes or not'),
});

export const syncOutput = z.object({ repository: repositoryView, ...reportFields });
export const listOutput = z.object({
  repositories: z.array(repositoryView),
  nextCursor: z.string().optional().describe('Give it as cursor to read on; absent on the last page'),
});
const vectorState = z
  .object({ model: z.string(), embedded: count, pending: count })
  .describe('Chunks with a vector for search by meaning, and those that wait for theirs; absent where code is searched by words alone');
export const getOutput = z.object({
  repository: repositoryView.extend({ vectors: vectorState.optional(), lastResult: syncReport.optional() }),
});
export const removeOutput = z.object({ id: z.string(), name: z.string(), removed: z.literal(true), freedBytes: count });
export const rootsOutput = z.object({ roots: z.array(z.string()).describe('Folders under which anybody may index') });

export type RepositoryView = z.output<typeof repositoryView>;
export type SyncOutput = z.output<typeof syncOutput>;
export type ListOutput = z.output<typeof listOutput>;
export type GetOutput = z.output<typeof getOutput>;
export type RemoveOutput = z.output<typeof removeOutput>;
export type RootsOutput = z.output<typeof rootsOutput>;

const iso = (ms: number): string => new Date(ms).toISOString();

/** `job` is the sync that waits or runs for it, if any. */
export function viewRepository(repository: Repository, job: SyncJob | undefined, now: number): RepositoryView {
  const { published, lastSyncedAt } = repository;
  return {
    id: repositoryId(repository),
    name: repository.name,
    source: repository.source,
    state: stateOf(published),
    ...(job !== undefined && { sync: viewJob(job) }),
    ...(published !== undefined && { index: viewIndex(published, now) }),
    createdBy: repository.createdBy,
    createdAt: iso(repository.createdAt),
    ...(lastSyncedAt !== undefined && { lastSyncedAt: iso(lastSyncedAt) }),
  };
}

export function repositoryId({ space, uuid }: Pick<Repository, 'space' | 'uuid'>): string {
  return formatRecordId({ kind: REPOSITORY_KIND, space, uuid });
}

/** A report as an answer, its lists copied: stored values are frozen by type. */
export function viewReport(report: SyncReport): z.output<typeof syncReport> {
  return syncReport.parse(report);
}

function stateOf(published: PublishedIndex | undefined): RepositoryView['state'] {
  if (published === undefined) return 'needs_sync';
  return published.stage === 'complete' ? 'ready' : 'text_only';
}

function viewIndex({ publishedAt, stage: _stage, ...index }: PublishedIndex, now: number): RepositoryView['index'] {
  return { ...index, publishedAt: iso(publishedAt), ageSeconds: Math.max(0, Math.floor((now - publishedAt) / 1000)) };
}

function viewJob({ id, state, progress }: SyncJob): NonNullable<RepositoryView['sync']> {
  return { jobId: id, state, ...(progress !== undefined && { progress: viewProgress(progress) }) };
}

function viewProgress({ phase, done, total, unit, message, remainingMs, at }: JobProgress): z.output<typeof progressView> {
  return {
    phase,
    done,
    unit,
    ...(total !== undefined && { total }),
    ...(message !== undefined && { message }),
    ...(remainingMs !== undefined && { remainingMs }),
    at: iso(at),
  };
}
