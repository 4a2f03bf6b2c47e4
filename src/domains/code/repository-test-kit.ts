import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../kernel/clock.ts';
import { createIds } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import { createSourceFolders } from '../../providers/folders/source-folders.ts';
import { createRepositoryFolders } from '../../storage/files/repository-folders.ts';
import { createSqliteRepositoryStore } from '../../storage/sqlite/system/sqlite-repository-store.ts';
import { SystemDatabase } from '../../storage/sqlite/system/system-database.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { RepositoryServiceDeps } from './deps.ts';
import type { SyncReport } from './model.ts';
import type { IndexFolders, SyncEvent, SyncJob, SyncTask } from './ports.ts';
import { RepositoryService } from './service.ts';
import type { RepositoryStore } from './store.ts';

/** What a scripted child does with its task; its events go to `tell`. */
export type Script = (task: SyncTask, signal: AbortSignal, tell: (event: SyncEvent) => void) => Promise<unknown>;

/** A context as the gate makes it, as far as repositories look. */
export interface TestCall {
  readonly userId?: string;
  readonly space?: SpaceAccess;
  readonly signal?: AbortSignal;
  /** Of the job that runs. */
  readonly confirm?: () => Promise<void>;
}

export const SPACE: SpaceAccess = { id: 'space_a', key: '00000000000000aa', role: 'owner', payer: 'user_owner', personal: true };
export const OTHER: SpaceAccess = { id: 'space_b', key: '00000000000000bb', role: 'owner', payer: 'user_other', personal: true };

/** A repository service on real storage; only the child process is scripted. */
export class RepositoryKit implements AsyncDisposable {
  readonly service: RepositoryService;
  readonly store: RepositoryStore;
  readonly folders: IndexFolders;
  /** Holds folders to index. */
  readonly sources: string;
  /** What the payer has left, and what was settled so far. */
  readonly account = { left: 1_000_000, used: 0 };
  readonly jobs: SyncJob[] = [];
  readonly cancelled: string[] = [];
  readonly retired: string[] = [];
  readonly progress: string[] = [];
  script: Script = writesIndex();
  readonly #root: string;
  readonly #database: SystemDatabase;

  private constructor(root: string, database: SystemDatabase, settings: Partial<RepositoryServiceDeps['settings']>) {
    this.#root = root;
    this.#database = database;
    this.sources = join(root, 'sources');
    this.store = createSqliteRepositoryStore(database);
    this.folders = createRepositoryFolders(join(root, 'data', 'repos'));
    this.service = new RepositoryService({
      store: this.store,
      folders: this.folders,
      sources: createSourceFolders(join(root, 'data')),
      tasks: { run: (task, { signal, onEvent }) => this.script(task.payload as SyncTask, signal, onEvent) },
      jobs: {
        unfinished: async () => this.jobs,
        cancel: async (id) => void this.cancelled.push(id),
      },
      readers: { retire: async (folder) => void this.retired.push(folder) },
      clock: systemClock,
      ids: createIds(systemClock),
      logger: silentLogger,
      isOwner: async (userId) => userId === 'user_owner',
      settings: {
        ownerMayNameAnyFolder: true,
        maxRepositories: 3,
        threads: 1,
        allowSsh: false,
        allowedPrivateHosts: [],
        onlyHosts: [],
        ownFolders: [join(root, 'data')],
        budgets: { maxFiles: 9, maxBytes: 9, maxTextBytes: 9, maxParseBytes: 9, maxParseMs: 9, maxPathDepth: 9, cloneBytes: 9, cloneMs: 9 },
        ...settings,
      },
    });
  }

  static async open(settings: Partial<RepositoryServiceDeps['settings']> = {}): Promise<RepositoryKit> {
    const root = realpathSync(await mkdtemp(join(tmpdir(), 'polymnia-code-')));
    const database = await SystemDatabase.open({ path: join(root, 'data', 'system.db'), clock: systemClock });
    return new RepositoryKit(root, database, settings);
  }

  context({
    userId = 'user_owner',
    space = SPACE,
    signal = new AbortController().signal,
    confirm = async () => {},
  }: TestCall = {}): OperationContext {
    const { account } = this;
    return {
      caller: { userId, name: userId, timeZone: 'UTC', group: userId, weight: 1, limits: {} },
      credential: { id: 'key_1', scopes: [] },
      spaces: [space],
      signal,
      deadlineAt: Infinity,
      requestId: 'req_1',
      logger: silentLogger,
      meter: { add() {} },
      origin: { surface: 'internal' },
      quota: {
        async reserve(_space, bytes) {
          if (bytes > 0 && account.used + bytes > account.left) throw new PolymniaError('quota_exceeded', 'The storage is full.');
          return { settle: (actual) => void (account.used += actual), [Symbol.dispose]() {} };
        },
      },
      job: { id: 'job_1', attempt: 1, askedAt: systemClock.now(), confirm },
      progress: ({ phase }) => void this.progress.push(phase),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    await this.#database[Symbol.asyncDispose]();
    await rm(this.#root, { recursive: true });
  }
}

export function reportFor({ generation }: Pick<SyncTask, 'generation'>, fields: Partial<SyncReport> = {}): SyncReport {
  return {
    complete: true,
    mode: 'full',
    treeId: `tree ${generation}`,
    generation,
    filesSeen: 1,
    filesIndexed: 1,
    skipped: [],
    notParsed: [],
    filesAdded: 1,
    filesChanged: 0,
    filesRemoved: 0,
    chunks: { new: 1, kept: 2, removed: 0 },
    symbols: 4,
    languages: [],
    sourceBytes: 10,
    indexBytes: 1000,
    phases: [],
    ...fields,
  };
}

/** A child that reports its text, then its whole index. */
export function writesIndex(fields: Partial<SyncReport> = {}): Script {
  return async (task, _signal, tell) => {
    await writeFile(join(task.folder, 'manifest.db'), 'index');
    tell({ kind: 'progress', phase: 'parse', done: 1, unit: 'files' });
    tell({ kind: 'text_ready', report: reportFor(task, { ...fields, indexBytes: 300, symbols: 0 }) });
    return reportFor(task, fields);
  };
}
