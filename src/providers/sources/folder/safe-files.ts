import { closeSync, constants, existsSync, fstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import type { SkipReason } from '../../../domains/code/model.ts';
import { systemCode } from '../../../kernel/errors.ts';

/** Linux tells where an open file really lies; elsewhere the path is resolved a second time. */
const HAS_OPEN_FILES = existsSync('/proc/self/fd');
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** An open file or folder whose real place was compared with where it should be. */
export interface OpenPlace extends Disposable {
  readonly fd: number;
  readonly stats: BigIntStats;
}

/** Why a file cannot be had. */
export class NotReadable extends Error {
  override readonly name = 'NotReadable';
  readonly reason: SkipReason;

  constructor(reason: SkipReason, cause?: unknown) {
    super(reason, { cause });
    this.reason = reason;
  }
}

/**
 * Opens what lies at a real path, following no link in any part of it: whoever swaps a folder above it for a link meanwhile is
 * found out, since what was opened then lies elsewhere. Never waits for the other end of a pipe. Throws {@link NotReadable}.
 */
export function openInPlace(path: string, extraFlags = 0): OpenPlace {
  const fd = attempt(() => openSync(path, FILE_FLAGS | extraFlags));
  try {
    const isThere = attempt(() => (HAS_OPEN_FILES ? readlinkSync(`/proc/self/fd/${fd}`) : realpathSync.native(path))) === path;
    if (!isThere) throw new NotReadable('changed_while_read');
    const stats = attempt(() => fstatSync(fd, { bigint: true }));
    return { fd, stats, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Opens a folder; `listPath` names the open one itself, wherever its path leads by now. */
export function openFolder(path: string): OpenPlace & { readonly listPath: string } {
  const folder = openInPlace(path, constants.O_DIRECTORY);
  return { ...folder, listPath: HAS_OPEN_FILES ? `/proc/self/fd/${folder.fd}` : path };
}

/** All bytes of a regular file that is as `expected` says, and the same after as before. Throws {@link NotReadable}. */
export function readWhole(path: string, expected: { readonly bytes: number; readonly stat?: string }): Buffer {
  using file = openInPlace(path);
  if (!file.stats.isFile()) throw new NotReadable('special_file');
  const before = statSignature(file.stats);
  if (expected.stat !== undefined && before !== expected.stat) throw new NotReadable('changed_while_read');
  const bytes = readBytes(file.fd, expected.bytes);
  const after = statSignature(attempt(() => fstatSync(file.fd, { bigint: true })));
  if (bytes.byteLength !== expected.bytes || after !== before) throw new NotReadable('changed_while_read');
  return bytes;
}

/** Changes whenever the file's bytes may have: size, mtime, ctime, inode, device. */
export function statSignature({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): string {
  return `${size}:${mtimeNs}:${ctimeNs}:${ino}:${dev}`;
}

/** One byte more than expected is asked for, so that growth is seen. */
function readBytes(fd: number, expected: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(expected + 1);
  let filled = 0;
  for (let got = -1; got !== 0 && filled < bytes.byteLength; filled += got)
    got = attempt(() => readSync(fd, bytes, filled, bytes.byteLength - filled, null));
  return bytes.subarray(0, filled);
}

/** What the system says no to becomes a reason; gone, moved or a link by now = it changed. */
export function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ESTALE'].includes(code)) throw new NotReadable('changed_while_read', error);
    // A socket, or a device without a driver.
    throw new NotReadable(code === 'ENXIO' || code === 'ENODEV' ? 'special_file' : 'unreadable', error);
  }
}
