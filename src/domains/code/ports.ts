import type { SpaceAccess } from '../../kernel/operation.ts';
import type { JobProgress } from '../jobs/index.ts';
import type { ParsedFile, RepositorySource, SkipReason, SyncBudgets, SyncReport } from './model.ts';

/** One regular file of a snapshot. */
export interface SourceEntry {
  /** Relative, `/` between its parts, as UTF-8; well-formed. */
  readonly path: string;
  /** Same id = same bytes: git's blob id, or `sha256:…` of a folder's file. */
  readonly blobId: string;
  readonly bytes: number;
  /** Of a folder's file: what {@link KnownFile.stat} will be compared with. */
  readonly stat?: string;
}

export interface SkippedEntry {
  readonly path: string;
  readonly reason: SkipReason;
}

/** The files of a repository at one moment. Lists are complete: entries and skipped together are all that was seen. */
export interface SourceSnapshot {
  readonly treeId: string;
  readonly commit?: string;
  /** In order of their paths (UTF-16 code units). */
  readonly entries: readonly SourceEntry[];
  readonly skipped: readonly SkippedEntry[];
  /** Reads the named entries in the given order, each whole; one that cannot be read any more comes with a reason instead. Bounded memory. */
  read(entries: readonly SourceEntry[], signal: AbortSignal): AsyncIterable<SourceContent>;
  /** Commits that touched each path of late (at most `maxCommits` looked at), for hot spots; undefined where there is no history. */
  churn?(maxCommits: number, signal: AbortSignal): Promise<readonly PathChurn[]>;
}

export interface PathChurn {
  readonly path: string;
  readonly commits: number;
  readonly authors: number;
  readonly lastAt: number;
}

export type SourceContent =
  | { readonly entry: SourceEntry; readonly bytes: Uint8Array }
  | { readonly entry: SourceEntry; readonly unreadable: SkipReason };

/** Brings a source's newest state near and lists it. Used in the sync's child process only. */
export interface SourceOpener {
  open(request: OpenSource): Promise<SourceSnapshot & AsyncDisposable>;
}

export interface OpenSource {
  readonly source: RepositorySource;
  /** Where a git URL's bare clone lives: ours, made if need be. */
  readonly cloneFolder: string;
  /** For a folder: its real path must lie in one of these. */
  readonly allowedRoots: readonly string[];
  /** What the last sync saw, to avoid hashing a folder's unchanged files again: path → (stat signature, blobId). */
  readonly known: ReadonlyMap<string, KnownFile>;
  readonly budgets: SyncBudgets;
  readonly signal: AbortSignal;
  progress(phase: 'fetch' | 'list', done: number, total: number | undefined, unit: string): void;
}

export interface KnownFile {
  /** Size, mtime (ns), ctime (ns), inode, device. */
  readonly stat: string;
  readonly blobId: string;
}

/** Reads definitions, references and chunks out of source text. One per thread; not shared. */
export interface CodeParser extends Disposable {
  /**
   * Never throws on any text; a text beyond a budget answers `notParsed`. `language` is an id of `languages/`. Throws
   * `internal` when a language's grammar is not the file this release was built with: nothing can be parsed then.
   */
  parse(text: string, language: string): ParsedFile;
  /** WebAssembly memory of this thread. It never shrinks. */
  readonly memoryBytes: number;
  /**
   * True when the thread had better be replaced before the next file: it holds more than 300 MB, or the parser's runtime broke under
   * the last text (out of memory). After the latter every text answers `too_slow`.
   */
  shouldRecycle(): boolean;
}

