import { availableParallelism } from 'node:os';
import type { Clock } from '../../../kernel/clock.ts';
import type { ThreadConfig, ThreadRole } from './protocol.ts';
import { ThreadHost } from './thread-host.ts';
import type { WriterThreads } from './write-dispatcher.ts';

/** Numbers come from the option table; times in ms. */
export interface StorageThreadsOptions {
  /** Folder of the space files, e.g. `DATA/spaces`. */
  readonly folder: string;
  readonly clock: Clock;
  /** Reader threads; 0 = as many as processor cores, at least 2. */
  readonly readers: number;
  readonly writers: number;
  /** Files one thread keeps open. */
  readonly openFiles: number;
  /** Files the reader for short reads keeps open. */
  readonly readerFiles: number;
  readonly cacheKiB: number;
  readonly mmapBytes: number;
  readonly busyTimeoutMs: number;
  readonly idempotencyTtlMs: number;
  /** Path of the sqlite-vec library; absent = not loaded. */
  readonly vectorExtension?: string;
  /** Entry modules of the threads. Default: those of the product. */
  readonly entries?: Readonly<Record<ThreadRole, URL>>;
}

/** None is started before its first use. */
export interface StorageThreads {
  /** The first is for short reads. */
  readonly readers: readonly ThreadHost[];
  readonly writers: WriterThreads;
}

/** Readers but the first take the long reads, and give way to everything else where the processors are busy: at 5 light users felt them. */
const LONG_READER_NICENESS = 12;
/** At 10 light users felt them; at 19 an import would stand still beside another program that fills the processors. */
const BULK_WRITER_NICENESS = 15;
const BULK_WRITERS = 2;
/** A space is with them only while there is bulk work in it. */
const BULK_WRITER_FILES = 8;

const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
const ENTRIES: Readonly<Record<ThreadRole, URL>> = {
  reader: new URL(`./reader.${extension}`, import.meta.url),
  writer: new URL(`./writer.${extension}`, import.meta.url),
};

/** The threads that open space files, by what they are for. `onCrash` is told of each that ended unasked. */
export function createStorageThreads(options: StorageThreadsOptions, onCrash: (name: string, cause: unknown) => void): StorageThreads {
  const { readers, writers, readerFiles, clock, entries = ENTRIES, vectorExtension, ...files } = options;
  const { folder, openFiles, cacheKiB, mmapBytes, busyTimeoutMs, idempotencyTtlMs } = files;
  const vector = vectorExtension === undefined ? {} : { vectorExtension };
  const common = { folder, openFiles, cacheKiB, mmapBytes, busyTimeoutMs, idempotencyTtlMs, niceness: 0, ...vector };
  const thread = (name: string, role: ThreadRole, own: Partial<ThreadConfig> = {}): ThreadHost =>
    new ThreadHost({ entry: entries[role], name, config: { ...common, role, ...own }, clock, onCrash });
  const several = (count: number, make: (number: number) => ThreadHost): readonly ThreadHost[] =>
    Array.from({ length: count }, (_, index) => make(index + 1));
  return {
    readers: several(readers || Math.max(2, availableParallelism()), (number) =>
      thread(`reader ${number}`, 'reader', number === 1 ? { openFiles: readerFiles } : { niceness: LONG_READER_NICENESS }),
    ),
    writers: {
      usual: several(writers, (number) => thread(`writer ${number}`, 'writer')),
      bulk: several(BULK_WRITERS, (number) =>
        thread(`bulk writer ${number}`, 'writer', { niceness: BULK_WRITER_NICENESS, openFiles: Math.min(openFiles, BULK_WRITER_FILES) }),
      ),
    },
  };
}
