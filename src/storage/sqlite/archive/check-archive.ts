import { rm } from 'node:fs/promises';
import type { MaintenanceThread } from '../threads/maintenance-host.ts';
import { filesOf } from '../threads/space-path.ts';
import { isDamage, unpack } from './packing.ts';

/** What is wrong with a packed file; empty = sound. `scratch` is where it is unpacked to be looked at; nothing stays there. */
export async function checkArchive(path: string, scratch: string, maintenance: MaintenanceThread, signal: AbortSignal): Promise<readonly string[]> {
  try {
    await rm(scratch, { force: true });
    await unpack(path, scratch, signal);
    return await maintenance.check(scratch, signal);
  } catch (error) {
    if (isDamage(error)) return ['the packed file is damaged'];
    throw error;
  } finally {
    for (const file of filesOf(scratch)) await rm(file, { force: true });
  }
}
