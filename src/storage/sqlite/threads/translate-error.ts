import { CellFailure } from '../cell/cell.ts';
import type { Failure } from './protocol.ts';
import { systemCode } from '../../../kernel/errors.ts';

/** Thrown by `alive()` inside a statement, and between statements, once a call has been stopped. */
export class CallStopped extends Error {
  override readonly name = 'CallStopped';
}

/** The file cannot serve: not ours, damaged, of a newer version. The message is for operators and callers alike. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused';
}

const SQLITE = { busy: 5, locked: 6, readonly: 8, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, notadb: 26 } as const;

const SENTENCES: ReadonlyMap<number, string> = new Map([
  [SQLITE.busy, 'The file of the space is locked by another process; only one server may use a data folder.'],
  [SQLITE.locked, 'The file of the space is locked.'],
  [SQLITE.readonly, 'The file of the space cannot be written: it or its folder is read-only for the server.'],
  [SQLITE.ioerr, 'The disk failed to read or write the file of the space.'],
  [SQLITE.corrupt, 'The file of the space is damaged; restore it from a backup.'],
  [SQLITE.full, 'The disk is full: nothing was written. Reads go on; writes work again once space has been freed.'],
  [SQLITE.cantopen, 'The file of the space cannot be opened.'],
  [SQLITE.notadb, 'The file of the space is damaged: it is no database. Restore it from a backup.'],
]);

const DISK_FULL = 'ENOSPC';
/** System calls that fail so when disk, permissions or file handles are at fault. */
const SYSTEM_CODES: ReadonlySet<string> = new Set([DISK_FULL, 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOTDIR', 'EFBIG']);
/** After these the connection is not trusted any more and the file is opened anew. */
const BREAKING: ReadonlySet<number> = new Set([SQLITE.ioerr, SQLITE.corrupt, SQLITE.cantopen, SQLITE.notadb]);
const SERIOUS: ReadonlySet<number> = new Set([SQLITE.corrupt, SQLITE.notadb]);

/** SQLite's primary result code; undefined for any other error. */
export function sqliteFamily(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Whether the connection that gave this error must be closed. */
export function breaksConnection(error: unknown): boolean {
  return BREAKING.has(sqliteFamily(error) ?? -1);
}

/** Every error of a storage thread becomes what its caller may see here and nowhere else. Messages of SQLite are left out: they quote values. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CellFailure) return { code: error.code, message: error.message, ...(error.details && { details: error.details }) };
  if (error instanceof FileRefused) return { code: 'storage_unavailable', message: error.message, serious: true };
  const cause = technicalText(error);
  const family = sqliteFamily(error);
  const sentence = family === undefined ? systemSentence(error) : SENTENCES.get(family);
  if (sentence === undefined) return { code: 'internal', message: 'Something went wrong inside the storage.', cause };
  return { code: 'storage_unavailable', message: sentence, cause, ...(SERIOUS.has(family ?? -1) && { serious: true }) };
}

function systemSentence(error: unknown): string | undefined {
  const code = systemCode(error);
  if (code === undefined || !SYSTEM_CODES.has(code)) return undefined;
  if (code === DISK_FULL || code === 'EDQUOT') return SENTENCES.get(SQLITE.full);
  return `The file of the space cannot be used (${code}).`;
}

/** Name, code and stack of an error, without its message, which may quote content. */
function technicalText(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const sqlite = 'errstr' in error && 'errcode' in error ? ` ${String(error.errcode)} ${String(error.errstr)}` : '';
  const system = 'code' in error ? ` ${String(error.code)}` : '';
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [`${error.name}${sqlite || system}`, ...frames.slice(0, 8)].join('\n');
}
