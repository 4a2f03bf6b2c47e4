import type { StoreCall, WriteCall } from '../../domains/memory/store.ts';
import type { CellReads } from './cell/reads.ts';
import type { CellWrites } from './cell/writes.ts';

/** What stores need of the files of all spaces; `SpaceFiles` is it. */
export interface SpaceFilesPort {
  /** Runs a read in a reader thread; `absent` answers for a space without a file. */
  read<R>(method: string, call: StoreCall, args: unknown, absent: R): Promise<R>;
  /** Runs a write in the space's writer thread, as one transaction. `absent` given: no file is made, and this is the answer. */
  write<R>(method: string, call: WriteCall, args: unknown, options?: Partial<WriteClass> & { readonly absent?: { readonly answer: R } }): Promise<R>;
}

type Method = (cell: never, args: never) => unknown;
type Args<M extends Method> = Omit<Parameters<M>[1], 'now'>;
type Answer<M extends Method> = ReturnType<M>;

/** Interactive, and never the first to make a file. */
export const FOREGROUND = { background: false } as const;
export const BACKGROUND = { background: true } as const;
/** Background work of many pieces. */
export const BULK = { background: true, bulk: true } as const;

interface WriteClass {
  readonly background: boolean;
  readonly bulk?: boolean;
}

/** The methods of a cell by name, with their types; each call's own time is the time of its transaction. */
export interface CellCalls {
  readonly read: <M extends keyof CellReads>(
    method: M,
    call: StoreCall,
    args: Args<CellReads[M]>,
    absent: Answer<CellReads[M]>,
  ) => Promise<Answer<CellReads[M]>>;
  /** Makes the space's file when there is none. */
  readonly make: <M extends keyof CellWrites>(
    method: M,
    call: WriteCall,
    args: Args<CellWrites[M]>,
    options?: WriteClass,
  ) => Promise<Answer<CellWrites[M]>>;
  /** `absent` is the answer for a space without a file; none is made. */
  readonly write: <M extends keyof CellWrites>(
    method: M,
    call: WriteCall,
    args: Args<CellWrites[M]>,
    options: WriteClass,
    absent: Answer<CellWrites[M]>,
  ) => Promise<Answer<CellWrites[M]>>;
}

export function cellCalls(files: SpaceFilesPort): CellCalls {
  return {
    read: (method, call, args, absent) => files.read(method, call, { ...args, now: call.now }, absent),
    make: (method, call, args, options = FOREGROUND) => files.write(method, call, { ...args, now: call.now }, options),
    write: (method, call, args, options, answer) => files.write(method, call, { ...args, now: call.now }, { ...options, absent: { answer } }),
  };
}
