import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { EdgeBlock } from '../../../domains/code/store.ts';

/** A block is far smaller; one that claims more was not written by us. */
const MAX_BYTES = 16 * 1024 * 1024;

/** A name as bytes that SQLite sorts as JavaScript sorts the name: UTF-16, the high byte first. */
export function sortableName(name: string): Buffer {
  return Buffer.from(name, 'utf16le').swap16();
}

export function nameOf(sortable: Uint8Array): string {
  return Buffer.from(sortable).swap16().toString('utf16le');
}

export function packRows(rows: EdgeBlock['rows']): Buffer {
  return zstdCompressSync(JSON.stringify(rows));
}

export function unpackRows(packed: Uint8Array): EdgeBlock['rows'] {
  return JSON.parse(zstdDecompressSync(packed, { maxOutputLength: MAX_BYTES }).toString('utf8')) as EdgeBlock['rows'];
}
