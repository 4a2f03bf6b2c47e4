import { constants, copyFileSync, linkSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PolymniaError } from '../../../kernel/errors.ts';
import { attempt } from './write-once-file.ts';

/** Where a generation's files lie. Segment names are ours: letters, digits and hyphens. */
export const generationFiles = {
  manifest: (folder: string): string => join(folder, 'manifest.db'),
  /** Being written; becomes `manifest.db`. */
  nextManifest: (folder: string): string => join(folder, 'manifest.next.db'),
  text: (folder: string, segment: string): string => join(folder, `${segment}.text.db`),
  symbols: (folder: string, segment: string): string => join(folder, `${segment}.symbols.db`),
};

/** Takes a segment of another generation over: the same files under one more name, or copies where the disk knows no links. */
export function adoptSegment(from: string, to: string, segment: string): void {
  for (const place of [generationFiles.text, generationFiles.symbols]) {
    const target = place(to, segment);
    attempt(target, () => linkOrCopy(place(from, segment), target));
  }
}

interface SegmentFiles {
  readonly name: string;
  readonly hasSymbols: boolean;
}

/** Bytes on disk of some segments, linked ones too. */
export function segmentBytes(folder: string, segments: readonly SegmentFiles[]): number {
  return pathsOf(folder, segments).reduce((sum, path) => sum + attempt(path, () => statSync(path).size), 0);
}

/** Resolves when segments, manifest and their names are on disk; all at once, since they wait for the same disk. */
export async function syncGeneration(folder: string, segments: readonly SegmentFiles[]): Promise<void> {
  await Promise.all([...pathsOf(folder, segments), generationFiles.manifest(folder), folder].map(syncPath));
}

function pathsOf(folder: string, segments: readonly SegmentFiles[]): string[] {
  return segments.flatMap(({ name, hasSymbols }) => [
    generationFiles.text(folder, name),
    ...(hasSymbols ? [generationFiles.symbols(folder, name)] : []),
  ]);
}

async function syncPath(path: string): Promise<void> {
  try {
    await using handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    throw new PolymniaError('storage_unavailable', 'A file of the index could not be written to disk.', { cause: error });
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!UNLINKABLE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
}

/** No links here: another disk, a file system without them, or too many of one file. */
const UNLINKABLE = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK']);
