import type { MemoryStore, SpaceStats } from '../../domains/memory/store.ts';
import { BACKGROUND, BULK, cellCalls, FOREGROUND, type SpaceFilesPort } from './cell-calls.ts';

const NOTHING_REMOVED = { removed: 0, freedBytes: 0 };
const EMPTY_STATS: SpaceStats = { memories: 0, threads: 0, versions: 0, bytes: 0, fileBytes: 0, types: [], pendingVectors: 0 };

/** The memory store over one SQLite file per space. Holds no state of its own: `files` owns threads, files and transactions. */
export function createSqliteMemoryStore(files: SpaceFilesPort): MemoryStore {
  const { read, make, write } = cellCalls(files);
  return {
    add: (call, items, options) => make('add', call, { items, ...options }),
    get: (call, uuid, options) => read('get', call, { uuid, ...options }, undefined),
    update: (call, uuid, change) => write('update', call, { uuid, change }, FOREGROUND, undefined),
    remove: (call, uuid) => write('remove', call, { uuid }, FOREGROUND, undefined),
    list: (call, filter, page) => read('list', call, { filter, page }, []),
    count: (call, filter) => read('count', call, { filter }, 0),
    search: (call, request) => read('search', call, { request }, { mode: 'lexical', hits: [], pendingVectors: 0 }),
    removeMatching: (call, filter, limit, after) =>
      write('removeMatching', call, { filter, limit, ...(after === undefined ? {} : { after }) }, BULK, NOTHING_REMOVED),
    scan: (call, filter, afterUuid, limit) => read('scan', call, { filter, limit, ...(afterUuid === undefined ? {} : { afterUuid }) }, []),
    tags: (call, options) => read('tags', call, options, []),
    stats: (call) => read('stats', call, {}, EMPTY_STATS),
    usedBytes: (call) => read('usedBytes', call, {}, 0),
    importBegin: (call, run) => make('importBegin', call, { run }),
    importSlice: (call, slice) => make('importSlice', call, { slice }, BULK),
    importState: (call, importId) => read('importState', call, { importId }, undefined),
    importEnd: (call, importId, status) => make('importEnd', call, { importId, status }),
    sweepExpired: (call, limit) => write('sweepExpired', call, { limit }, BACKGROUND, NOTHING_REMOVED),
    scrubText: (call) => write('scrubText', call, {}, BULK, { done: true }),
    reindexText: (call, limit) => write('reindexText', call, { limit }, BULK, { done: true }),
    vectorsPending: (call, model, limit) => read('vectorsPending', call, { model, limit }, []),
    vectorsPut: (call, model, vectors) => write('vectorsPut', call, { model, vectors }, BACKGROUND, { saved: 0, pending: 0, stale: 0 }),
  };
}