/** What the parent asks of the sync's child process. JSON. */
export interface SyncTask {
  readonly source: RepositorySource;
  readonly cloneFolder: string;
  readonly allowedRoots: readonly string[];
  /** Absent at the first sync and when everything is to be made afresh. */
  readonly previous?: { readonly folder: string; readonly treeId: string; readonly generation: number };
  /** New and empty; gone again if the sync fails. */
  readonly folder: string;
  readonly generation: number;
  readonly mode: 'auto' | 'full';
  readonly budgets: SyncBudgets;
  readonly threads: number;
  readonly allowSsh: boolean;
  /** Addresses that a git URL may resolve to although they are private: for tests and closed networks. */
  readonly allowedPrivateHosts: readonly string[];
  /** GIT_CA_FILE, absolute. Absent: the system's authorities. */
  readonly gitCaFile?: string;
  /** Folders of this server that no source may lie in, and that are left out of one that holds them. */
  readonly ownFolders?: readonly string[];
}

/** What that child reports. The text stage is closed, fsynced and readable when it is reported. */
export type SyncEvent =
  | {
      readonly kind: 'progress';
      readonly phase: string;
      readonly done: number;
      readonly total?: number;
      readonly unit: string;
      readonly message?: string;
    }
  | { readonly kind: 'text_ready'; readonly report: SyncReport };

/** Where indexes and bare clones lie on disk: a folder a repository, in it one a generation. Disk trouble is `storage_unavailable`. */
export interface IndexFolders {
  /** Absolute path of a generation's folder, whether it is there or not. */
  generation(uuid: string, generation: number): string;
  /** Absolute path of the repository's bare clone, whether it is there or not. One that is being made lies beside it, `.partial` after its name. */
  clone(uuid: string): string;
  /** Absolute path of the file with the repository's vectors, whether it is there or not. */
  vectors(uuid: string): string;
  /** A new, empty folder for its owner only; a leftover of that number goes first. */
  create(uuid: string, generation: number): Promise<DraftFolder>;
  has(uuid: string, generation: number): Promise<boolean>;
  removeGeneration(uuid: string, generation: number): Promise<void>;
  removeClone(uuid: string): Promise<void>;
  /** What a fetch that was cut off left of a new clone. */
  removeHalfClone(uuid: string): Promise<void>;
  /** All that is of the repository. */
  remove(uuid: string): Promise<void>;
  /** Uuids of all repositories that have a folder. */
  list(): Promise<readonly string[]>;
  /** Generations of a repository that have a folder. */
  generations(uuid: string): Promise<readonly number[]>;
}

/** A generation's folder that is being written. Removed at dispose unless it is kept. */
export interface DraftFolder extends AsyncDisposable {
  /** Absolute. */
  readonly path: string;
  /** Makes its name durable. */
  sync(): Promise<void>;
  /** Whether it outlives its dispose. */
  keep(isKept: boolean): void;
}

/** What the machine's folders are, as far as the rules about sources ask. */
export interface SourceFolders {
  /** Of an absolute path. */
  locate(path: string): Promise<LocatedFolder>;
  /** Is the folder one of these, or inside one? Paths as `locate` answers them; roots are looked up too. */
  isWithin(realPath: string, roots: readonly string[]): Promise<boolean>;
}

export type LocatedFolder =
  /** `realPath` holds no symbolic links. Of one that holds this server's data folder all else is read. */
  | { readonly kind: 'folder'; readonly realPath: string }
  /** It is this server's data folder, or lies in it: keys and other users' data must not be indexed. */
  | { readonly kind: 'own_data' }
  /** Nothing there, nothing this process may read, or no folder. */
  | { readonly kind: 'missing' };

/** Whoever holds published indexes open for reading. */
export interface IndexReaders {
  /** Closes what is open of a folder once nobody reads it any more; nothing new is opened there. */
  retire(folder: string): Promise<void>;
}

/** A sync that waits or runs, as far as its repository's readers are told. */
export interface SyncJob {
  readonly id: string;
  readonly state: 'queued' | 'running';
  /** The repository's `nameKey`. */
  readonly nameKey: string;
  readonly progress?: JobProgress;
}

/** The syncs among the jobs. */
export interface SyncJobs {
  /** Those of the space that wait or run. */
  unfinished(space: SpaceAccess): Promise<readonly SyncJob[]>;
  /** Whoever asked for it. Resolves when it is noted; its run ends soon after. */
  cancel(jobId: string, reason: string): Promise<void>;
}
