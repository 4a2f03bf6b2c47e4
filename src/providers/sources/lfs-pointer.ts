/** A pointer is shorter than this (Git LFS specification). */
const MAX_POINTER_BYTES = 1024;
const HEADER = Buffer.from('version https://git-lfs.github.com/spec/v1\n');

/** Does the file only say where Git LFS keeps the real one? */
export function isLfsPointer(bytes: Uint8Array): boolean {
  return bytes.byteLength < MAX_POINTER_BYTES && HEADER.equals(bytes.subarray(0, HEADER.byteLength));
}
