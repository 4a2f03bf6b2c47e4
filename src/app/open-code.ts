import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { Settings } from '../config/options.ts';
import { isLoopback } from '../config/settings.ts';
import {
  type CodeAnalyses,
  type CodeSearch,
  type CodeSettings,
  CodeVectors,
  type CodeVectorsDeps,
  createCodeAnalyses,
  createCodeSearch,
  RepositoryService,
} from '../domains/code/index.ts';
import type { JobService } from '../domains/jobs/index.ts';
import { type Embedder, QueryEmbedding } from '../domains/memory/index.ts';
import { PolymniaError, toPolymniaError } from '../kernel/errors.ts';
import { createSourceFolders } from '../providers/folders/source-folders.ts';
import { type ChildPool, createChildPool } from '../providers/processes/child-pool.ts';
import { SearchThreads } from '../storage/sqlite/code/search-threads.ts';
import { createRepositoryFolders } from '../storage/files/repository-folders.ts';
import type { CommonParts } from './common-parts.ts';
import type { EmbeddedStorage } from './storage.ts';
import { createSyncJobs } from './sync-jobs.ts';

interface CodeDeps extends CommonParts {
  readonly storage: EmbeddedStorage;
  /** Ends anybody's job. */
  readonly stopJob: JobService['stop'];
  /** Used when CODE_EMBEDDING is on. */
  readonly embedder: Embedder | undefined;
}

const MAX_PATH_DEPTH = 64;
const MAX_THREADS = 4;
const BYTES_PER_KB = 1024;
const BYTES_PER_MB = 1024 * BYTES_PER_KB;
/** Processor time of a phase of an analysis: several times what the largest public repositories take. */
const ANALYSIS_PHASE_MS = 300_000;
/** Part of a child's memory that is for the fingerprints of duplicates; what finds them takes as much again. */
const FINGERPRINT_SHARE = 1 / 4;
const CHILD_ENTRY = new URL(`./children/child-main.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

/** The services of the code domain. */
export interface CodeServices {
  readonly repositories: RepositoryService;
  readonly search: CodeSearch;
  readonly analyses: CodeAnalyses;
}

/** Repositories and their search, with the child processes and threads they work in. What crashes and restores left is cleared away beside their first work. */
export function openCode(deps: CodeDeps): CodeServices {
  const { settings, clock, ids, logger, parts, storage, stopJob } = deps;
  const index = openIndexes(deps);
  const tasks = openChildren(deps);
  const code = codeSettings(settings, storage.folder.path);
  const shared = {
    store: storage.repositories,
    folders: createRepositoryFolders(storage.folder.repos),
    jobs: createSyncJobs(storage.jobs, stopJob),
    clock,
  };
  const embedder = settings.CODE_EMBEDDING ? deps.embedder : undefined;
  const vectors = embedder && openVectors(deps, { ...shared, index, embedder });
  const repositories = new RepositoryService({
    ...shared,
    ...(vectors !== undefined && { vectors }),
    sources: createSourceFolders(storage.folder.path),
    tasks,
    readers: index,
    ids,
    logger,
    settings: code,
    isOwner: async (userId) => (await storage.identity.owner())?.id === userId,
  });
  parts.own('repositories', repositories);
  repositories.sweep().catch((error: unknown) => {
    if (toPolymniaError(error).code !== 'cancelled') logger.warn('code indexes could not be cleaned up', {}, error);
  });
  const analyses = createCodeAnalyses({
    ...shared,
    tasks,
    settings: code,
    budgets: { phaseMs: ANALYSIS_PHASE_MS, fingerprintBytes: settings.WORKER_MEMORY_MB * BYTES_PER_MB * FINGERPRINT_SHARE },
    hold: (...request) => repositories.hold(...request),
  });
  const meaning = embedder && new QueryEmbedding(embedder, clock, settings.EMBEDDING_QUERY_TIMEOUT);
  return { repositories, search: createCodeSearch({ ...shared, index, ...(meaning !== undefined && { meaning }) }), analyses };
}

/** The background work that makes vectors, which goes on where the last start left off. */
function openVectors(
  { settings, logger, parts }: CodeDeps,
  made: Pick<CodeVectorsDeps, 'store' | 'folders' | 'index' | 'embedder' | 'clock'>,
): CodeVectors {
  const vectors = parts.own('code vectors', new CodeVectors({ ...made, logger, batch: settings.EMBEDDING_BATCH }));
  vectors.start();
  return vectors;
}

/** Absolute. What is wrong with it shall be seen at the start, not at each fetch. */
function readableFile(path: string): string {
  try {
    accessSync(path, constants.R_OK);
    return resolve(path);
  } catch (cause) {
    throw new PolymniaError('invalid_input', `GIT_CA_FILE is "${path}", but the server cannot read such a file.`, { cause });
  }
}

function openIndexes({ settings, clock, logger, parts }: CodeDeps): SearchThreads {
  const onCrash = (name: string, cause: unknown): void => logger.error('a search thread ended unasked; it starts again', { thread: name }, cause);
  return parts.own('code indexes', new SearchThreads({ threads: settings.CODE_READERS, clock, onCrash }));
}

function openChildren({ settings, clock, logger, parts, storage }: CodeDeps): ChildPool {
  const pool = createChildPool({
    entry: CHILD_ENTRY,
    maxChildren: settings.CODE_WORKERS,
    cpus: settings.WORKER_CPUS === 0 ? Math.max(1, availableParallelism() - 1) : settings.WORKER_CPUS,
    memoryMb: settings.WORKER_MEMORY_MB,
    niceness: settings.WORKER_NICENESS,
    givingWay: storage.givingWay,
    tempFolder: join(storage.folder.tmp, 'children'),
    onDeath: (reason, { kind, userId }) => logger.warn('a child process died', { reason, kind, user: userId }),
    clock,
    logger,
  });
  return parts.own('child processes', pool);
}

function codeSettings(settings: Settings, dataFolder: string): CodeSettings {
  return {
    ownerMayNameAnyFolder: isLoopback(settings.HOST),
    maxRepositories: settings.MAX_REPOSITORIES_PER_SPACE,
    threads: settings.INDEX_THREADS === 0 ? Math.min(MAX_THREADS, availableParallelism()) : settings.INDEX_THREADS,
    allowSsh: settings.GIT_ALLOW_SSH,
    allowedPrivateHosts: settings.GIT_PRIVATE_HOSTS,
    onlyHosts: settings.GIT_ONLY_HOSTS,
    ...(settings.GIT_CA_FILE !== '' && { gitCaFile: readableFile(settings.GIT_CA_FILE) }),
    ownFolders: [resolve(dataFolder)],
    budgets: {
      maxFiles: settings.SYNC_MAX_FILES,
      maxBytes: settings.SYNC_MAX_MB * BYTES_PER_MB,
      maxTextBytes: settings.SYNC_MAX_FILE_KB * BYTES_PER_KB,
      maxParseBytes: settings.SYNC_MAX_PARSE_KB * BYTES_PER_KB,
      maxParseMs: settings.SYNC_MAX_PARSE_MS,
      maxPathDepth: MAX_PATH_DEPTH,
      cloneBytes: settings.CLONE_MAX_MB * BYTES_PER_MB,
      cloneMs: settings.CLONE_TIMEOUT,
    },
  };
}
