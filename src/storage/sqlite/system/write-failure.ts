import { PolymniaError } from '../../../kernel/errors.ts';
import type { WriteFailure } from './writer-protocol.ts';

/** SQLite's primary codes with a sentence of their own; all others are `internal`. */
const SENTENCES: ReadonlyMap<number, string> = new Map([
  [5, 'The file system.db is locked by another process; only one server may use a data folder.'],
  [8, 'The file system.db cannot be written: it or its folder is read-only for the server.'],
  [10, 'The disk failed to read or write the file system.db.'],
  [11, 'The file system.db is damaged; restore it from a backup.'],
  [13, 'The disk is full: nothing was written. Reads go on; writes work again once space has been freed.'],
  [14, 'The file system.db cannot be opened.'],
  [26, 'The file system.db is damaged: it is no database. Restore it from a backup.'],
]);

/** Any error of the writer or of a read, as its caller may see it. SQLite's own messages are left out: they can quote values. */
export function writeFailureOf(error: unknown): WriteFailure {
  if (error instanceof PolymniaError) return { code: error.code, message: error.message, ...(error.details && { details: error.details }) };
  const cause = technicalText(error);
  const sentence = SENTENCES.get(sqliteFamily(error) ?? -1) ?? systemSentence(error);
  if (sentence !== undefined) return { code: 'storage_unavailable', message: sentence, cause };
  return { code: 'internal', message: 'Something went wrong inside the storage.', cause };
}

/** The failure as an error again, on the main thread. */
export function toWriteError({ code, message, details, cause }: WriteFailure): PolymniaError {
  return new PolymniaError(code, message, { ...(details && { details }), ...(cause !== undefined && { cause: new Error(cause) }) });
}

function sqliteFamily(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

function systemSentence(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return `The file system.db cannot be used (${String(error.code)}).`;
}

/** Codes and stack without the message. */
function technicalText(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const codes = ['errcode' in error ? String(error.errcode) : '', 'errstr' in error ? String(error.errstr) : ''].join(' ').trim();
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [`${error.name} ${codes}`, ...frames.slice(0, 8)].join('\n');
}
