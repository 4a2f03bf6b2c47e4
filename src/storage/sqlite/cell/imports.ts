import { CellFailure, type Cell, type Row } from './cell.ts';
import type { ImportProblem, ImportRun, ImportSlice, ImportState, ImportStatus } from '../../../domains/memory/store.ts';
import { storeMemory } from './insert-memory.ts';
import { int, text } from './memory-row.ts';
import { newTally, settleTally, type Tally } from './meta.ts';
import { noteTokeniser } from './text-index.ts';
import { noteTarget } from './vectors.ts';

/** Problems kept with an import; the rest is only counted. */
const MAX_PROBLEMS = 100;
/** An import that has not ended in this time will not: its job was given up before it could say so. */
const LONGEST_MS = 7 * 24 * 3_600_000;
/** Ended imports a space remembers. */
const MAX_ENDED = 1_000;

export interface ImportBeginArgs {
  readonly now: number;
  readonly run: ImportRun;
}

/** Begins an import, or answers with the state of the one that has this id. */
export function importBegin(cell: Cell, { now, run }: ImportBeginArgs): ImportState {
  cell.run(
    `delete from imports where import_id in
       (select import_id from imports where status <> 'running' or started_at < ? order by started_at desc, import_id limit -1 offset ${MAX_ENDED})`,
    now - LONGEST_MS,
  );
  cell.run(
    `insert or ignore into imports (import_id, user, spool_id, name, status, created, duplicates, bad_lines, bad, next_byte, next_line, started_at)
     values (?, ?, ?, ?, 'running', 0, 0, 0, '[]', 0, 0, ?)`,
    run.importId,
    run.user,
    run.spoolId,
    run.name,
    now,
  );
  return requireState(cell, run.importId);
}

export interface ImportSliceArgs {
  readonly now: number;
  readonly slice: ImportSlice;
}

/**
 * Stores a slice and moves the resume point with it. A slice that ends at or before that point has been committed already and
 * changes nothing. An item that conflicts with what is stored becomes a problem of its line; the others stand.
 */
export function importSlice(cell: Cell, { now, slice }: ImportSliceArgs): { readonly state: ImportState; readonly addedBytes: number } {
  const before = requireState(cell, slice.importId);
  if (slice.nextByte <= before.nextByte) return { state: before, addedBytes: 0 };
  if (before.status !== 'running') throw new CellFailure('conflict', `The import has ended (${before.status}).`);
  noteTokeniser(cell);
  noteTarget(cell, slice.embedModel);
  const tally = newTally();
  const results = slice.items.map((item, index) =>
    storeItem(cell, { ...item, importId: slice.importId }, slice.lines[index] ?? slice.nextLine, now, tally),
  );
  settleTally(cell, tally);
  const bad = [...slice.bad, ...results.filter((result) => typeof result === 'object')].toSorted((a, b) => a.line - b.line);
  const state = saveSlice(cell, before, slice, {
    created: results.filter((result) => result === 'created').length,
    duplicates: results.filter((result) => result === 'duplicate').length,
    bad,
  });
  return { state, addedBytes: tally.bytes };
}

function storeItem(cell: Cell, item: ImportSlice['items'][number], line: number, now: number, tally: Tally): 'created' | 'duplicate' | ImportProblem {
  const before = { ...tally };
  cell.run('savepoint item');
  try {
    const { created } = storeMemory(cell, item, now, tally);
    cell.run('release item');
    return created ? 'created' : 'duplicate';
  } catch (error) {
    if (!(error instanceof CellFailure) || error.code === 'internal') throw error;
    cell.run('rollback to item');
    cell.run('release item');
    Object.assign(tally, before);
    return { line, message: error.message };
  }
}

function saveSlice(
  cell: Cell,
  before: ImportState,
  { nextByte, nextLine }: ImportSlice,
  slice: { readonly created: number; readonly duplicates: number; readonly bad: readonly ImportProblem[] },
): ImportState {
  const bad = [...before.bad, ...slice.bad].slice(0, MAX_PROBLEMS);
  cell.run(
    `update imports set created = created + ?, duplicates = duplicates + ?, bad_lines = bad_lines + ?, bad = ?, next_byte = ?, next_line = ?
     where import_id = ?`,
    slice.created,
    slice.duplicates,
    slice.bad.length,
    JSON.stringify(bad),
    nextByte,
    nextLine,
    before.importId,
  );
  return requireState(cell, before.importId);
}

export interface ImportEndArgs {
  readonly now: number;
  readonly importId: string;
  readonly status: ImportStatus;
}

/** Ends an import; one that has ended keeps its first end. */
export function importEnd(cell: Cell, { now, importId, status }: ImportEndArgs): ImportState {
  cell.run(
    `update imports set status = ?, ended_at = ? where import_id = ? and status = 'running'`,
    status,
    status === 'running' ? null : now,
    importId,
  );
  return requireState(cell, importId);
}

export interface ImportStateArgs {
  readonly now: number;
  readonly importId: string;
}

export function importState(cell: Cell, { importId }: ImportStateArgs): ImportState | undefined {
  const row = cell.get('select * from imports where import_id = ?', importId);
  return row && toState(row);
}

function requireState(cell: Cell, importId: string): ImportState {
  const row = cell.get('select * from imports where import_id = ?', importId);
  if (row === undefined) throw new CellFailure('not_found', 'No such import.');
  return toState(row);
}

function toState(row: Row): ImportState {
  return {
    importId: text(row, 'import_id'),
    user: text(row, 'user'),
    spoolId: text(row, 'spool_id'),
    name: text(row, 'name'),
    status: text(row, 'status') as ImportStatus,
    created: int(row, 'created'),
    duplicates: int(row, 'duplicates'),
    badLines: int(row, 'bad_lines'),
    bad: JSON.parse(text(row, 'bad')) as readonly ImportProblem[],
    nextByte: int(row, 'next_byte'),
    nextLine: int(row, 'next_line'),
    startedAt: int(row, 'started_at'),
    ...(row['ended_at'] == null ? {} : { endedAt: int(row, 'ended_at') }),
  };
}
