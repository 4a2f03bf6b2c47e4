import type { MemoryStore, SpaceStats, StoreCall, WriteCall } from '../../domains/memory/store.ts';
import type { CellReads } from './cell/reads.ts';
import type { CellWrites } from './cell/writes.ts';

/** What the store needs of the files of all spaces; `SpaceFiles` is it. */
export interface SpaceFilesPort {
  /** Runs a read in a reader thread; `absent` answers for a space without a file. */
  read<R>(method: string, call: StoreCall, args: unknown, absent: R): Promise<R>;
  /** Runs a write in the space's writer thread, as one transaction. `absent` given: no file is made, and this is the answer. */
  write<R>(
    method: string,
    call: WriteCall,
    args: unknown,
    options?: { readonly background?: boolean; readonly absent?: { readonly answer: R } },
  ): Promise<R>;
}

type Method = (cell: never, args: never) => unknown;
type Args<M extends Method> = Omit<Parameters<M>[1], 'now'>;
type Answer<M extends Method> = ReturnType<M>;

const NOTHING_REMOVED = { removed: 0, freedBytes: 0 };
const EMPTY_STATS: SpaceStats = { memories: 0, threads: 0, versions: 0, bytes: 0, fileBytes: 0, types: [], pendingVectors: 0 };

/** Interactive, and never the first to make a file. */
const FOREGROUND = { background: false } as const;
const BACKGROUND = { background: true } as const;

/** The memory store over one SQLite file per space. Holds no state of its own: `files` owns threads, files and transactions. */
export function createSqliteMemoryStore(files: SpaceFilesPort): MemoryStore {
  const read = <M extends keyof CellReads>(method: M, call: StoreCall, args: Args<CellReads[M]>, absent: Answer<CellReads[M]>) =>
    files.read<Answer<CellReads[M]>>(method, call, { ...args, now: call.now }, absent);
  /** Makes the space's file when there is none. */
  const make = <M extends keyof CellWrites>(method: M, call: WriteCall, args: Args<CellWrites[M]>) =>
    files.write<Answer<CellWrites[M]>>(method, call, { ...args, now: call.now });
  const write = <M extends keyof CellWrites>(
    method: M,
    call: WriteCall,
    args: Args<CellWrites[M]>,
    options: { readonly background: boolean },
    answer: Answer<CellWrites[M]>,
  ) => files.write<Answer<CellWrites[M]>>(method, call, { ...args, now: call.now }, { ...options, absent: { answer } });

  return {
    add: (call, items, options) => make('add', call, { items, ...options }),
    get: (call, uuid, options) => read('get', call, { uuid, ...options }, undefined),
    update: (call, uuid, change) => write('update', call, { uuid, change }, FOREGROUND, undefined),
    remove: (call, uuid) => write('remove', call, { uuid }, FOREGROUND, undefined),
    list: (call, filter, page) => read('list', call, { filter, page }, []),
    count: (call, filter) => read('count', call, { filter }, 0),
    search: (call, request) => read('search', call, { request }, { mode: 'lexical', hits: [], pendingVectors: 0 }),
    removeMatching: (call, filter, limit, after) =>
      write('removeMatching', call, { filter, limit, ...(after === undefined ? {} : { after }) }, BACKGROUND, NOTHING_REMOVED),
    scan: (call, filter, afterUuid, limit) => read('scan', call, { filter, limit, ...(afterUuid === undefined ? {} : { afterUuid }) }, []),
    tags: (call, options) => read('tags', call, options, []),
    stats: (call) => read('stats', call, {}, EMPTY_STATS),
    usedBytes: (call) => read('usedBytes', call, {}, 0),
    importBegin: (call, run) => make('importBegin', call, { run }),
    importSlice: (call, slice) => files.write<Answer<CellWrites['importSlice']>>('importSlice', call, { slice, now: call.now }, BACKGROUND),
    importState: (call, importId) => read('importState', call, { importId }, undefined),
    importEnd: (call, importId, status) => make('importEnd', call, { importId, status }),
    sweepExpired: (call, limit) => write('sweepExpired', call, { limit }, BACKGROUND, NOTHING_REMOVED),
    scrubText: (call) => write('scrubText', call, {}, BACKGROUND, { done: true }),
    reindexText: (call, limit) => write('reindexText', call, { limit }, BACKGROUND, { done: true }),
    vectorsPending: (call, model, limit) => read('vectorsPending', call, { model, limit }, []),
    vectorsPut: (call, model, vectors) => write('vectorsPut', call, { model, vectors }, BACKGROUND, { saved: 0, pending: 0, stale: 0 }),
  };
}
