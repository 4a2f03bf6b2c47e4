import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { ChildTasks } from '../jobs/index.ts';
import type { SyncBudgets } from './model.ts';
import type { IndexFolders, IndexReaders, SourceFolders, SyncJobs } from './ports.ts';
import type { RepositoryStore } from './store.ts';
import type { CodeVectors } from './vectors.ts';

/** What the operator has set. */
export interface CodeSettings {
  /** The server listens on loopback only: its owner may index any folder of the machine. */
  readonly ownerMayNameAnyFolder: boolean;
  /** MAX_REPOSITORIES_PER_SPACE. */
  readonly maxRepositories: number;
  readonly budgets: SyncBudgets;
  /** INDEX_THREADS, resolved. */
  readonly threads: number;
  /** GIT_ALLOW_SSH. */
  readonly allowSsh: boolean;
  /** GIT_PRIVATE_HOSTS. */
  readonly allowedPrivateHosts: readonly string[];
  /** GIT_ONLY_HOSTS: empty = every public host. */
  readonly onlyHosts: readonly string[];
  /** GIT_CA_FILE, absolute; absent: the system's authorities. */
  readonly gitCaFile?: string;
  /** The data folder: of a source that holds it all else is indexed. */
  readonly ownFolders: readonly string[];
}

/** What the repository service is made of. */
export interface RepositoryServiceDeps {
  readonly store: RepositoryStore;
  readonly folders: IndexFolders;
  readonly sources: SourceFolders;
  readonly tasks: ChildTasks;
  readonly jobs: SyncJobs;
  readonly readers: IndexReaders;
  /** Absent: code is searched by words alone. */
  readonly vectors?: Pick<CodeVectors, 'wanted' | 'stateOf'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly settings: CodeSettings;
  /** Is this the user who was first, on whose machine the server runs? */
  isOwner(userId: string): Promise<boolean>;
}
