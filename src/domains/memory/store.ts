import type { Flow, Meter } from '../../kernel/operation.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import type { ListPosition, MemoryFilter, Metadata, NewMemory, StoredMemory } from './model.ts';

/**
 * The memory storage port. Every method is one whole transaction on one space.
 *
 * Visibility: what a method acknowledged is seen by every later call, of any surface. A memory with
 * `expiresAt <= now` is seen by no method but `sweepExpired`.
 * Durability: a write resolves after its commit is on disk.
 * Absent: a space without a file reads as empty; reading makes no file.
 * Errors: `storage_unavailable` (disk full, I/O, crashed thread), `conflict`, the signal's reason when aborted before
 * commit (then nothing was written). After a commit has begun the outcome is the commit's.
 */
export interface MemoryStore {
  /** Stores items in order, all or none; duplicates are answered, not errors. */
  add(call: WriteCall, items: readonly NewMemory[], options?: AddOptions): Promise<readonly AddOutcome[]>;
  /** A memory with its tags; undefined when absent or expired. `versions` adds its history, oldest first. */
  get(call: StoreCall, uuid: string, options?: { readonly versions?: boolean }): Promise<MemoryWithHistory | undefined>;
  /** Changes the given fields, keeping the old state as a version. Equal content of another live memory outside threads → conflict. */
  update(call: WriteCall, uuid: string, change: MemoryChange): Promise<UpdateOutcome | undefined>;
  /** Deletes one memory with its history and index entries; undefined when absent. */
  remove(call: WriteCall, uuid: string): Promise<RemoveOutcome | undefined>;
  /** Newest first by `(occurredAt, uuid)`. */
  list(call: StoreCall, filter: MemoryFilter, page: ListPage): Promise<readonly StoredMemory[]>;
  /** How many match. */
  count(call: StoreCall, filter: MemoryFilter): Promise<number>;
  /** Ranked search: filters before the cut, best first. */
  search(call: StoreCall, request: SearchRequest): Promise<SearchAnswer>;
  /**
   * One slice of deleting what matches, in order of uuid: looks at a bounded number of memories strictly after `after`, and deletes
   * up to `limit` of them. Go on with `after: next` until `next` is absent, also when a slice removed nothing.
   */
  removeMatching(call: WriteCall, filter: MemoryFilter, limit: number, after?: string): Promise<RemoveOutcome & { readonly next?: string }>;
  /** In uuid order, strictly after `afterUuid`, with history: pages of an export. */
  scan(call: StoreCall, filter: MemoryFilter, afterUuid: string | undefined, limit: number): Promise<readonly MemoryWithHistory[]>;
  /** Tags with the number of live memories that carry them, most used first. */
  tags(call: StoreCall, options: { readonly prefix?: string; readonly limit: number }): Promise<readonly TagCount[]>;
  stats(call: StoreCall): Promise<SpaceStats>;
  /** Bytes counted against the payer's quota: contents, metadata, tags and versions. 0 for a space without a file. */
  usedBytes(call: StoreCall): Promise<number>;

  /** Imports: the resume point commits with the rows of its slice. */
  importBegin(call: WriteCall, run: ImportRun): Promise<ImportState>;
  importSlice(call: WriteCall, slice: ImportSlice): Promise<{ readonly state: ImportState; readonly addedBytes: number }>;
  importState(call: StoreCall, importId: string): Promise<ImportState | undefined>;
  importEnd(call: WriteCall, importId: string, status: ImportStatus): Promise<ImportState>;

  /** Deletes up to `limit` memories whose time has come. `nextAt` is when the next one expires. */
  sweepExpired(call: WriteCall, limit: number): Promise<{ readonly removed: number; readonly freedBytes: number; readonly nextAt?: number }>;
  /** Merges away what deletions left in the full-text index, one slice; done when nothing is left to do. */
  scrubText(call: WriteCall): Promise<{ readonly done: boolean }>;
  /** Re-derives the full-text index of up to `limit` memories under the current tokeniser; done when the file is current. */
  reindexText(call: WriteCall, limit: number): Promise<{ readonly done: boolean }>;

  /** Memories that lack a vector of this model, oldest first. */
  vectorsPending(
    call: StoreCall,
    model: string,
    limit: number,
  ): Promise<readonly { readonly uuid: string; readonly version: number; readonly text: string }[]>;
  /**
   * Saves vectors; one whose memory has changed or gone is dropped. When none is pending the model becomes the space's searchable
   * one and vectors of others go, a slice with each call: `stale` are left, call again (no vectors needed) until it is 0.
   * All vectors of a model have one length; another one is `invalid_input`.
   */
  vectorsPut(
    call: WriteCall,
    model: string,
    vectors: readonly VectorRow[],
  ): Promise<{ readonly saved: number; readonly pending: number; readonly stale: number }>;
}

