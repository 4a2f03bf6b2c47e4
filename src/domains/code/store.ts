import type { SpaceKey } from '../../kernel/ids.ts';
import type { PublishedIndex, Repository, RepositorySource, SyncReport } from './model.ts';

/**
 * Which repositories there are and which generation of each is read. Each method is one transaction; what it answers is on disk.
 * Every read and write names the space; a repository of another one does not exist for it.
 */
export interface RepositoryStore {
  /** Creates it, or answers with the one of that name (`created: false`), whatever its source. Refuses (undefined) above `maxPerSpace`. */
  ensure(repository: NewRepository, maxPerSpace: number): Promise<{ readonly repository: Repository; readonly created: boolean } | undefined>;
  get(space: SpaceKey, uuid: string): Promise<Repository | undefined>;
  byName(space: SpaceKey, nameKey: string): Promise<Repository | undefined>;
  /** By name, without their last results; `after` is the last `nameKey` seen. */
  list(space: SpaceKey, limit: number, after?: string): Promise<readonly Repository[]>;
  setSource(space: SpaceKey, uuid: string, source: RepositorySource): Promise<void>;

  /** The next free generation number; never given twice, whatever becomes of it. `not_found` when the repository is gone. */
  nextGeneration(space: SpaceKey, uuid: string): Promise<number>;
  /**
   * Makes a generation the one that is read, and answers with the bytes of the index it replaced. Undefined, and nothing changed, when
   * a newer one is published already or the repository is gone: a sync that was overtaken must not publish.
   */
  publish(space: SpaceKey, uuid: string, index: PublishedIndex): Promise<{ readonly replacedBytes: number } | undefined>;
  /** Takes back a generation whose files are not there; nothing when another one is published by now. */
  unpublish(uuid: string, generation: number): Promise<void>;
  noteResult(space: SpaceKey, uuid: string, report: SyncReport, at: number): Promise<void>;
  /** Bytes of all published indexes of the space. */
  indexBytes(space: SpaceKey): Promise<number>;

  /** Hides it at once, and answers with what it was; its files go after. Undefined when there is none. */
  remove(space: SpaceKey, uuid: string): Promise<Repository | undefined>;
  /** Repositories of a space that is deleted: hides them and answers with their uuids. */
  removeSpace(space: SpaceKey): Promise<readonly string[]>;
  /** Repositories of the space that this user made: hides them, and answers with their uuids. Syncs by others do not change who made one. */
  removeAuthored(space: SpaceKey, author: string): Promise<readonly string[]>;
  /** Every repository's uuid and published generation, page by page in order of uuid: for clearing away what no row names. */
  published(limit: number, after?: string): Promise<readonly PublishedGeneration[]>;

  /** Of one repository, in whatever space; undefined when it is gone. */
  publishedOf(uuid: string): Promise<PublishedGeneration | undefined>;

  /** Keeps a run of an analysis, or its next phases under the same id; nothing when the repository is gone. */
  putAnalysis(space: SpaceKey, uuid: string, analysis: StoredAnalysis): Promise<void>;
  /** Newest first, at most 2 are kept. */
  analyses(space: SpaceKey, uuid: string): Promise<readonly StoredAnalysis[]>;
  /** Keeps edges of an analysis's graph; they go with it. Nothing when there is no such analysis. */
  putEdges(space: SpaceKey, uuid: string, analysis: string, blocks: readonly EdgeBlock[]): Promise<void>;
  /** The block of that number, or the first one that ends with this name or a later one (UTF-16 code units); undefined when there is none. */
  edgeBlock(space: SpaceKey, uuid: string, analysis: string, direction: EdgeDirection, from: number | string): Promise<EdgeBlock | undefined>;

  /** Folders under which anybody may index; set by administrators. */
  allowedRoots(): Promise<readonly string[]>;
  setAllowedRoots(roots: readonly string[]): Promise<void>;
}

/** A repository, and which generation of it is read. */
export interface PublishedGeneration {
  readonly uuid: string;
  readonly generation?: number;
  readonly stage?: PublishedIndex['stage'];
}

export interface NewRepository {
  readonly uuid: string;
  readonly space: SpaceKey;
  readonly name: string;
  readonly nameKey: string;
  readonly source: RepositorySource;
  readonly createdBy: string;
  readonly createdAt: number;
}

/** One analysis as kept: its phases as JSON, each put as it ends. */
export interface StoredAnalysis {
  readonly id: string;
  readonly generation: number;
  readonly treeId: string;
  readonly startedAt: number;
  readonly finishedAt?: number;
  /** By phase name. */
  readonly phases: Readonly<Record<string, unknown>>;
  readonly complete: boolean;
}

/** `out`: by what needs others; `in`: by what is needed. */
export type EdgeDirection = 'out' | 'in';

/** Some edges of a graph, one after the other: blocks of a direction count from 0, and go on where the one before ends. */
export interface EdgeBlock {
  readonly direction: EdgeDirection;
  readonly number: number;
  /** The name its last row begins with. */
  readonly last: string;
  /** A name and those at the other ends of its edges, in order of names; one with many goes over several blocks. */
  readonly rows: readonly (readonly string[])[];
}
