import { isUtf8 } from 'node:buffer';
import type { SkipReason } from '../model.ts';

/** A file's bytes as the index takes them. */
export type ReadText =
  | { readonly utf8: Uint8Array; readonly lines: number }
  /** Nothing that is searched as text. */
  | { readonly reason: Extract<SkipReason, 'binary' | 'lfs_pointer'> };

/** git's rule: a NUL byte in the first 8,000. */
const LOOKED_AT = 8000;
const LFS_POINTER = Buffer.from('version https://git-lfs.github.com/spec/v1\n');
const LFS_POINTER_BYTES = 1024;
/** More control bytes than this, in bytes that are not UTF-8, is no text of any encoding. */
const CONTROL_SHARE = 0.05;

/**
 * Text in UTF-8, or why it is none. UTF-8 goes through as it is, without its byte order mark; UTF-16 is known by that mark; what is
 * neither is read as Windows-1252, in which every byte means something.
 */
export function readText(bytes: Uint8Array): ReadText {
  const utf16 = utf16Of(bytes);
  if (utf16 !== undefined) return readText(Buffer.from(new TextDecoder(utf16).decode(bytes)));
  if (bytes.subarray(0, LOOKED_AT).includes(0)) return { reason: 'binary' };
  if (bytes.length < LFS_POINTER_BYTES && startsWith(bytes, LFS_POINTER)) return { reason: 'lfs_pointer' };
  if (isUtf8(bytes)) return asText(withoutMarks(bytes));
  if (controlShare(bytes.subarray(0, LOOKED_AT)) > CONTROL_SHARE) return { reason: 'binary' };
  return asText(Buffer.from(new TextDecoder('windows-1252').decode(bytes)));
}

const UTF8_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

/** What has been read once reads the same again. */
function withoutMarks(bytes: Uint8Array): Uint8Array {
  let text = bytes;
  while (startsWith(text, UTF8_MARK)) text = text.subarray(UTF8_MARK.length);
  return text;
}

function utf16Of(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, at) => bytes[at] === byte);
}

function controlShare(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte < 32 && (byte < 9 || byte > 13) && byte !== 27) count++;
  return count / bytes.length;
}

function asText(utf8: Uint8Array): ReadText {
  return { utf8, lines: countLines(utf8) };
}

/** The last one counts whether it is ended or not; an empty file has none. */
function countLines(utf8: Uint8Array): number {
  const view = Buffer.from(utf8.buffer, utf8.byteOffset, utf8.byteLength);
  let lines = 0;
  for (let at = view.indexOf(10); at >= 0; at = view.indexOf(10, at + 1)) lines++;
  return view.length > 0 && view[view.length - 1] !== 10 ? lines + 1 : lines;
}