/** The user a store call works for, and what lets it go on. */
export interface StoreCall {
  readonly space: SpaceKey;
  readonly flow: Flow;
  readonly signal: AbortSignal;
  /** Monotonic ms. */
  readonly deadlineAt: number;
  /** Receives the thread time the call used, µs. */
  readonly meter: Meter;
  /** Wall time of the whole transaction, ms. */
  readonly now: number;
}

/** A write may carry an idempotency key: the same key and input answer as the first time, another input is a conflict. */
export interface WriteCall extends StoreCall {
  readonly idempotency?: { readonly user: string; readonly operation: string; readonly key: string; readonly inputHash: string };
}

export interface AddOptions {
  /** Model of the configured embedder, if any: new contents are marked as waiting for its vector. */
  readonly embedModel?: string;
}

export interface AddOutcome {
  readonly uuid: string;
  /** False: equal content of that type was there; its tags are united and the later (or no) expiry kept. */
  readonly created: boolean;
  readonly place?: number;
  readonly version: number;
  readonly tags: readonly string[];
  readonly expiresAt?: number;
  /** Tags that found no room when united (at most 32 stay: the first one's, then new ones); absent = none. */
  readonly tagsDropped?: number;
  /** Change of the space's used bytes; below 0 when an expired memory gave way. */
  readonly addedBytes: number;
}

export interface MemoryWithHistory extends StoredMemory {
  /** Number of old versions kept. */
  readonly versions: number;
}

/** Absent field = unchanged; null clears. */
export interface MemoryChange {
  readonly content?: string;
  readonly type?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Metadata;
  readonly occurredAt?: number;
  readonly expiresAt?: number | null;
  /** Refuse with `conflict` unless this is the stored version. */
  readonly ifVersion?: number;
  readonly changedBy: string;
  readonly embedModel?: string;
}

export interface UpdateOutcome {
  readonly memory: StoredMemory;
  readonly addedBytes: number;
}

export interface RemoveOutcome {
  readonly removed: number;
  readonly freedBytes: number;
}

export interface ListPage {
  readonly limit: number;
  readonly after?: ListPosition;
}

export interface SearchRequest {
  /** As the user wrote it. */
  readonly query: string;
  readonly filter: MemoryFilter;
  readonly limit: number;
  /** 0..1, on the score the hits carry; applied before the cut. */
  readonly minScore?: number;
  /** The query's vector; used only if `model` is the space's searchable one. */
  readonly vector?: { readonly model: string; readonly values: Float32Array };
  /** 0 = time plays no part; else weight of recency against rank. */
  readonly recencyWeight?: number;
  /** Times the question names ("on 3 May"): memories of that time are lifted, the others stay. UTC ms, both ends included. */
  readonly spans?: readonly { readonly sinceMs: number; readonly untilMs: number }[];
}

export interface SearchAnswer {
  /** `lexical`: words only; `hybrid`: words and vectors. */
  readonly mode: 'lexical' | 'hybrid';
  readonly hits: readonly SearchHit[];
  /** Contents still waiting for a vector. */
  readonly pendingVectors: number;
}

export interface SearchHit {
  readonly memory: StoredMemory;
  /** 0..1 within this answer. */
  readonly score: number;
  /** The parts that made the score; absent = not involved. */
  readonly why: {
    readonly lexical?: number;
    readonly vector?: number;
    readonly neighbour?: number;
    readonly recency?: number;
  };
}

export interface TagCount {
  readonly tag: string;
  readonly count: number;
}

export interface SpaceStats {
  readonly memories: number;
  readonly threads: number;
  readonly versions: number;
  readonly bytes: number;
  readonly fileBytes: number;
  readonly types: readonly { readonly type: string; readonly count: number }[];
  readonly oldest?: number;
  readonly newest?: number;
  readonly pendingVectors: number;
  readonly vectorModel?: string;
}

export type ImportStatus = 'running' | 'succeeded' | 'partial' | 'failed';

export interface ImportRun {
  readonly importId: string;
  readonly user: string;
  readonly spoolId: string;
  readonly name: string;
}

export interface ImportProblem {
  readonly line: number;
  readonly message: string;
}

/** A slice of parsed lines with the point to go on from; both commit together. */
export interface ImportSlice {
  readonly importId: string;
  readonly items: readonly NewMemory[];
  /** Line number of each item. An item that conflicts with what is stored is reported as a problem of its line. */
  readonly lines: readonly number[];
  readonly bad: readonly ImportProblem[];
  /** Byte offset and line number after the slice. */
  readonly nextByte: number;
  readonly nextLine: number;
  readonly embedModel?: string;
}

export interface ImportState extends ImportRun {
  readonly status: ImportStatus;
  readonly created: number;
  readonly duplicates: number;
  readonly badLines: number;
  /** The first 100. */
  readonly bad: readonly ImportProblem[];
  readonly nextByte: number;
  readonly nextLine: number;
  readonly startedAt: number;
  readonly endedAt?: number;
}

export interface VectorRow {
  readonly uuid: string;
  readonly version: number;
  readonly values: Float32Array;
}
