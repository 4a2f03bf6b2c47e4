import { opendir, stat } from 'node:fs/promises';
import { systemCode } from '../../kernel/errors.ts';

/** Names in a folder, in no order; none where there is no such folder. */
export async function* namesIn(folder: string): AsyncIterable<string> {
  try {
    for await (const entry of await opendir(folder)) yield entry.name;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error;
  }
}

/** Undefined when there is no such file. */
export async function statOf(path: string): Promise<{ readonly size: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Bytes of a file; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  return (await statOf(path))?.size ?? 0;
}
