import { open } from 'node:fs/promises';

/** Makes what a folder lists durable: names of files made, renamed or removed in it. */
export async function syncFolder(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}
