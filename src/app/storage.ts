import type { ConversationStore } from '../domains/conversation/store.ts';
import type { RepositoryStore } from '../domains/code/store.ts';
import type { ImportSpool, SpaceWorkKind } from '../domains/memory/index.ts';
import type { MemoryStore } from '../domains/memory/store.ts';
import type { IdentityStore } from '../domains/identity/store.ts';
import type { JobStore } from '../domains/jobs/store.ts';
import { GivingWay } from '../kernel/giving-way.ts';
import { createImportSpool } from '../storage/files/import-spool.ts';
import { DataFolder } from '../storage/sqlite/data-folder.ts';
import { SpaceFiles } from '../storage/sqlite/space-files.ts';
import { createSqliteConversationStore } from '../storage/sqlite/sqlite-conversation-store.ts';
import { createSqliteMemoryStore } from '../storage/sqlite/sqlite-memory-store.ts';
import { createSqliteIdentityStore } from '../storage/sqlite/system/sqlite-identity-store.ts';
import { createSqliteJobStore } from '../storage/sqlite/system/sqlite-job-store.ts';
import { createSqliteRepositoryStore } from '../storage/sqlite/system/sqlite-repository-store.ts';
import { SystemDatabase } from '../storage/sqlite/system/system-database.ts';
import {
  createSqliteSettingsStore,
  createSqliteSpaceWorkStore,
  createSqliteStorageUsageStore,
  type SettingsStore,
  type SpaceWorkStore,
  type StorageUsageStore,
} from '../storage/sqlite/system/upkeep-stores.ts';
import { vectorExtension } from '../storage/sqlite/vector-extension.ts';
import type { CommonParts } from './common-parts.ts';
import { affordableFiles } from './file-limit.ts';

/** The embedded storage: everything that stands behind a port. */
export interface EmbeddedStorage {
  readonly folder: DataFolder;
  readonly files: SpaceFiles;
  readonly memory: MemoryStore;
  readonly conversations: ConversationStore;
  readonly identity: IdentityStore;
  readonly jobs: JobStore;
  readonly repositories: RepositoryStore;
  readonly usage: StorageUsageStore;
  readonly work: SpaceWorkStore<SpaceWorkKind>;
  readonly spool: ImportSpool;
  readonly notes: SettingsStore;
  /** What its long work shares with that of child processes. */
  readonly givingWay: GivingWay;
}

interface StorageDeps extends CommonParts {
  /** Load what searching vectors needs. */
  readonly vectors: boolean;
  /** Told of commits and of waits for locks, in seconds. */
  readonly watch: { commit(seconds: number): void; lockWait(seconds: number): void };
}

/** Takes the data folder and opens what is in it. */
export async function openEmbeddedStorage(deps: StorageDeps): Promise<EmbeddedStorage> {
  const { settings, clock, ids, logger, parts } = deps;
  const folder = parts.own('data folder', await DataFolder.open(settings.DATA_DIR));
  const system = await SystemDatabase.open({
    path: folder.systemDb,
    clock,
    busyTimeoutMs: settings.SQLITE_BUSY_TIMEOUT,
    cacheKiB: settings.SQLITE_CACHE_SIZE,
    mmapBytes: settings.SQLITE_MMAP_SIZE,
    onCrash: (cause) => logger.error('The writer of system.db ended unasked; it starts again at the next write.', {}, cause),
  });
  parts.own('system.db', system);
  const givingWay = new GivingWay(clock);
  const files = parts.own('space files', openSpaceFiles(folder, givingWay, deps));
  return {
    folder,
    files,
    memory: createSqliteMemoryStore(files),
    conversations: createSqliteConversationStore(files),
    identity: createSqliteIdentityStore(system),
    jobs: createSqliteJobStore(system),
    repositories: createSqliteRepositoryStore(system),
    usage: createSqliteStorageUsageStore(system),
    work: createSqliteSpaceWorkStore<SpaceWorkKind>(system),
    spool: createImportSpool({ folder: folder.spool, ids }),
    notes: createSqliteSettingsStore(system),
    givingWay,
  };
}

function openSpaceFiles(folder: DataFolder, givingWay: GivingWay, { settings, clock, logger, vectors, watch }: StorageDeps): SpaceFiles {
  return new SpaceFiles({
    folder: folder.spaces,
    archive: folder.archive,
    givingWay,
    clock,
    logger,
    readers: settings.STORAGE_READERS,
    writers: settings.STORAGE_WRITERS,
    openFiles: Math.min(settings.STORAGE_OPEN_FILES, affordableFiles(settings.STORAGE_WRITERS)),
    readerFiles: Math.min(settings.STORAGE_READER_FILES, affordableFiles(1)),
    cacheKiB: settings.SQLITE_CACHE_SIZE,
    mmapBytes: settings.SQLITE_MMAP_SIZE,
    busyTimeoutMs: settings.SQLITE_BUSY_TIMEOUT,
    idempotencyTtlMs: settings.IDEMPOTENCY_TTL,
    onCommit: (seconds) => watch.commit(seconds),
    onLockWait: (seconds) => watch.lockWait(seconds),
    ...(vectors ? { vectorExtension: vectorExtension() } : {}),
  });
}
